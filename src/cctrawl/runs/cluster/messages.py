"""What driver and agents tell each other; pickled, over connections that both sides have authenticated."""

from __future__ import annotations

from dataclasses import dataclass

from cctrawl.runs.engine import Event, Failed, Finished, RateAnswer, RateQuestion, RateUpdate, WorkerLost


@dataclass(frozen=True)
class Hello:
    """An agent is ready for tasks.

    Attributes:
        address: Dask's address of its worker.
        name: Dask's name of its worker.
        machine: the host's own name.
        workers: how many tasks it does at once.
        python: the version of Python there, ``3.11``.
        version: the version of cctrawl there.
        proof: the name of a file it has written into the run's folder; empty if that folder is not there.
    """

    address: str
    name: str
    machine: str
    workers: int
    python: str
    version: str
    proof: str


@dataclass(frozen=True)
class Ping:
    """An agent asks for its lease to be renewed."""

    number: int


@dataclass(frozen=True)
class Began:
    """A task has begun.

    Attributes:
        attempt: what the driver calls it.
        execution: what the agent calls it: should Dask have run it twice, these differ.
    """

    attempt: int
    execution: str


@dataclass(frozen=True)
class Heard:
    """What workers said of tasks that go on."""

    events: tuple[Event, ...]


@dataclass(frozen=True)
class Piece:
    """A piece of a part, compressed with zstd.

    Attributes:
        attempt: of the task.
        execution: of the task.
        number: counts the pieces of the part from 0.
        data: a whole zstd frame.
    """

    attempt: int
    execution: str
    number: int
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        attempt: of the task.
        execution: of the task.
        event: what its worker said last, or how that died.
        sha256: of the part whose pieces have all been sent; empty if it lies in the driver's folder, or if there
            is none.
        heard: what workers said before, of this and other tasks: told here, for each message costs.
    """

    attempt: int
    execution: str
    event: Finished | Failed | WorkerLost
    sha256: str = ""
    heard: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Bye:
    """An agent goes, and its workers are gone already."""

    reason: str


@dataclass(frozen=True)
class Pong:
    """The answer to a ping: the lease counts from when that was sent."""

    number: int


@dataclass(frozen=True)
class Welcome:
    """The driver has heard an agent's hello.

    Attributes:
        is_shared: whether the folder that the agent has seen is the driver's: parts are written straight there.
    """

    is_shared: bool


@dataclass(frozen=True)
class Taken:
    """A piece of a part is on the driver's disk."""

    execution: str


Up = Hello | Ping | Began | Heard | Piece | Outcome | Bye | RateQuestion
Down = Pong | Welcome | Taken | RateAnswer | RateUpdate
