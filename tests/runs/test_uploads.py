"""Runs whose workers upload their parts to S3 themselves, as those on other machines do."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from tests.runs.test_buckets import content

import cctrawl
from cctrawl.errors import AbortedError
from cctrawl.runs import cluster
from cctrawl.runs.engine import Event, Finished, LocalEngine
from cctrawl.runs.jobs import load_job
from cctrawl.runs.task import Setup, Task, TaskFailure, TaskProgress, run_task
from cctrawl.settings import Settings
from cctrawl.testing import WarcWriter
from cctrawl.transport import Transport

if TYPE_CHECKING:
    from tests.conftest import Moto
    from tests.s3_proxy import Proxy


@cctrawl.job("url", "size")
def urls(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str, int]]:
    """One row per page."""
    for record in records:
        yield record.url, len(record.payload)


class Elsewhere(LocalEngine):
    """An engine as hosts have it: no file comes to the driver. The driver may go after so many inputs."""

    last: Elsewhere
    most = 1000

    def __init__(self, setup: Setup, options: cluster.ClusterOptions, **given: Any) -> None:  # noqa: ANN401, ARG002 - as open_engine has it
        super().__init__(setup, 1, timeout_s=given["timeout_s"])
        self.scratch: Path = given["staged"].parents[1] / "of-a-host"
        self.scratch.mkdir(exist_ok=True)
        self.uploaded: list[str] = []
        Elsewhere.last = self

    def submit(self, task: Task) -> None:
        """Begin a task whose part is elsewhere."""
        super().submit(replace(task, part=self.scratch / task.part.name))

    def events(self, timeout_s: float) -> list[Event]:
        """Return what has happened."""
        if len(self.uploaded) >= self.most:
            raise KeyboardInterrupt
        events = super().events(timeout_s)
        self.uploaded += [event.result.uploaded for event in events if isinstance(event, Finished)]
        return events


@pytest.fixture
def bucket(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> str:
    """The location of an empty bucket; hosts are stood for by an engine of this machine."""
    moto.lead(monkeypatch)
    monkeypatch.setitem(vars(cluster), "open_engine", Elsewhere)
    return f"s3://{moto.make_bucket()}/"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Five small WARC files with one page each."""
    paths = [tmp_path / f"{n}.warc.gz" for n in range(5)]
    for number, path in enumerate(paths):
        with WarcWriter(path) as writer:
            writer.write_response(f"http://s{number}.org/", b"page" * number)
    return paths


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A hosts file."""
    path = tmp_path / "hosts.txt"
    path.write_text("h1\n")
    return path


def test_rows_do_not_pass_through_the_driver(bucket: str, files: list[Path], hosts: Path) -> None:
    """Each part is uploaded by its worker and copied to its place by S3, and no other file stays; or comes back."""
    report = cctrawl.run(urls, files=files, output=bucket + "out/", format="csv", hosts=hosts)
    assert report.state == "done"
    uploaded = Elsewhere.last.uploaded
    assert len(set(uploaded)) == 5
    assert all(location.startswith(bucket + "out/.cctrawl-parts/") for location in uploaded)
    assert content(bucket + "out/") == {
        f"part-00000{n}.csv": b"url,size\nhttp://s%d.org/,%d\n" % (n, 4 * n) for n in range(5)
    }
    assert content(bucket + "out/.cctrawl-parts/") == {}
    assert list(Elsewhere.last.scratch.iterdir()) == []
    with Transport(Settings.resolve()) as transport:
        transport.put(files[0], bucket + "out/.cctrawl-parts/000004.of-a-late-try")
    cctrawl.run(urls, files=files[:1], output=bucket + "out/", format="csv", restart=True)
    assert sorted(content(bucket + "out/")) == ["part-000000.csv"]
    assert content(bucket + "out/.cctrawl-parts/") == {}


def test_a_run_over_hosts_goes_on_without(
    bucket: str, files: list[Path], hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was uploaded before the driver went is used, also without hosts; what nobody claims is removed."""
    with monkeypatch.context() as patch:
        patch.setattr(Elsewhere, "most", 2)
        with pytest.raises(KeyboardInterrupt):
            cctrawl.run(urls, files=files, output=bucket + "out/", hosts=hosts)
    with Transport(Settings.resolve()) as transport:
        transport.put(files[0], bucket + "out/.cctrawl-parts/000004.of-a-dead-try")
    second = cctrawl.run(urls, files=files, output=bucket + "out/", workers=1)
    assert second.state == "done"
    assert 0 < second.effort.source_bytes < sum(path.stat().st_size for path in files)
    parts = content(bucket + "out/")
    rows = [row for name in sorted(parts) for row in pq.read_table(io.BytesIO(parts[name])).to_pylist()]
    assert rows == [{"url": f"http://s{n}.org/", "size": 4 * n} for n in range(5)]
    assert content(bucket + "out/.cctrawl-parts/") == {}


@pytest.mark.parametrize("fault", ["deny", "gone", "fail"])
@pytest.mark.parametrize("begins", [1, 3])
def test_a_machine_that_cannot_upload(
    bucket: str, proxy: Proxy, files: list[Path], tmp_path: Path, fault: str, *, begins: int
) -> None:
    """It is the machine's trouble, not the input's; it is seen before an input is read. No file stays."""
    reference, job = load_job(urls)
    settings = Settings.resolve(tries=1)
    setup = Setup(reference, "csv", True, "skip", settings, parts_url=bucket + "x/")
    proxy.plan = dict.fromkeys(range(begins, 9), fault)
    progress = TaskProgress()
    with Transport(settings) as transport:
        task = Task(0, str(files[0]), tmp_path / "part", ("url", "size"))
        failure = run_task(task, setup, job, transport, progress)
    assert isinstance(failure, TaskFailure)
    assert (failure.verdict, failure.is_local) == ("stop", True)
    assert failure.message.startswith("parts cannot be uploaded: ")
    assert (progress.stream is None) == (begins == 1)
    assert not (tmp_path / "part").exists()


def test_a_run_ends_where_nobody_can_upload(bucket: str, proxy: Proxy, files: list[Path], hosts: Path) -> None:
    """If no worker may write to the bucket, that is said, with what to do."""
    proxy.plan = dict.fromkeys(range(6, 999), "deny")
    with pytest.raises(AbortedError, match="parts cannot be uploaded") as caught:
        cctrawl.run(urls, files=files, output=bucket + "out/", format="csv", hosts=hosts)
    assert "may these credentials" in (caught.value.hint or "")
