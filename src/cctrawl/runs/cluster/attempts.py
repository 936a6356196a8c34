"""Tries at inputs that are under way on hosts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cctrawl.errors import FormatError
from cctrawl.failures import STOP
from cctrawl.runs.cluster.receiving import IncomingPart, see_shared
from cctrawl.runs.cluster.roster import AgentRecord
from cctrawl.runs.engine import Event, Failed, Finished, WorkerLost
from cctrawl.runs.task import Task, TaskFailure

if TYPE_CHECKING:
    from distributed import Client, Future


_LAST_WORDS_S = 2.0
_TAKING_BACK_S = 0.01
_MOST_INNOCENT = 5  # an input that is lost with its host so often may well be why


@dataclass(frozen=True)
class Killed:
    """Dask has lost the worker that it gave a try to.

    Attributes:
        address: that worker's.
    """

    address: str


@dataclass(frozen=True)
class Raised:
    """A try ended with an error of ours or of Dask's, not of the job.

    Attributes:
        reason: what it was.
    """

    reason: str


@dataclass(frozen=True)
class Ended:
    """Dask has ended a try, and its agent has said nothing of it: it was going, or somebody cancelled the try."""


Fate = Killed | Raised | Ended | None


@dataclass
class Attempt:
    """One try at an input.

    Attributes:
        number: its name.
        task: the input, and the driver's file for its rows.
        future: Dask's view of it.
        addresses: the Dask workers that may take it; empty for all.
        agent: who has begun it, once somebody has.
        execution: what that agent calls it.
        incoming: the part of which pieces have come.
        source_bytes: bytes read so far.
        left_at: when Dask was seen to have ended or lost it, though nobody has said how; 0 while it has not.
    """

    number: int
    task: Task
    future: Future[None]
    addresses: list[str]
    agent: AgentRecord | None = None
    execution: str = ""
    incoming: IncomingPart | None = None
    source_bytes: int = 0
    left_at: float = 0.0

    def fate(self) -> Fate:
        """Return what Dask knows of the end of a try of which its agent has said nothing; ``None``: it goes on."""
        status = self.future.status
        if status == "error":
            return _fate_of(self.future.exception())
        if status == "pending":
            return None
        # An agent's last words come before Dask says that it is finished, but may still lie in our queue.
        self.left_at = self.left_at or time.monotonic()
        return Ended() if time.monotonic() > self.left_at + _LAST_WORDS_S else None

    def add(self, number: int, data: bytes) -> WorkerLost | Failed | None:
        """Write the next piece of the part; return how the try ends, if that cannot be."""
        try:
            if self.incoming is None:
                self.incoming = IncomingPart(self.task.part)
            self.incoming.add(number, data)
        except FormatError as error:
            return WorkerLost(self.task.position, str(error), is_innocent=True)
        except OSError as error:
            return self._refused(error)
        return None

    def made_durable(self, event: Finished, sha256: str) -> Finished | WorkerLost | Failed:
        """See that the part is whole, on the driver's disk or in its shared folder; return how the try ends.

        Args:
            event: what its worker said.
            sha256: of the part that was sent; empty if it was written to the shared folder.
        """
        size_bytes = event.result.part.size_bytes
        try:
            if event.result.uploaded:
                return event
            if not sha256:
                see_shared(self.task.part, size_bytes)
                return event
            if self.incoming is None:  # it is empty
                self.incoming = IncomingPart(self.task.part)
            self.incoming.finish(size_bytes, sha256)
            self.incoming = None
        except FormatError as error:
            return WorkerLost(event.position, str(error))
        except OSError as error:
            return self._refused(error)
        return event

    def _refused(self, error: OSError) -> Failed:
        hint = "is the disk full, or the output folder gone? Everything so far is kept: the same command goes on"
        return Failed(self.task.position, TaskFailure(STOP, f"{self.task.part.parent}: {error}", hint=hint))

    def drop(self) -> None:
        """Forget what has come of its part."""
        if self.incoming is not None:
            self.incoming.drop()
            self.incoming = None


def _fate_of(error: BaseException | None) -> Fate:
    from distributed.scheduler import KilledWorker  # noqa: PLC0415 - loaded by now

    if isinstance(error, KilledWorker):
        return Killed(str(error.last_worker.address))
    return Raised(f"{type(error).__name__}: {error!s:.500}")


class Attempts:
    """All tries that are under way, by number and by input."""

    def __init__(self) -> None:
        self._by_number: dict[int, Attempt] = {}
        self._by_position: dict[int, Attempt] = {}
        self._innocent: Counter[int] = Counter()
        self._newest = 0

    def __len__(self) -> int:
        """Return how many are under way."""
        return len(self._by_number)

    def next_number(self) -> int:
        """Return a number that no other try has."""
        self._newest += 1
        return self._newest

    def enter(self, attempt: Attempt) -> None:
        """Take a try in."""
        self._by_number[attempt.number] = attempt
        self._by_position[attempt.task.position] = attempt

    def end(self, attempt: Attempt) -> None:
        """Take a try out, with what has come of its part."""
        del self._by_number[attempt.number]
        del self._by_position[attempt.task.position]

    def lost(self, attempt: Attempt) -> WorkerLost:
        """Say that a try ended with its host, or before it began; who ends so again and again may be the cause."""
        position = attempt.task.position
        self._innocent[position] += 1
        how = "a worker went before it began" if attempt.agent is None else f"{attempt.agent.host} was lost"
        return WorkerLost(position, how, is_innocent=self._innocent[position] <= _MOST_INNOCENT)

    def all(self) -> list[Attempt]:
        """Return those under way."""
        return list(self._by_number.values())

    def find(self, number: int, execution: str) -> Attempt | None:
        """Return the try that an agent speaks of; ``None`` if it is over, or another agent's by now."""
        attempt = self._by_number.get(number)
        return attempt if attempt is not None and attempt.execution == execution else None

    def numbered(self, number: int) -> Attempt | None:
        """Return a try by its number; ``None`` if it is over."""
        return self._by_number.get(number)

    def of(self, agent: AgentRecord, position: int) -> Attempt | None:
        """Return the try at an input that an agent has begun; ``None`` if there is none."""
        attempt = self._by_position.get(position)
        return attempt if attempt is not None and attempt.agent is agent else None


def take_back(client: Client, attempts: Iterable[Attempt]) -> None:
    """Cancel tries, and wait until Dask has them under way nowhere.

    The scheduler is told on one connection and answers on another: only its answer shows that it has heard.
    """
    futures = [attempt.future for attempt in attempts]
    client.cancel(futures)
    ours = {future.key for future in futures}
    while any(not ours.isdisjoint(keys) for keys in client.processing().values()):
        time.sleep(_TAKING_BACK_S)


def with_host(event: Event, host: str) -> Event:
    """Return how a try ended, with the host where it did if it went wrong."""
    if isinstance(event, WorkerLost):
        return replace(event, reason=f"{event.reason} (on {host})")
    if isinstance(event, Failed):
        failure = replace(event.failure, message=f"{event.failure.message} (on {host})")
        return replace(event, failure=failure)
    return event
