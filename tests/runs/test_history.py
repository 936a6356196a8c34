"""Which runs there were: what becomes of a run shows, and its command goes on with it."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import cctrawl
from cctrawl.errors import InvalidInputError
from cctrawl.runs.ledger import RunFolder
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls, FakeServer, SlowBytes, WarcWriter

CRAWL = "CC-MAIN-2024-22"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three small WARC files with one page each."""
    paths = [tmp_path / "warcs" / f"{n}.warc.gz" for n in range(3)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        with WarcWriter(path) as writer:
            writer.write_response(f"http://s{number}.org/", b"page")
    return paths


@cctrawl.job("url")
def urls(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """One row per page."""
    for record in records:
        yield (record.url,)


def shell(line: str) -> None:
    """Give a shell the line that the history shows."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-c", line], check=True, capture_output=True, env={**os.environ, "PATH": path})


def test_a_run_is_entered_with_its_numbers(files: list[Path], tmp_path: Path) -> None:
    """A finished run shows its output, job, counts and times, and nothing to go on with."""
    cctrawl.run(urls, files=files, output=tmp_path / "x.csv")
    (run,) = cctrawl.past_runs()
    assert (run.output, run.state, run.done, run.inputs, run.failed, run.rows) == (
        str(tmp_path / "x.csv"),
        "done",
        3,
        3,
        0,
        3,
    )
    assert run.began <= run.updated
    assert run.resume == ""


def test_a_run_to_stdout_is_not_entered(files: list[Path], capfd: pytest.CaptureFixture[str]) -> None:
    """What cannot go on is not listed."""
    cctrawl.run(urls, files=files, output="-", quiet=True)
    assert capfd.readouterr().out
    assert cctrawl.past_runs() == []


def test_an_output_that_is_gone_is_said_so_and_can_be_forgotten(files: list[Path], tmp_path: Path) -> None:
    """A removed output is `gone`; it leaves the list when asked to."""
    cctrawl.run(urls, files=files, output=tmp_path / "x.csv")
    cctrawl.run(urls, files=files, output=f"{tmp_path}/out/")
    (tmp_path / "x.csv").unlink()
    assert {run.output: run.state for run in cctrawl.past_runs()} == {
        str(tmp_path / "x.csv"): "gone",
        str(tmp_path / "out"): "done",
    }
    assert [run.state for run in cctrawl.past_runs(forget_gone=True)] == ["done"]
    assert [run.state for run in cctrawl.past_runs()] == ["done"]


def test_the_command_shown_tries_quarantined_inputs_again(fake: FakeCrawls, tmp_path: Path) -> None:
    """An incomplete run from a piped list goes on by the line that is shown, from any folder."""
    work = tmp_path / "it's here"
    work.mkdir()
    broken = work / "broken.warc.gz"
    broken.write_bytes(b"no WARC")
    paths = [str(fake.root / path) for path in fake.files(CRAWL)[:2]]
    words = [sys.executable, "-m", "cctrawl", "run", "--files", "-", "-o", "x.csv", "--tries", "1", "--", "themes"]
    listed = "\n".join([paths[0], "broken.warc.gz", paths[1]])
    done = subprocess.run(words, input=listed, text=True, cwd=work, capture_output=True, check=False)
    assert done.returncode == 4
    (run,) = cctrawl.past_runs()
    assert (run.state, run.done, run.failed) == ("incomplete", 2, 1)
    shutil.copy(paths[0], broken)
    shell(run.resume)
    assert cctrawl.past_runs()[0].state == "done"
    with (work / "x.csv").open(newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)][1:]
    first, second = (fake.expected_themes([path]) for path in fake.files(CRAWL)[:2])
    assert rows == first + first + second


def test_a_run_that_was_killed_shows_as_interrupted_and_goes_on(
    fake: FakeCrawls, server: FakeServer, tmp_path: Path
) -> None:
    """While it works a run is `running`; killed, it is `interrupted`, and its command goes on."""
    server.set_faults([SlowBytes(path="*/warc/*", bytes_per_s=30_000)])
    words = [sys.executable, "-m", "cctrawl", "run", "themes", "-c", CRAWL, "-o", "x.csv", "--base-url", server.url]
    process = subprocess.Popen([*words, "--restart"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    with process:
        deadline = time.monotonic() + 60
        while not cctrawl.past_runs() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [run.state for run in cctrawl.past_runs()] == ["running"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        while cctrawl.past_runs()[0].state == "running" and time.monotonic() < deadline:
            time.sleep(0.05)  # a worker that was about to be born may hold the lock a moment longer
    (run,) = cctrawl.past_runs()
    assert run.state == "interrupted"
    assert "--restart" not in run.resume
    server.set_faults()
    shell(run.resume)
    (again,) = cctrawl.past_runs()
    assert (again.state, again.began) == ("done", run.began)
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [tuple(row) for row in csv.reader(file)][1:] == fake.expected_themes(fake.files(CRAWL))


def test_a_data_folder_that_cannot_be_written_does_not_break_a_run(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a place for the history a run says so once and does its work."""
    (tmp_path / "no folder").write_text("a file")
    settings = Settings.resolve(data_dir=tmp_path / "no folder")
    assert cctrawl.run(urls, files=files, output=tmp_path / "x.csv", settings=settings).state == "done"
    assert capsys.readouterr().err.count("not entered into `cctrawl runs`") == 1


def test_looking_does_not_get_into_the_way_of_a_run(files: list[Path], tmp_path: Path) -> None:
    """A look at the lock does not take it; a run that holds it is refused to others."""
    cctrawl.run(urls, files=files, output=f"{tmp_path}/out/")
    folder = RunFolder(tmp_path / "out" / ".cctrawl")
    with pytest.raises(InvalidInputError, match="works on this output"):
        cctrawl.run(urls, files=files, output=f"{tmp_path}/out/")
    folder.close()
    cctrawl.past_runs()
    assert cctrawl.run(urls, files=files, output=f"{tmp_path}/out/").state == "done"
