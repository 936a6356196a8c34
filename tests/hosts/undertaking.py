"""A run over the three hosts of a lab whose rows are known, and whose every step is written down as it happens."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.hosts.conftest import Lab

from cctrawl.testing import WarcWriter

EXIT_FAILED_INPUTS = 4  # what the user's own code raised is shown as it was raised
WAIT_S = 90.0  # nothing in a test takes nearly so long

JOB = """
import time
import cctrawl
from beside import hold, misbehave, note


@cctrawl.job("url", "length")
def visit(records):
    for record in records:
        note("page", record.url)
        hold()
        misbehave(record.url)
        time.sleep({pause_s})
        yield record.url, len(record.url)
    note("end", record.url)
"""
BESIDE = """
import os, socket, time


def note(what, url):
    line = f"{{time.time()}} {{socket.gethostname()}} {{os.getpid()}} {{what}} {{url}}\\n"
    steps = os.open({steps!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(steps, line.encode())
    os.close(steps)


def hold():
    while os.path.exists({hold!r}):
        time.sleep(0.02)


def misbehave(url):
    pass
"""
# Whoever started the tests in the background had SIGINT ignored, and children inherit that.
_WITH_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)


class Step(NamedTuple):
    """What a job did somewhere.

    Attributes:
        time_s: seconds since the epoch; all hosts of a lab have one clock.
        host: where.
        process: by its number there.
        what: ``page``, or ``end`` when an input has been read.
        url: the page.
    """

    time_s: float
    host: str
    process: int
    what: str
    url: str

    @property
    def file(self) -> str:
        """The input that the page is in."""
        return self.url.split("/")[2]

    @property
    def is_beginning(self) -> bool:
        """Whether it is the first of an input."""
        return self.what == "page" and self.url.endswith("/0")


@dataclass
class Undertaking:
    """Inputs of some pages, and a job in the user's folder that takes its time for each.

    Attributes:
        lab: its hosts.
        files: the inputs, which all hosts see; the n-th has the pages ``http://fN/0``, ``http://fN/1``, …
        pages: pages of each.
        hosts_file: the hosts; lines may be added.
        output: the rows.
    """

    lab: Lab
    files: list[Path]
    pages: int
    hosts_file: Path
    output: Path
    _commands: list[Command] = field(default_factory=list)

    @classmethod
    def begin(
        cls, lab: Lab, *, files: int = 12, pages: int = 4, pause_s: float = 0.25, hosts: Sequence[str] = ()
    ) -> Undertaking:
        """Write inputs, job and hosts file; by default three hosts of a worker each."""
        folder = lab.shared / "inputs"
        folder.mkdir()
        paths = [folder / f"{number:03}.warc.gz" for number in range(files)]
        for number, path in enumerate(paths):
            with WarcWriter(path) as writer:
                for page in range(pages):
                    writer.write_response(f"http://f{number}/{page}", b"page")
        (lab.jobs / "my_job.py").write_text(JOB.format(pause_s=pause_s))
        made = cls(
            lab, paths, pages, lab.hosts.hosts_file(*(hosts or ("h1 1", "h2 1", "h3 1"))), lab.jobs / "x.csv"
        )
        made.misbehave("pass")
        return made

    def misbehave(self, code: str) -> None:
        """Let the job run this code, a function's body, at each page; it knows its ``url``."""
        body = "\n".join(f"    {line}" for line in code.splitlines())
        text = BESIDE.format(steps=str(self._steps_file), hold=str(self._hold_file)).replace(
            "    pass\n", f"{body}\n"
        )
        (self.lab.jobs / "beside.py").write_text(text)

    @property
    def _steps_file(self) -> Path:
        return self.lab.shared / "steps"

    @property
    def _hold_file(self) -> Path:
        return self.lab.shared / "hold"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let all hosts stop at the page that they are at, until the context ends: there is time for a fault."""
        self._hold_file.touch()
        try:
            yield
        finally:
            self._hold_file.unlink()

    def words(self, *options: str, over_hosts: bool = True) -> list[str]:
        """Return the command line."""
        words = [sys.executable, "-m", "cctrawl", "run", "my_job.py:visit", "--files", *map(str, self.files)]
        words += ["-o", str(self.output), "--report", str(self._report), "--data-dir", str(self.lab.jobs / "data")]
        if over_hosts:
            words += ["--hosts", str(self.hosts_file), "--python", sys.executable]
            words += ["--workdir", str(self.lab.scratch)]
        return [*words, *options]

    @property
    def _report(self) -> Path:
        return self.lab.jobs / "report.json"

    @contextmanager
    def started(self, *options: str, over_hosts: bool = True) -> Iterator[Command]:
        """Start the command in the user's folder on the driver; it does not outlive the context."""
        errors = self.lab.jobs / "stderr.txt"
        words = [sys.executable, "-c", _WITH_SIGINT, *self.words(*options, over_hosts=over_hosts)]
        with errors.open("wb") as stream:
            process = self.lab.hosts.popen(
                words, cwd=self.lab.jobs, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )
        with process:
            try:
                self._commands.append(Command(process, errors))
                yield self._commands[-1]
            finally:
                process.kill()

    def run(self, *options: str, code: int = 0, over_hosts: bool = True) -> str:
        """Run the command to its end and return what it said."""
        with self.started(*options, over_hosts=over_hosts) as command:
            return command.finish(code)

    def steps(self) -> list[Step]:
        """Return what has been done so far, in the order of time."""
        if not self._steps_file.exists():
            return []
        steps = []
        for line in self._steps_file.read_text().splitlines():
            time_s, host, process, what, url = line.split()
            steps.append(Step(float(time_s), host, int(process), what, url))
        return sorted(steps)

    def await_steps(
        self, condition: Callable[[list[Step]], Any], why: str = "it does not come to that"
    ) -> list[Step]:
        """Wait until the steps so far fulfil a condition, and return them."""
        await_that(lambda: condition(self.steps()) or self._is_over(), lambda: f"{why}: {self._said()}")
        steps = self.steps()
        assert condition(steps), f"{why}, and the run is over: {self._said()}"
        return steps

    def _is_over(self) -> bool:
        return bool(self._commands) and self._commands[-1].process.poll() is not None

    def _said(self) -> str:
        errors = self.lab.jobs / "stderr.txt"
        return errors.read_text(errors="replace")[-4000:] if errors.exists() else ""

    def await_work_on_all(self) -> list[Step]:
        """Wait until each host has a page at work."""
        return self.await_steps(lambda steps: len({step.host for step in steps}) == len(self.lab.hosts.names))

    def await_work_on(self, host: str, *, after: float = 0.0) -> None:
        """Wait until a host is at a page, after a time (seconds since the epoch)."""
        self.await_steps(lambda steps: any(step.host == host and step.time_s > after for step in steps))

    def ends(self) -> list[Step]:
        """Return the ends of inputs, as often as they were reached."""
        return [step for step in self.steps() if step.what == "end"]

    def await_ends(self, count: int) -> None:
        """Wait until so many inputs have been read to their end."""
        self.await_steps(lambda _: len(self.ends()) >= count)

    def hosts_of(self, file: str) -> list[str]:
        """Return where an input was begun, in the order of time."""
        return [step.host for step in self.steps() if step.file == file and step.is_beginning]

    @property
    def begun(self) -> list[str]:
        """The inputs that were begun, as often as they were."""
        return sorted(step.file for step in self.steps() if step.is_beginning)

    def report(self) -> dict[str, Any]:
        """Return the report of the last command."""
        report: dict[str, Any] = json.loads(self._report.read_text())
        return report

    def assert_undisturbed(self, *, without: Sequence[int] = ()) -> None:
        """Check that the rows are those of a run without any trouble, byte for byte.

        Args:
            without: inputs that must have none.
        """
        expected = ["url,length"]
        for number in range(len(self.files)):
            urls = [f"http://f{number}/{page}" for page in range(self.pages)]
            expected += [f"{url},{len(url)}" for url in urls if number not in without]
        assert self.output.read_text().splitlines() == expected
        failed = [Path(failure["input"]) for failure in self.report()["failures"]]
        assert failed == [self.files[number] for number in without]

    def assert_scratch_empty(self) -> None:
        """Check that no host has kept anything in its work folder."""
        for name in self.lab.hosts.names:
            found = self.lab.hosts.path_on(name, self.lab.scratch)
            assert [path.name for path in found.rglob("*")] == [], name

    def leaves(self, host: str) -> list[int]:
        """Return the processes of a host that run the job."""
        return [number for number, line in self.lab.hosts.processes(host) if "cctrawl.runs.worker" in line]

    def dask_workers(self, host: str) -> list[int]:
        """Return the processes of a host that hold its leaves: Dask's worker, one a host."""
        lines = self.lab.hosts.processes(host)
        return [number for number, line in lines if "CCTRAWL" in line and "cctrawl.runs.worker" not in line]

    def ssh_clients(self, host: str) -> list[int]:
        """Return the ssh clients of the driver that are connected to a host."""
        lines = self.lab.hosts.processes("driver")
        return [number for number, line in lines if "/ssh " in line and f" -- {host} " in line]


@dataclass
class Command:
    """A `cctrawl run` under way.

    Attributes:
        process: it.
        errors: the file of what it says.
    """

    process: subprocess.Popen[bytes]
    errors: Path

    def finish(self, code: int = 0, *, within_s: float = WAIT_S) -> str:
        """Wait for its end, check its exit code and return what it said."""
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end:\n{self.said()[-4000:]}") from None
        assert self.process.returncode == code, self.said()[-4000:]
        assert code == EXIT_FAILED_INPUTS or "Traceback" not in self.said()
        return self.said()

    def said(self) -> str:
        """Return what it has said so far."""
        return self.errors.read_text(errors="replace")

    def await_said(self, text: str) -> None:
        """Wait until it says something."""
        await_that(lambda: text in self.said(), lambda: f"never said {text!r}:\n{self.said()[-4000:]}")

    def interrupt(self) -> None:
        """Do as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)


def await_that(condition: Callable[[], Any], complaint: Callable[[], str]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until, complaint()
        time.sleep(0.02)
