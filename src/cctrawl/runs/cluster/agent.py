"""The agent: what lives in a Dask worker and has tasks done by worker processes of our own.

Dask hands it tasks, one in each of its threads. The user's code never runs in Dask's process: an agent has a
`LocalEngine`, the same that runs tasks on the driver's machine, so that a job that crashes, hangs or leaks ends a
process of ours and nothing else. A thread of the agent owns that engine and passes on what it tells.

An agent works as long as it has a *lease*: it pings the driver and the driver answers. When the last ping that was
answered lies too far back, the agent kills its workers and removes what they have written, for by then the driver
may deal their inputs to others.
"""

from __future__ import annotations

import os
import platform
import queue
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker

from cctrawl import __version__
from cctrawl.runs.cluster.bus import AgentBus
from cctrawl.runs.cluster.code import Luggage
from cctrawl.runs.cluster.messages import (
    Began,
    Bye,
    Down,
    Heard,
    Hello,
    Outcome,
    Piece,
    Ping,
    Pong,
    Taken,
    Up,
    Welcome,
)
from cctrawl.runs.cluster.receiving import Credit, pieces_of, sha256_of
from cctrawl.runs.engine import (
    Event,
    Failed,
    Finished,
    LocalEngine,
    Progressed,
    RateAnswer,
    RateUpdate,
    Said,
    WorkerLost,
)
from cctrawl.runs.task import Setup, Task

if TYPE_CHECKING:
    from distributed import Worker

_TURN_S = 0.5
_STOP_S = 3.0
_CODE = "code"
_MOST_HEARD = 2000  # events in one message

# The agents of this process, for `hostside` to end them when the driver hangs up.
AGENTS: set[Agent] = set()


def plugin_name(session: str) -> str:
    """Return the name under which Dask knows the agents of a session."""
    return f"cctrawl-{session}"


@dataclass(frozen=True)
class Errand:
    """What an agent is sent out with.

    Attributes:
        session: names the driver's session.
        setup: what all tasks share; its job and its data folder are those of the driver's machine.
        luggage: the user's code.
        timeout_s: as for `LocalEngine`.
        max_memory_bytes: as for `LocalEngine`.
        lease_s: how long it may work without an answer from the driver.
        folder: the run's folder on the driver's machine, which may be here too.
        sign: name and content of a file in it, by which that is seen.
    """

    session: str
    setup: Setup
    luggage: Luggage
    timeout_s: float
    max_memory_bytes: int
    lease_s: float
    folder: Path
    sign: tuple[str, str]


class Agent(WorkerPlugin):
    """Does the tasks of a session on one Dask worker.

    Args:
        errand: what it is to do.
    """

    def __init__(self, errand: Errand) -> None:
        self.name = plugin_name(errand.session)
        self._errand = errand

    def setup(self, worker: Worker) -> None:
        """Begin to work; Dask calls this where the worker lives."""
        self.id = secrets.token_hex(6)
        self._is_closing = False
        self._bus = AgentBus(worker, self._errand.session, self._hear)
        try:
            self._begin(worker)
        except OSError as error:  # there is no room for the job's code
            self._is_closing = True
            self._say(self._hello(worker, workers=0))
            self._say(Bye(f"nothing can be written on {socket.gethostname()}: {error}"))

    def _begin(self, worker: Worker) -> None:
        errand = self._errand
        self._threads = worker.state.nthreads
        self._folder = Path(tempfile.mkdtemp(prefix="cctrawl-", dir=worker.local_directory))
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._ends: dict[int, queue.SimpleQueue[End | None]] = {}
        self._heard: list[Event] = []
        self._told_at = 0.0
        self._credits: dict[str, Credit] = {}
        self._is_shared = False
        self._lease = _Lease(errand.lease_s)
        self._engine = LocalEngine(
            self._setup_here(),
            self._threads,
            timeout_s=errand.timeout_s,
            max_memory_bytes=errand.max_memory_bytes,
            on_question=self._say,
        )
        AGENTS.add(self)
        self._pump = threading.Thread(target=self._work, name="cctrawl-agent", daemon=True)
        self._pump.start()
        self._say(self._hello(worker, workers=self._threads))
        threading.Thread(target=self._keep_lease, name="cctrawl-lease", daemon=True).start()

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's signature
        """End the workers: the driver is done."""
        self.close("the driver is done")

    def close(self, reason: str) -> None:
        """End the workers, whatever they are doing, and remove what they have written; may be called twice."""
        if self._is_closing:
            return
        self._is_closing = True
        self._engine.wake()
        self._pump.join(_STOP_S)
        for end in list(self._ends.values()):
            end.put(None)
        for credit in list(self._credits.values()):
            credit.void()
        shutil.rmtree(self._folder, ignore_errors=True)  # what cannot be removed now is when the host is used again
        if not self._pump.is_alive():  # else nobody knows yet that all workers are gone: the lease tells
            self._say(Bye(reason))
        self._bus.close()
        AGENTS.discard(self)

    def do(self, attempt: int, task: Task) -> None:
        """Do a task and tell the driver what became of it; returns when it has been told all."""
        execution = secrets.token_hex(6)
        self._say(Began(attempt, execution))
        is_shared = self._is_shared
        here = task if is_shared else replace(task, part=self._folder / task.part.name)
        end = self._done(here)
        if end is None:
            return  # closing: the driver knows, or will find out
        event, heard = end
        sha256 = ""
        if isinstance(event, Finished) and not is_shared and not event.result.uploaded:
            try:
                sha256 = self._sent(attempt, execution, here.part)
            except OSError as error:
                event = WorkerLost(task.position, f"its part cannot be read: {error}")
            finally:
                here.part.unlink(missing_ok=True)
        if not self._is_closing:
            self._say(Outcome(attempt, execution, self._as_the_user_knows_it(event), sha256, heard))

    def _as_the_user_knows_it(self, event: Finished | Failed | WorkerLost) -> Finished | Failed | WorkerLost:
        """Leave out of what went wrong where the user's files have been unpacked: they know them by other paths."""
        if not isinstance(event, Failed):
            return event
        here, failure = f"{self._folder / _CODE}{os.sep}", event.failure
        texts = {name: getattr(failure, name).replace(here, "") for name in ("message", "details")}
        return replace(event, failure=replace(failure, **texts))

    def _done(self, task: Task) -> End | None:
        """Have a task done; return how it ended and what was heard before; ``None``: the agent goes."""
        if self._is_closing:
            return None
        if task.position in self._ends:
            return WorkerLost(task.position, "an earlier try at it is still under way", is_innocent=True), ()
        end: queue.SimpleQueue[End | None] = queue.SimpleQueue()
        self._ends[task.position] = end
        self._tasks.put(task)
        self._engine.wake()
        try:
            return end.get()
        finally:
            del self._ends[task.position]

    def _sent(self, attempt: int, execution: str, part: Path) -> str:
        """Send a part in pieces, not faster than the driver takes them; return its hash."""
        credit = self._credits[execution] = Credit()
        try:
            for number, data in enumerate(pieces_of(part)):
                if not credit.take():
                    return ""
                self._say(Piece(attempt, execution, number, data))
        finally:
            del self._credits[execution]
        return sha256_of(part)

    def _work(self) -> None:
        """Own the engine: begin tasks, pass on what it tells. The thread of this ends with the agent."""
        try:
            while not self._is_closing:
                while not self._tasks.empty():
                    self._engine.submit(self._tasks.get())
                self._pass_on(self._engine.events(_TURN_S))
        except Exception as error:  # noqa: BLE001 - nobody else would hear of it
            self._say(Heard((Said(f"{socket.gethostname()}: {type(error).__name__}: {error}", "agent"),)))
            threading.Thread(target=self._give_up, args=(str(error),), daemon=True).start()
        finally:
            self._engine.stop()

    def _give_up(self, reason: str) -> None:
        self.close(reason)
        GIVEN_UP(reason)

    def _pass_on(self, events: list[Event]) -> None:
        """Hand ends to the threads that wait for them; what else was heard goes with one of these, or soon."""
        self._heard += [event for event in events if isinstance(event, (Progressed, Said))]
        for event in events:
            if isinstance(event, (Finished, Failed, WorkerLost)):
                self._ends[event.position].put((event, self._taken()))
        if self._heard and (not events or len(self._heard) > _MOST_HEARD or _now() > self._told_at + _TURN_S):
            self._say(Heard(self._taken()))

    def _taken(self) -> tuple[Event, ...]:
        heard, self._heard, self._told_at = tuple(self._heard), [], _now()
        return heard

    def _keep_lease(self) -> None:
        while not self._is_closing:
            if self._lease.is_over():
                self._give_up("the driver does not answer: the lease is over")
                return
            number = self._lease.due()
            if number is not None:
                self._say(Ping(number))
            time.sleep(min(_TURN_S, self._errand.lease_s / 20))

    def _hear(self, message: Down) -> None:
        if isinstance(message, Pong):
            self._lease.renew(message.number)
        elif isinstance(message, Welcome):
            self._is_shared = message.is_shared
        elif isinstance(message, Taken):
            credit = self._credits.get(message.execution)
            if credit is not None:
                credit.give()
        elif isinstance(message, RateAnswer):
            self._engine.answer(message)
        elif isinstance(message, RateUpdate):
            self._engine.update_rates(message)

    def _say(self, message: Up) -> None:
        self._bus.send(self.id, message)

    def _setup_here(self) -> Setup:
        """Return the setup with everything in it that depends on the machine."""
        setup = self._errand.setup
        job = self._errand.luggage.unpacked(setup.job, self._folder / _CODE)
        settings = replace(setup.settings, data_dir=self._folder / "data")
        return replace(setup, job=job, settings=settings, asks_for_rates=True)

    def _hello(self, worker: Worker, *, workers: int) -> Hello:
        return Hello(
            address=worker.address,
            name=str(worker.name),
            machine=socket.gethostname(),
            workers=workers,
            python="{}.{}".format(*platform.python_version_tuple()),
            version=__version__,
            proof=self._proof(),
        )

    def _proof(self) -> str:
        """Look for the driver's folder here; if it is there, leave a file in it that only the driver can find."""
        name, content = self._errand.sign
        try:
            if (self._errand.folder / name).read_text(encoding="ascii") != content:
                return ""
            proof = self._errand.folder / f"{name}.{self.id}"
            proof.touch(exist_ok=False)
        except OSError:
            return ""
        return proof.name


End = tuple[Finished | Failed | WorkerLost, tuple[Event, ...]]


class _Lease:
    """Until when an agent may work.

    It counts from when the newest ping that was answered had been *sent*, so however long the answer took, the
    driver, who counts from its answer, never takes it for shorter than it is.
    """

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._sent: dict[int, float] = {}
        self._newest = 0
        self._asked_at = -lease_s
        self._valid_from = _now()

    def is_over(self) -> bool:
        return _now() - self._valid_from > self._lease_s

    def due(self) -> int | None:
        """Return the number of the ping to be sent now, if it is time for one."""
        now = _now()
        if now - self._asked_at < self._lease_s / 4:
            return None
        self._asked_at = now
        self._newest += 1
        self._sent[self._newest] = now
        return self._newest

    def renew(self, number: int) -> None:
        sent = self._sent.get(number)
        if sent is not None:
            self._valid_from = max(self._valid_from, sent)
            self._sent = {later: at for later, at in self._sent.items() if later > number}


def _now() -> float:
    """Return seconds on a clock that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


def _stay(reason: str) -> None:
    """Do nothing: the process is Dask's, not ours."""


# What to do when an agent has given up, besides ending the workers; on a host of ours the process goes, too.
GIVEN_UP: Callable[[str], object] = _stay


def do_task(session: str, attempt: int, task: Task) -> None:
    """Have the agent of this Dask worker do a task: this is what Dask runs, in one of the worker's threads."""
    plugin: Any = get_worker().plugins.get(plugin_name(session))
    if isinstance(plugin, Agent):
        plugin.do(attempt, task)
