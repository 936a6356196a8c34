"""Jobs that misbehave in every way: each is named with its input, and its neighbours are done, once."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import cctrawl
from cctrawl.settings import Settings
from cctrawl.testing import WarcWriter

BAD = 2

pytestmark = pytest.mark.usefixtures("each_engine")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Five small WARC files with one page each."""
    folder = tmp_path / "warcs"
    folder.mkdir()
    paths = [folder / f"{n}.warc.gz" for n in range(5)]
    for number, path in enumerate(paths):
        with WarcWriter(path) as writer:
            writer.write_response(f"http://s{number}.org/", b"page")
    return paths


def is_bad(record: cctrawl.Record) -> bool:
    """Tell whether this is the page on which the jobs misbehave."""
    return record.url == f"http://s{BAD}.org/"


@cctrawl.job("url")
def raises(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """Raise an exception that cannot be pickled, from a cause that cannot be shown."""

    class Odd(Exception):  # noqa: N818 - it is odd
        def __reduce__(self) -> tuple[object, ...]:
            raise TypeError("not me")

        def __str__(self) -> str:
            raise ValueError("nor my text")

    for record in records:
        if is_bad(record):
            raise Odd
        yield (record.url,)


@cctrawl.job("url")
def segfaults(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """Read from where there is nothing."""
    for record in records:
        if is_bad(record):
            ctypes.string_at(0)
        yield (record.url,)


@cctrawl.job("url")
def exits(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """End the process, without a word."""
    for record in records:
        if is_bad(record):
            os._exit(0)
        yield (record.url,)


@cctrawl.job("url")
def quits(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """Call exit, as scripts do."""
    for record in records:
        if is_bad(record):
            sys.exit("enough")
        yield (record.url,)


@cctrawl.job("url")
def hangs_in_python(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """Never come back."""
    for record in records:
        while is_bad(record):
            pass
        yield (record.url,)


@cctrawl.job("url")
def hangs_in_c(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """Sleep in C without letting go of the interpreter's lock: no other thread of the process ever runs."""
    for record in records:
        if is_bad(record):
            ctypes.PyDLL(None).sleep(600)
        yield (record.url,)


@cctrawl.job("url")
def leaks(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """Hold more and more memory."""
    held = []
    for record in records:
        while is_bad(record):
            held.append(os.urandom(1) * 4_000_000)
            time.sleep(0.01)
        yield (record.url,)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (raises, ["raised Odd: a message that cannot be shown", "test_hostile_jobs.py"]),
        (segfaults, ["SIGSEGV"]),
        (exits, ["exit code 0"]),
        (quits, ["enough"]),
        (hangs_in_python, ["took no further record for 3 s", "--timeout"]),
        (hangs_in_c, ["took no further record for 3 s", "--timeout"]),
        (leaks, ["MiB", "--max-memory"]),
    ],
    ids=lambda value: value.name if isinstance(value, cctrawl.Job) else "",
)
def test_a_job_that_misbehaves_is_named_and_its_neighbours_are_done(
    files: list[Path], tmp_path: Path, job: cctrawl.Job, words: list[str]
) -> None:
    """Whatever a job does on one input, that one is quarantined with the reason, and all others have their rows."""
    report = cctrawl.run(
        job,
        files=files,
        output=tmp_path / "x.csv",
        workers=2,
        timeout=3 if job.name.startswith("hangs") else "30m",
        max_memory="400MiB",
        settings=Settings.resolve(tries=1),
    )
    assert [Path(failed.input) for failed in report.failures] == [files[BAD]]
    assert [word for word in words if word not in report.failures[0].error] == []
    assert (report.state, report.inputs_done, report.rows) == ("incomplete", 4, 4)


PRINTS = """
import os
import cctrawl

@cctrawl.job("url")
def prints(records):
    for record in records:
        if "s2" in record.url:
            for number in range(80_000):
                print("line", number)
            os.write(2, b"and no end")
        yield (record.url,)
"""


def test_a_job_may_print_eighty_thousand_lines(files: list[Path], tmp_path: Path) -> None:
    """What a job prints goes to stderr, two hundred lines of it, the rest is counted; stdout has the rows alone."""
    (tmp_path / "loud.py").write_text(PRINTS)
    words = [sys.executable, "-m", "cctrawl", "run", "loud.py:prints", "--files", *map(str, files)]
    done = subprocess.run(
        [*words, "-o", "-", "-f", "csv", "--workers", "2"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["url", *(f"http://s{n}.org/" for n in range(5))]
    lines = done.stderr.splitlines()
    assert lines[:200] == [f"line {number}" for number in range(200)]
    assert "(79,801 more lines of the job are not shown)" in lines
    assert len(lines) < 220
