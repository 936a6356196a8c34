"""The face of an engine, and the engine of this machine: worker processes, one task at a time each.

An engine takes tasks and tells what becomes of them. It knows nothing of ledgers, retries or outputs: those are the
runner's, above it, so that a run can begin on one engine and go on with another.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any, Protocol, cast

from cctrawl.errors import EngineError
from cctrawl.runs.task import Setup, Task, TaskFailure, TaskResult

_START_FAILURES = 3
_LAST_LINES_BYTES = 4096
_READ_BYTES = 1 << 16
_FULL_PIPE_READS = 2  # Linux: 64 KiB, or less
_GRACE_S = 5.0  # for a worker that hung up: it is about to end, and how it ends says why


@dataclass(frozen=True)
class Progressed:
    """A task goes on: numbers since its beginning.

    Attributes:
        position: the input's position.
        source_bytes: bytes read.
        records: records read.
        rows: rows yielded.
        fraction: how much of the input was read, 0 to 1; 0 if unknown.
        retries: requests tried again.
        refusals: requests refused.
        requests: requests made.
        waiting: whether it waits for its turn to ask, or for a block to end.
        memory_bytes: the worker's resident memory.
        cpu_s: CPU seconds of the worker.
    """

    position: int
    source_bytes: int
    records: int
    rows: int
    fraction: float
    retries: int
    refusals: int
    requests: int
    waiting: bool
    memory_bytes: int
    cpu_s: float


@dataclass(frozen=True)
class Finished:
    """A task is done: its part is durable."""

    position: int
    result: TaskResult


@dataclass(frozen=True)
class Failed:
    """A task was not done, and the worker lives."""

    position: int
    failure: TaskFailure


@dataclass(frozen=True)
class WorkerLost:
    """A worker died under a task; another one takes its place.

    Attributes:
        position: the input's position.
        reason: how it died.
        is_innocent: whether the task had not begun, so that it cannot be to blame.
    """

    position: int
    reason: str
    is_innocent: bool = False


@dataclass(frozen=True)
class Said:
    """Something users should read.

    Attributes:
        message: a line.
        topic: what it is about, so that one topic cannot fill the screen; empty for what a job printed.
    """

    message: str
    topic: str = ""


Event = Progressed | Finished | Failed | WorkerLost | Said


class Engine(Protocol):
    """Runs tasks somewhere."""

    def free(self) -> int:
        """Return how many tasks could be submitted now."""

    def submit(self, task: Task) -> None:
        """Begin a task; only while `free` says there is room."""

    def events(self, timeout_s: float) -> list[Event]:
        """Return what has happened, as soon as something has; empty after ``timeout_s``."""

    def stop(self) -> None:
        """End all workers at once, with whatever they are doing."""


class LocalEngine:
    """Worker processes on this machine, started as they are needed.

    Args:
        setup: what all tasks share.
        workers: the largest number of processes.
        timeout_s: a worker whose task neither reads nor waits for so long is ended; 0 for no limit.
        max_memory_bytes: a worker that holds more is ended; 0 for no limit.

    Raises:
        EngineError: from `events`, when workers cannot start.
    """

    def __init__(self, setup: Setup, workers: int, *, timeout_s: float, max_memory_bytes: int = 0) -> None:
        self._setup = setup
        self._limit = workers
        self._timeout_s = timeout_s
        self._max_memory_bytes = max_memory_bytes
        self._workers: list[_Worker] = []
        self._start_failures = 0

    def free(self) -> int:
        """Return how many tasks could be submitted now."""
        return self._limit - sum(worker.task is not None for worker in self._workers)

    def submit(self, task: Task) -> None:
        """Begin a task on an idle worker, or on a new one.

        Raises:
            EngineError: the system gives no further process.
        """
        idle = next((worker for worker in self._workers if worker.task is None), None)
        if idle is None:
            try:
                idle = _Worker(self._setup)
            except OSError as error:
                raise EngineError(f"no worker can be started: {error}", hint="try fewer --workers") from error
            self._workers.append(idle)
        idle.begin(task)

    def events(self, timeout_s: float) -> list[Event]:
        """Return what has happened, as soon as something has; empty after ``timeout_s``.

        Raises:
            EngineError: several workers in a row died before they were ready.
        """
        sources: dict[Connection | IO[bytes], _Worker] = {}
        for worker in self._workers:
            sources[worker.connection] = worker
            if worker.output_open:
                sources[worker.output] = worker
        events: list[Event] = []
        for ready in wait(list[Any](sources), timeout_s):
            source = cast("Connection | IO[bytes]", ready)
            worker = sources[source]
            if worker not in self._workers:
                continue  # it was lost a moment ago, and has been read to its end
            events += worker.read_output() if source is worker.output else self._heard(worker)
        events += self._overdue()
        return events

    def stop(self) -> None:
        """Kill all workers and wait until they are gone."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    def _heard(self, worker: _Worker) -> list[Event]:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            return self._lost(worker)
        if message == "ready":
            self._start_failures = 0
            worker.begun()
            return []
        event = cast("Event", message)
        worker.heard(event)
        # What the job printed before the end of the task is in the pipe by now: nobody may look there again.
        return [event] if isinstance(event, Progressed) else [*worker.read_all_output(), event]

    def _lost(self, worker: _Worker, why: str = "") -> list[Event]:
        self._workers.remove(worker)
        events = worker.kill(grace_s=0 if why else _GRACE_S)
        reason = why or worker.death()
        if not worker.ready:
            self._start_failures += 1
            if self._start_failures >= _START_FAILURES:
                raise EngineError(f"workers cannot start: {reason}\n{worker.last_lines()}".rstrip())
        if worker.task is not None:
            lines = worker.last_lines()
            text = f"{reason}; its last words: {lines}" if lines and not why else reason
            events.append(WorkerLost(worker.task.position, text, is_innocent=not worker.ready))
        return events

    def _overdue(self) -> list[Event]:
        events: list[Event] = []
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.task is None:
                continue
            if self._timeout_s and now - worker.moved_at > self._timeout_s:
                events += self._lost(worker, f"took no further record for {self._timeout_s:g} s (--timeout)")
            elif self._max_memory_bytes and (held_bytes := worker.held_bytes()) > self._max_memory_bytes:
                held = f"{held_bytes / 2**20:.0f} MiB"
                events += self._lost(worker, f"held {held}, more than --max-memory allows")
        return events


class _Worker:
    """A process of ours: the connection to it, what it does, what it printed."""

    def __init__(self, setup: Setup) -> None:
        self.connection, theirs = Pipe()
        # The worker finds modules where we do, and nothing in its working folder can shadow them.
        path = [folder for folder in sys.path if isinstance(folder, str)]
        code = f"import sys; sys.path[:] = {path!r}; from cctrawl.runs.worker import main; main({theirs.fileno()})"
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,  # what cannot be read now is told as None
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the driver alone
        )
        theirs.close()
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        self.output: IO[bytes] = self._process.stdout
        os.set_blocking(self.output.fileno(), False)
        self.output_open = True
        self._printed = b""
        self._unfinished = b""
        self.ready = False
        self.task: Task | None = None
        self.moved_at = time.monotonic()
        self.memory_bytes = 0
        self._numbers: tuple[int, int, int] = (0, 0, 0)
        self._tell(setup)

    def begin(self, task: Task) -> None:
        self.task = task
        self.moved_at = time.monotonic()
        self.memory_bytes = 0
        self._numbers = (0, 0, 0)
        self._tell(task)

    def begun(self) -> None:
        """Take note that the process has come up: only now the time for its task runs."""
        self.ready = True
        self.moved_at = time.monotonic()

    def _tell(self, message: object) -> None:
        try:
            self.connection.send(message)
        except OSError:
            return  # it is dead: the next look at the connection finds out, and says of what

    def heard(self, event: Event) -> None:
        if isinstance(event, Progressed):
            numbers = (event.source_bytes, event.records, event.rows)
            self.memory_bytes = event.memory_bytes
            if event.waiting or numbers != self._numbers:
                self.moved_at = time.monotonic()
                self._numbers = numbers
        elif isinstance(event, (Finished, Failed)):
            self.task = None

    def held_bytes(self) -> int:
        """Return its resident memory, also while it cannot tell; where the kernel does not say, as told last."""
        with suppress(OSError):
            return max(self.memory_bytes, resident_bytes(self._process.pid))
        return self.memory_bytes

    def read_output(self) -> list[Event]:
        """Return the lines the process has printed since the last call."""
        try:
            data: bytes | None = self.output.read(_READ_BYTES)
        except OSError:
            data = b""
        if data is None:
            return []
        if not data:
            self.output_open = False
        if self._unfinished and (not data or len(self._unfinished) > _READ_BYTES):
            data += b"\n"  # the last line of all, or one that does not end
        self._printed = (self._printed + data)[-_LAST_LINES_BYTES:]
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        return [Said(line.decode("utf-8", "replace")) for line in lines]

    def read_all_output(self) -> list[Event]:
        """Return the lines the process has printed by now, also one that has no end yet."""
        events: list[Event] = []
        for _ in range(_FULL_PIPE_READS):  # it may be printing on and on
            if self.output_open:
                events += self.read_output()
        if self._unfinished:
            events.append(Said(self._unfinished.decode("utf-8", "replace")))
            self._unfinished = b""
        return events

    def kill(self, grace_s: float = 0) -> list[Event]:
        """End the process, unless it ends by itself within the grace, and return what it had printed."""
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        events = self.read_output() if self.output_open else []
        self.connection.close()
        self.output.close()
        self.output_open = False
        return events

    def death(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            return f"its worker was killed by {signal.Signals(-code).name}"
        return f"its worker ended with exit code {code}"

    def last_lines(self) -> str:
        return " / ".join(self._printed.decode("utf-8", "replace").split("\n")[-4:]).strip(" /")


def resident_bytes(process: int | str) -> int:
    """Return the resident memory of a process, ``self`` for ours.

    Raises:
        OSError: the kernel does not tell (it is not Linux), or there is no such process.
    """
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


EngineMaker = Callable[[Setup], Engine]
