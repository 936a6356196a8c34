"""The engine whose tasks run on other machines: it gives them to Dask, and hears from agents what becomes of them.

Everything that changes its state happens in the runner's thread, within `events`. Only what hosts wait for, leases
and the rate budget, is answered by a thread of its own (`clerk`).
"""

from __future__ import annotations

import queue
import secrets
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cctrawl import __version__
from cctrawl.errors import AbortedError, EngineError
from cctrawl.failures import RESUME_HINT, STOP
from cctrawl.runs.cluster.agent import Agent, Errand, do_task, plugin_name
from cctrawl.runs.cluster.attempts import Attempt, Attempts, Ended, Fate, Killed, Raised, take_back, with_host
from cctrawl.runs.cluster.bus import DriverBus
from cctrawl.runs.cluster.clerk import Clerk
from cctrawl.runs.cluster.code import packed
from cctrawl.runs.cluster.messages import (
    Began,
    Bye,
    Heard,
    Hello,
    Outcome,
    Piece,
    Ping,
    Taken,
    Up,
    Welcome,
)
from cctrawl.runs.cluster.options import ClusterOptions
from cctrawl.runs.cluster.roster import AgentRecord, Roster
from cctrawl.runs.cluster.scheduler import Connection
from cctrawl.runs.cluster.watch import Watch
from cctrawl.runs.engine import (
    Event,
    Failed,
    Finished,
    HostStatus,
    Progressed,
    RateQuestion,
    WorkerLost,
)
from cctrawl.runs.task import Setup, Task

if TYPE_CHECKING:
    from cctrawl.runs.cluster.fleet import Fleet

_SWEEP_S = 0.2
_MOST_AT_ONCE = 500
_GOODBYE_S = 5.0
_SILENCE_S = 5.0  # of the scheduler: until then its connection may come back


class ClusterEngine:
    """Runs tasks on the workers of a Dask cluster, ours or somebody else's.

    Args:
        connection: the scheduler; closed by `stop`.
        fleet: the hosts that are ours to start; ``None`` on somebody else's cluster.
        setup: what all tasks share.
        options: what the user said.
        timeout_s: as for `LocalEngine`.
        max_memory_bytes: as for `LocalEngine`.
        staged: the folder of the parts.
        note: says something to the user.

    Raises:
        InvalidInputError: the job's folder is too large to be sent.
        EngineError: the cluster does not take our plugin.
    """

    def __init__(
        self,
        connection: Connection,
        fleet: Fleet | None,
        setup: Setup,
        options: ClusterOptions,
        *,
        timeout_s: float,
        max_memory_bytes: int,
        staged: Path,
        note: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self._fleet = fleet
        self._note = note
        self._session = secrets.token_hex(8)
        self._folder = staged.parent
        self._roster = Roster(options.lease_s)
        self._watch = Watch(self._roster, fleet, patience_s=setup.settings.patience, note=note)
        self._attempts = Attempts()
        self._ended: list[Attempt] = []
        self._messages: queue.SimpleQueue[tuple[str, Up]] = queue.SimpleQueue()
        self._swept_at = 0.0
        self._silent_since: float | None = None
        self._is_stopped = False
        luggage = packed(setup.job)
        sign = (f".seen-{self._session}", secrets.token_hex(16))
        self._remove_signs()  # of commands that were killed
        (self._folder / sign[0]).write_text(sign[1], encoding="ascii")
        self._bus = DriverBus(self._client, self._session, self._hear)
        self._clerk = Clerk(self._bus, self._roster, setup.settings)
        errand = Errand(
            self._session, setup, luggage, timeout_s, max_memory_bytes, options.lease_s, self._folder, sign
        )
        self._register(Agent(errand))
        if fleet is not None:
            fleet.start()

    def _register(self, agent: Agent) -> None:
        try:
            self._client.register_plugin(agent)
        except Exception as error:
            raise EngineError(
                f"the cluster's workers cannot do this: {type(error).__name__}: {error}",
                hint=f"its workers and scheduler need cctrawl {__version__} too: pip install 'cctrawl[cluster]'",
            ) from error

    def begin(self) -> None:
        """Wait for the first host, or for all if all are required; a cluster of somebody else's is not waited for.

        Raises:
            EngineError: no host can be used, or not all and all are required.
            AbortedError: the scheduler is gone.
        """
        while self._fleet is not None and not self._fleet.has_begun:
            self._take_messages([], _SWEEP_S)
            self._sweep([])

    def free(self) -> int:
        """Return how many tasks could be submitted now: a few more than there are workers, so that none waits."""
        workers = sum(agent.hello.workers for agent in self._roster.at_work())
        if not workers and self._fleet is None and not any(agent.is_refused for agent in self._roster):
            workers = 1  # a cluster that grows by demand must see some
        return max(0, workers + -(-workers // 4) - len(self._attempts))

    def submit(self, task: Task) -> None:
        """Give a task to Dask.

        Raises:
            AbortedError: the scheduler is gone.
        """
        number = self._attempts.next_number()
        at_work = self._roster.at_work()
        some_are_not = any(agent.is_refused or self._roster.is_silent(agent) for agent in self._roster)
        # Only where it must be said: Dask knows best who is idle.
        addresses = [agent.hello.address for agent in at_work] if some_are_not else []
        try:
            future = self._client.submit(
                do_task,
                self._session,
                number,
                task,
                key=(plugin_name(self._session), number),
                pure=False,
                workers=addresses or None,
            )
        except Exception as error:  # whatever Dask raises, it takes nothing any more
            raise _gone() from error
        self._attempts.enter(Attempt(number, task, future, addresses))

    def events(self, timeout_s: float) -> list[Event]:
        """Return what has happened, as soon as something has; empty after ``timeout_s``.

        Raises:
            AbortedError: the scheduler is gone, or all hosts are, for longer than patience lasts.
        """
        events: list[Event] = []
        deadline = time.monotonic() + timeout_s
        while not events:
            left_s = deadline - time.monotonic()
            self._take_messages(events, max(0.0, min(left_s, _SWEEP_S)))
            if time.monotonic() - self._swept_at > _SWEEP_S:
                self._swept_at = time.monotonic()
                self._sweep(events)
            if left_s <= 0:
                break
        return events

    def hosts(self) -> Sequence[HostStatus]:
        """Return how each host does."""
        return self._watch.statuses(self._attempts.all())

    def stop(self) -> None:
        """End all workers at once, with whatever they are doing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        for attempt in self._attempts.all():
            attempt.drop()
        if self._connection.is_alive:
            # A worker that is cut off would keep us waiting; its lease ends it, too.
            goodbye = threading.Thread(target=self._dismiss, name="cctrawl-goodbye", daemon=True)
            goodbye.start()
            goodbye.join(_GOODBYE_S)
        if self._fleet is not None:
            self._fleet.stop()
        self._clerk.close()
        self._bus.close()
        self._connection.close()
        self._remove_signs()

    def _remove_signs(self) -> None:
        for file in self._folder.glob(".seen-*"):
            file.unlink(missing_ok=True)

    def _dismiss(self) -> None:
        """Take all tasks back, and leave somebody else's cluster as it was.

        Also those that have just ended: Dask may not know, and give to a host that still works what one that stops
        seems to leave undone.
        """
        with suppress(Exception):  # the scheduler may be going down at this very moment
            take_back(self._client, [*self._attempts.all(), *self._ended])
            if self._fleet is None:
                self._client.unregister_worker_plugin(plugin_name(self._session))

    # What agents say. `_hear` runs in Dask's event loop.

    def _hear(self, agent: str, message: Up) -> None:
        if isinstance(message, (Ping, RateQuestion)):
            self._clerk.take(agent, message)
        else:
            self._messages.put((agent, message))

    def _take_messages(self, events: list[Event], timeout_s: float) -> None:
        with suppress(queue.Empty):
            self._take(*self._messages.get(timeout=timeout_s or 1e-3), events)
            for _ in range(_MOST_AT_ONCE):
                self._take(*self._messages.get_nowait(), events)

    def _take(self, sender: str, message: Up, events: list[Event]) -> None:
        if isinstance(message, Hello):
            self._welcome(sender, message)
            return
        agent = self._roster.find(sender)
        if agent is None:
            return
        agent.heard_at = time.monotonic()
        if isinstance(message, Began):
            self._begun(agent, message)
        elif isinstance(message, Heard):
            self._heard(agent, message.events, events)
        elif isinstance(message, Piece):
            self._take_piece(agent, message, events)
        elif isinstance(message, Outcome):
            self._take_outcome(agent, message, events)
        elif isinstance(message, Bye):
            agent.is_gone = agent.is_empty = agent.is_refused = True  # its Dask worker may live on
            agent.reason = message.reason

    def _welcome(self, sender: str, hello: Hello) -> None:
        host = hello.machine if self._fleet is None else self._fleet.host_of(hello.name)
        agent = AgentRecord(sender, hello, host)
        ours = "{}.{}".format(*sys.version_info[:2])
        if hello.version != __version__ or hello.python != ours:
            agent.is_refused = True
            agent.reason = "other versions"
            theirs = f"Python {hello.python} and cctrawl {hello.version}"
            self._note(f"{host}: not used: it has {theirs}, here are {ours} and {__version__}")
        self._roster.enter(agent)
        is_shared = bool(hello.proof) and (self._folder / Path(hello.proof).name).is_file()
        self._bus.send(hello.address, Welcome(is_shared))

    def _begun(self, agent: AgentRecord, message: Began) -> None:
        attempt = self._attempts.numbered(message.attempt)
        if attempt is not None and attempt.agent is None:  # else Dask has run it twice: the first one counts
            attempt.agent, attempt.execution = agent, message.execution

    def _heard(self, agent: AgentRecord, said: Sequence[Event], events: list[Event]) -> None:
        for event in said:
            if isinstance(event, Progressed):
                attempt = self._attempts.of(agent, event.position)
                if attempt is None:
                    continue  # of a try that is over
                attempt.source_bytes = event.source_bytes
            events.append(event)

    def _take_piece(self, agent: AgentRecord, piece: Piece, events: list[Event]) -> None:
        attempt = self._attempts.find(piece.attempt, piece.execution)
        if attempt is not None:
            failure = attempt.add(piece.number, piece.data)
            if failure is not None:
                self._end(attempt, failure, events)
        self._bus.send(agent.hello.address, Taken(piece.execution))

    def _take_outcome(self, agent: AgentRecord, outcome: Outcome, events: list[Event]) -> None:
        self._heard(agent, outcome.heard, events)
        attempt = self._attempts.find(outcome.attempt, outcome.execution)
        if attempt is None:
            return
        event: Event = outcome.event
        if isinstance(event, Finished):
            event = attempt.made_durable(event, outcome.sha256)
        if isinstance(event, Failed) and event.failure.verdict == STOP and event.failure.is_local:
            event = self._take_out(agent, event)
        self._end(attempt, with_host(event, agent.host), events)

    def _take_out(self, agent: AgentRecord, event: Failed) -> Event:
        """Take a host out that can do no task; return how the try ends: it is no fault of the input."""
        self._watch.take_out(agent, event.failure)
        if not self._roster.at_work() and (self._fleet is None or not self._fleet.is_hopeful()):
            return event
        return WorkerLost(event.position, event.failure.message, is_innocent=True)

    def _end(self, attempt: Attempt, event: Event, events: list[Event]) -> None:
        attempt.drop()
        self._attempts.end(attempt)
        self._ended.append(attempt)
        self._watch.ended(attempt, event)
        events.append(event)

    # What happens without a word.

    def _sweep(self, events: list[Event]) -> None:
        self._see_scheduler()
        if self._fleet is not None:
            self._fleet.attend(self._roster)
        self._watch.look()
        self._recall(events)
        for attempt in self._attempts.all():
            self._see_attempt(attempt, events)
        self._let_go()

    def _see_attempt(self, attempt: Attempt, events: list[Event]) -> None:
        """End a try that nobody will go on with, once nobody can be at work on it any more."""
        fate = attempt.fate()
        if isinstance(fate, Raised):
            self._end(attempt, WorkerLost(attempt.task.position, fate.reason), events)
        elif isinstance(fate, Killed) or attempt.agent is not None:
            if not any(self._roster.may_be_at_work(agent) for agent in self._suspects(attempt, fate)):
                self._end(attempt, self._attempts.lost(attempt), events)
        elif fate is not None or self._waits_in_vain(attempt):
            self._end(attempt, self._attempts.lost(attempt), events)

    def _recall(self, events: list[Event]) -> None:
        """Take back what waits at hosts that have ended: Dask may take longer to notice that they are gone."""
        ended = [agent for agent in self._roster if agent.is_gone and not agent.is_recalled]
        ended = [agent for agent in ended if not self._roster.may_be_at_work(agent)]
        if not ended:
            return
        try:
            waiting = self._client.processing()
        except OSError:
            return  # the scheduler may be gone, which the next look at it tells
        for agent in ended:
            agent.is_recalled = True
            keys = set(waiting.get(agent.hello.address, ()))
            for attempt in self._attempts.all():
                if attempt.agent is None and attempt.future.key in keys:
                    attempt.future.cancel()
                    self._end(attempt, self._attempts.lost(attempt), events)

    def _suspects(self, attempt: Attempt, fate: Fate) -> list[AgentRecord]:
        """Return who may be at work on a try: who began it, else those on the worker that it was given to."""
        if attempt.agent is not None:
            return [] if isinstance(fate, Ended) else [attempt.agent]
        return [agent for agent in self._roster if isinstance(fate, Killed) and agent.hello.address == fate.address]

    def _waits_in_vain(self, attempt: Attempt) -> bool:
        """Tell whether a try may begin only on workers that are not, and cannot be, at work."""
        chosen = [agent for agent in self._roster if agent.hello.address in attempt.addresses]
        return bool(chosen) and not any(map(self._roster.may_be_at_work, chosen))

    def _let_go(self) -> None:
        """Release futures once Dask has seen them end, and those whose worker is gone."""
        waiting = []
        for attempt in self._ended:
            is_lost = attempt.agent is None or attempt.agent.is_gone
            if attempt.future.done() or is_lost:
                attempt.future.release()
            else:
                waiting.append(attempt)
        self._ended = waiting

    def _see_scheduler(self) -> None:
        if self._connection.is_alive and self._bus.failure is None:
            self._silent_since = None
            return
        now = time.monotonic()
        self._silent_since = self._silent_since or now
        if now - self._silent_since > _SILENCE_S or self._client.status == "closed":
            raise _gone()


def _gone() -> AbortedError:
    return AbortedError("the Dask scheduler is gone", hint=RESUME_HINT)
