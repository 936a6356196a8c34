"""Messages between driver and agents, over a real Dask cluster: what stands on Dask's insides is tested here."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest
from distributed import Client, Worker, WorkerPlugin

from cctrawl.runs.cluster.bus import AgentBus, DriverBus, topic_of
from cctrawl.runs.cluster.messages import Down, Ping, Pong, Up

WAIT_S = 20


class Echo(WorkerPlugin):
    """Answers each pong with a ping of the same number."""

    def __init__(self, session: str) -> None:
        self.name = f"echo-{session}"
        self._session = session

    def setup(self, worker: Worker) -> None:
        """Begin to listen."""
        self._bus = AgentBus(worker, self._session, self._heard)
        self._address = worker.address

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's signature
        """Listen no more."""
        self._bus.close()

    def _heard(self, message: Down) -> None:
        assert isinstance(message, Pong)
        self._bus.send(self._address, Ping(message.number))


class Ears:
    """Keeps what the driver hears."""

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[tuple[str, Up]] = queue.SimpleQueue()

    def __call__(self, agent: str, message: Up) -> None:
        """Hear a message."""
        self.heard.put((agent, message))

    def take(self) -> tuple[str, Up]:
        """Return the next message."""
        return self.heard.get(timeout=WAIT_S)


@pytest.fixture
def ears() -> Ears:
    """Nothing heard yet."""
    return Ears()


@pytest.fixture
def bus(cluster: Client, ears: Ears) -> Iterator[DriverBus]:
    """A driver's end, with an echo on every worker."""
    bus = DriverBus(cluster, "s1", ears)
    cluster.register_plugin(Echo("s1"))
    yield bus
    cluster.unregister_worker_plugin("echo-s1")
    bus.close()


def addresses(cluster: Client) -> list[str]:
    """Return the workers' addresses."""
    return list(cluster.scheduler_info(n_workers=-1)["workers"])


def test_messages_go_both_ways_in_order(cluster: Client, bus: DriverBus, ears: Ears) -> None:
    """A hundred messages to each worker arrive there, and a hundred answers here, in order for each."""
    for number in range(100):
        for address in addresses(cluster):
            bus.send(address, Pong(number))
    heard: dict[str, list[int]] = {address: [] for address in addresses(cluster)}
    for _ in range(100 * len(heard)):
        agent, message = ears.take()
        assert isinstance(message, Ping)
        heard[agent].append(message.number)
    assert set(map(tuple, heard.values())) == {tuple(range(100))}


def test_what_nobody_waits_for_harms_nobody(cluster: Client, bus: DriverBus, ears: Ears) -> None:
    """Messages to a session that is over, and to a worker that is gone, are dropped; the others still arrive."""
    address = addresses(cluster)[0]
    other = DriverBus(cluster, "s2", Ears())
    other.send(address, Pong(1))
    bus.send("tcp://127.0.0.1:1", Pong(2))
    bus.send(address, Pong(3))
    assert ears.take() == (address, Ping(3))
    other.close()
    assert address in addresses(cluster), "Dask has not dropped its worker"
    assert (bus.failure, other.failure) == (None, None)


def test_the_scheduler_keeps_nothing(cluster: Client, bus: DriverBus, ears: Ears) -> None:
    """What agents have said does not pile up on the scheduler: it may be megabytes of rows."""
    address = addresses(cluster)[0]
    for number in range(20):
        bus.send(address, Pong(number))
        ears.take()
    assert len(cluster.get_events(topic_of("s1"))) <= 1
