"""A run over fake hosts whose inputs take a known time to wait for, and whose job writes down what it does when."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cctrawl.testing import FakeHosts, WarcWriter

JOB = """
import os, socket, time
import cctrawl

@cctrawl.job("host", "process")
def wait(records):
    for record in records:
        note("begin", record.url)
        time.sleep({wait_s})
        yield socket.gethostname(), os.getpid()
        note("end", record.url)

def note(what, url):
    steps = os.open({steps!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(steps, f"{{time.time()}} {{socket.gethostname()}} {{what}} {{url}}\\n".encode())
    os.close(steps)
"""
_POLL_S = 0.01
_PATIENCE_S = 120.0


class Step(NamedTuple):
    """When a job began or ended an input, and where; all fake hosts have one clock."""

    time_s: float
    host: str
    what: str
    url: str


class HostRun:
    """One run after another over hosts, each into an output of its own.

    Args:
        hosts: the hosts.
        folder: for inputs, job, and what is written; hosts see it too.
        inputs: how many.
        wait_s: seconds that each takes.
    """

    def __init__(self, hosts: FakeHosts, folder: Path, *, inputs: int, wait_s: float) -> None:
        self.hosts = hosts
        self._folder = folder
        (folder / "inputs").mkdir(parents=True)
        self._list = folder / "list"
        self._list.write_text("".join(f"{path}\n" for path in _made(folder / "inputs", inputs)))
        self._steps = folder / "steps"
        (folder / "waiting.py").write_text(JOB.format(wait_s=wait_s, steps=str(self._steps)))

    def start(self, names: Sequence[str], *options: str) -> tuple[subprocess.Popen[bytes], float]:
        """Start a run with a worker on each of these hosts; return it and when it began, on the steps' clock."""
        self._steps.unlink(missing_ok=True)
        listed = self.hosts.hosts_file(*(f"{name} 1" for name in names))
        words = [sys.executable, "-m", "cctrawl", "run", "waiting.py:wait", "--files", "-", "-o", "out.csv", "-q"]
        words += ["--restart", "--data-dir", "data", "--hosts", str(listed), "--python", sys.executable, *options]
        began = time.time()
        with self._list.open("rb") as stdin, (self._folder / "stderr").open("wb") as errors:
            return self.hosts.popen(words, stdin=stdin, stderr=errors, cwd=self._folder), began

    def finish(self, process: subprocess.Popen[bytes]) -> float:
        """Wait for the end of a run; return the time of it, on the steps' clock."""
        if process.wait():
            sys.exit((self._folder / "stderr").read_text(errors="replace"))
        return time.time()

    def said(self) -> str:
        """Return what the run wrote to stderr."""
        return (self._folder / "stderr").read_text(errors="replace")

    def steps(self) -> list[Step]:
        """Return what was done so far, in the order of time."""
        if not self._steps.exists():
            return []
        rows = [line.split() for line in self._steps.read_text().splitlines()]
        return sorted(Step(float(row[0]), *row[1:]) for row in rows)

    def first(self, host: str, *, after: float = 0.0) -> float:
        """Wait until a host begins an input after a time, and return when it did."""
        return self._first_begun(lambda step: step.host == host, after)

    def first_of(self, url: str, *, after: float) -> float:
        """Wait until an input is begun after a time, wherever that is, and return when it was."""
        return self._first_begun(lambda step: step.url == url, after)

    def _first_begun(self, is_meant: Callable[[Step], bool], after: float) -> float:
        times: list[float] = []

        def begun() -> list[float]:
            steps = [step for step in self.steps() if step.what == "begin" and step.time_s > after]
            times[:] = [step.time_s for step in steps if is_meant(step)]
            return times

        await_that(begun)
        return times[0]


def _made(folder: Path, inputs: int) -> Iterator[Path]:
    """Make inputs of one page each, every page with a URL of its own."""
    for number in range(inputs):
        path = folder / f"{number:05}.warc.gz"
        with WarcWriter(path) as writer:
            writer.write_response(f"https://{number}.example.org/", b"<p>a page")
        yield path


def await_that(condition: Callable[[], object]) -> float:
    """Wait until something holds, and return when it did, in seconds since the epoch."""
    until = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            sys.exit("it does not come to that")
        time.sleep(_POLL_S)
    return time.time()
