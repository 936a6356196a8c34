"""The face of an engine, and the engine of this machine: worker processes, one task at a time each.

An engine takes tasks and tells what becomes of them. It knows nothing of ledgers, retries or outputs: those are the
runner's, above it, so that a run can begin on one engine and go on with another.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, cast

from cctrawl.errors import EngineError
from cctrawl.runs.process import WorkerProcess
from cctrawl.runs.task import Setup, Task, TaskFailure, TaskResult

_START_FAILURES = 3
_START_S = 60.0  # least time for a worker to come up, on a machine that is busy
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


@dataclass(frozen=True)
class HostStatus:
    """What one host does for a run.

    Attributes:
        name: the host.
        state: ``starting``, ``up``, ``silent``, ``lost`` or ``refused``.
        workers: tasks it can do at once.
        files_done: inputs it has done in this command.
        source_bytes: bytes read for inputs that ended or are under way there.
        last_error: what went wrong there last; empty for nothing.
    """

    name: str
    state: str
    workers: int
    files_done: int
    source_bytes: int
    last_error: str


@dataclass(frozen=True)
class RateQuestion:
    """What a worker wants done to the shared rate budget.

    Attributes:
        worker: the engine's number of it; 0 until the engine has heard the question.
        number: the worker's number of the question.
        data: the question, packed.
    """

    worker: int
    number: int
    data: bytes


@dataclass(frozen=True)
class RateAnswer:
    """The answer to a `RateQuestion` of the same worker and number."""

    worker: int
    number: int
    data: bytes


@dataclass(frozen=True)
class RateUpdate:
    """What every worker should know of the shared rate budget at once, packed."""

    data: bytes


class Engine(Protocol):
    """Runs tasks somewhere."""

    def free(self) -> int:
        """Return how many tasks could be submitted now; 0 as well while nobody is there yet to do any."""

    def submit(self, task: Task) -> None:
        """Begin a task; only while `free` says there is room."""

    def events(self, timeout_s: float) -> list[Event]:
        """Return what has happened, as soon as something has; empty after ``timeout_s``."""

    def hosts(self) -> Sequence[HostStatus]:
        """Return what each host does; nothing where this machine does everything itself."""

    def stop(self) -> None:
        """End all workers at once, with whatever they are doing."""


class LocalEngine:
    """Worker processes on this machine, started as they are needed.

    It belongs to one thread; others may call `wake`, `answer` and `update_rates`.

    Args:
        setup: what all tasks share.
        workers: the largest number of processes.
        timeout_s: a worker whose task neither reads nor waits for so long is ended; 0 for no limit.
        max_memory_bytes: a worker that holds more is ended; 0 for no limit.
        on_question: called by `events` with what workers ask about rates, if the setup has them ask; each question
            waits for its `answer`.

    Raises:
        EngineError: from `events`, when workers cannot start.
    """

    def __init__(
        self,
        setup: Setup,
        workers: int,
        *,
        timeout_s: float,
        max_memory_bytes: int = 0,
        on_question: Callable[[RateQuestion], None] | None = None,
    ) -> None:
        self._setup = setup
        self._limit = workers
        self._timeout_s = timeout_s
        self._max_memory_bytes = max_memory_bytes
        self._on_question = on_question
        self._workers: list[WorkerProcess] = []
        self._started = 0
        self._start_failures = 0
        self._post: deque[RateAnswer | RateUpdate] = deque()  # of other threads, for workers
        self._bell, self._bell_button = socket.socketpair()
        self._bell.setblocking(False)
        self._bell_button.setblocking(False)

    def free(self) -> int:
        """Return how many tasks could be submitted now."""
        return self._limit - sum(worker.task is not None for worker in self._workers)

    def hosts(self) -> Sequence[HostStatus]:
        """Return nothing: this machine does everything itself."""
        return ()

    def submit(self, task: Task) -> None:
        """Begin a task on an idle worker, or on a new one.

        Raises:
            EngineError: the system gives no further process.
        """
        idle = next((worker for worker in self._workers if worker.task is None), None)
        if idle is None:
            self._started += 1
            try:
                idle = WorkerProcess(self._started, self._setup)
            except OSError as error:
                raise EngineError(f"no worker can be started: {error}", hint="try fewer --workers") from error
            self._workers.append(idle)
        idle.begin(task)

    def events(self, timeout_s: float) -> list[Event]:
        """Return what has happened, as soon as something has; empty after ``timeout_s``, or when woken.

        Raises:
            EngineError: several workers in a row died before they were ready.
        """
        self._deliver()
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        sources: dict[int, tuple[WorkerProcess, bool]] = {}
        for worker in self._workers:
            sources[worker.connection.fileno()] = worker, False
            poll.register(worker.connection, select.POLLIN | (select.POLLOUT if worker.has_unsent else 0))
            if worker.output_open:
                sources[worker.output.fileno()] = worker, True
                poll.register(worker.output, select.POLLIN)
        events: list[Event] = []
        for source, what in poll.poll(timeout_s * 1000):
            if source not in sources:
                self._silence_bell()
                continue
            worker, is_output = sources[source]
            if worker not in self._workers:
                continue  # it was lost a moment ago, and has been read to its end
            if is_output:
                events += _said(worker.read_output())
            elif what != select.POLLOUT:
                events += self._heard(worker)
        events += self._overdue()
        self._deliver()
        return events

    def stop(self) -> None:
        """Kill all workers, with what they have started, and wait until they are gone."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()
        self._bell.close()
        self._bell_button.close()

    def wake(self) -> None:
        """Make `events` return at once if it waits, or the next time it would; any thread may call it."""
        with suppress(OSError):  # it rings already, or the engine was stopped
            self._bell_button.send(b"!")

    def answer(self, answer: RateAnswer) -> None:
        """Send a worker the answer to its question, if it still lives; any thread may call it."""
        self._post.append(answer)
        self.wake()

    def update_rates(self, update: RateUpdate) -> None:
        """Send all workers an update; one that hangs will ask anyway. Any thread may call it."""
        self._post.append(update)
        self.wake()

    def _silence_bell(self) -> None:
        with suppress(BlockingIOError):
            while self._bell.recv(4096):
                pass

    def _deliver(self) -> None:
        for worker in self._workers:
            worker.send_answers()
        while self._post:
            message = self._post.popleft()
            for worker in self._workers:
                if isinstance(message, RateUpdate):
                    worker.inform(message)
                elif worker.number == message.worker:
                    worker.answer(message)

    def _heard(self, worker: WorkerProcess) -> list[Event]:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            return self._lost(worker)
        if message == "ready":
            self._start_failures = 0
            worker.begun()
            return []
        if isinstance(message, RateQuestion):
            if self._on_question is not None:
                self._on_question(replace(message, worker=worker.number))
            return []
        if isinstance(message, Progressed):
            numbers = (message.source_bytes, message.records, message.rows)
            worker.moved(numbers, message.memory_bytes, waiting=message.waiting)
            return [message]
        if isinstance(message, (Finished, Failed)):
            worker.task = None
        # What the job printed before the end of the task is in the pipe by now: nobody may look there again.
        return [*_said(worker.read_all_output()), cast("Event", message)]

    def _lost(self, worker: WorkerProcess, why: str = "") -> list[Event]:
        self._workers.remove(worker)
        events: list[Event] = _said(worker.kill(grace_s=0 if why else _GRACE_S))
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
            if worker.has_ended() and not worker.connection.poll():
                events += self._lost(worker)  # what it has started may hold the connection open
            if worker.task is None or worker not in self._workers:
                continue
            timeout_s = self._timeout_s if worker.ready else max(self._timeout_s, _START_S)
            if self._timeout_s and now - worker.moved_at > timeout_s:
                events += self._lost(worker, f"took no further record for {self._timeout_s:g} s (--timeout)")
            elif self._max_memory_bytes and (held_bytes := worker.held_bytes()) > self._max_memory_bytes:
                held = f"{held_bytes / 2**20:.0f} MiB"
                events += self._lost(worker, f"held {held}, more than --max-memory allows")
        return events


def _said(lines: list[str]) -> list[Event]:
    return [Said(line) for line in lines]
