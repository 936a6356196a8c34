"""Which engine a run gets, and when; runs that go from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cctrawl
from cctrawl.errors import EngineError
from cctrawl.runs import cluster
from cctrawl.runs.engine import HostStatus, LocalEngine
from cctrawl.runs.task import Setup
from cctrawl.testing import WarcWriter


@cctrawl.job("url")
def urls(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """One row per page."""
    for record in records:
        yield (record.url,)


class OneHost(LocalEngine):
    """An engine that says it is another machine."""

    def hosts(self) -> list[HostStatus]:
        """Return one host."""
        return [HostStatus("h1", "up", 1, 2, 1000, "")]


class Opened:
    """Stands for the engine of hosts; keeps what it was opened with, or refuses."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.refusal: Exception | None = None

    def __call__(self, setup: Setup, options: cluster.ClusterOptions, **given: Any) -> LocalEngine:  # noqa: ANN401 - as many as there are
        """Return an engine of this machine, or raise."""
        self.calls.append({"options": options, **given})
        if self.refusal is not None:
            raise self.refusal
        return OneHost(setup, 1, timeout_s=given["timeout_s"])


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Who opens the engine of hosts."""
    fake = Opened()
    monkeypatch.setitem(vars(cluster), "open_engine", fake)
    return fake


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A hosts file."""
    path = tmp_path / "hosts.txt"
    path.write_text("h1\n")
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three small WARC files with one page each, of which the second is not there yet."""
    (tmp_path / "warcs").mkdir()
    paths = [tmp_path / "warcs" / f"{n}.warc.gz" for n in range(3)]
    for path in (paths[0], paths[2]):
        write(path)
    return paths


def write(path: Path) -> None:
    """Write a WARC file with a page."""
    with WarcWriter(path) as writer:
        writer.write_response(f"http://{path.name}/", b"page")


def test_a_run_goes_on_over_hosts_and_back(opened: Opened, hosts: Path, files: list[Path], tmp_path: Path) -> None:
    """What one engine began the other goes on with: the same rows; hosts hear only of what is left."""
    output = tmp_path / "x.csv"
    first = cctrawl.run(urls, files=files, output=output, workers=1)
    assert (first.state, first.hosts, opened.calls) == ("incomplete", [], [])
    write(files[1])
    second = cctrawl.run(urls, files=files, output=output, hosts=hosts, lease=7, retry_failed=True)
    assert (second.state, [host.host for host in second.hosts]) == ("done", ["h1"])
    assert output.read_text().split() == ["url", *(f"http://{path.name}/" for path in files)]
    (call,) = opened.calls
    assert call["inputs"] == [str(files[1])]
    assert (call["options"].lease_s, call["workers"]) == (7.0, None)
    assert call["staged"].parent.name == "x.csv.cctrawl"
    assert cctrawl.run(urls, files=files, output=output).effort.source_bytes == 0


def test_a_finished_output_needs_no_host(opened: Opened, hosts: Path, files: list[Path], tmp_path: Path) -> None:
    """With nothing left to do no host is asked."""
    cctrawl.run(urls, files=files[:1], output=tmp_path / "x.csv", hosts=hosts)
    opened.refusal = EngineError("no host")
    assert cctrawl.run(urls, files=files[:1], output=tmp_path / "x.csv", hosts=hosts).hosts == []
    assert len(opened.calls) == 1


@pytest.mark.parametrize("how", ["restart", "retry_failed"])
def test_hosts_that_refuse_leave_all_as_it_was(
    opened: Opened, hosts: Path, files: list[Path], tmp_path: Path, how: str
) -> None:
    """Where no host can be used, neither rows nor ledger change, and a run that shall begin leaves nothing."""
    opened.refusal = EngineError("no host can be used")
    cctrawl.run(urls, files=files, output=tmp_path / "x.csv", workers=1)
    before = (tmp_path / "x.csv").read_bytes()
    with pytest.raises(EngineError):
        cctrawl.run(urls, files=files, output=tmp_path / "x.csv", hosts=hosts, **{how: True})  # type: ignore[arg-type]
    assert (tmp_path / "x.csv").read_bytes() == before
    again = cctrawl.run(urls, files=files, output=tmp_path / "x.csv")
    assert [failed.input for failed in again.failures] == [str(files[1])]
    with pytest.raises(EngineError):
        cctrawl.run(urls, files=files, output=tmp_path / "new" / "x.csv", hosts=hosts)
    assert not (tmp_path / "new").exists()
