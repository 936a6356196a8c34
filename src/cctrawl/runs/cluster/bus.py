"""Messages between the driver and its agents, over connections that Dask holds anyway.

Up they go as events of a topic, which is Dask's public way. Down there is no public way that needs no connection
from scheduler to worker, which a tunnel does not give. So a function on the scheduler puts them into the stream it
has to each worker, where a handler of ours takes them out, as Dask's own shuffle does. All that is half internal to
Dask stands in this module: ``Scheduler.worker_send``, ``Worker.stream_handlers`` and ``Scheduler._broker``;
``tests/runs/cluster/test_bus.py`` fails when Dask changes them.
"""

from __future__ import annotations

import pickle
import queue
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from cctrawl.errors import EngineError

if TYPE_CHECKING:
    from distributed import Client, Scheduler, Worker

    from cctrawl.runs.cluster.messages import Down, Up

_OPERATION = "cctrawl"
_LISTENING_S = 0.5
_LISTENING_TRIES = 40


def topic_of(session: str) -> str:
    """Return the topic on which the agents of a session speak."""
    return f"cctrawl-{session}"


class AgentBus:
    """An agent's end.

    Args:
        worker: the Dask worker it lives in.
        session: names the driver's session.
        on_message: called with each message from the driver, in the worker's event loop: it must be quick.
    """

    def __init__(self, worker: Worker, session: str, on_message: Callable[[Down], None]) -> None:
        self._worker = worker
        self._topic = topic_of(session)
        self._session = session
        self._takers = _takers_of(worker)
        self._takers[session] = lambda data: on_message(pickle.loads(data))  # noqa: S301 - of the driver

    def send(self, agent: str, message: Up) -> None:
        """Tell the driver something; from any thread, in order for each."""
        self._worker.log_event(self._topic, (agent, pickle.dumps(message)))

    def close(self) -> None:
        """Hear no more."""
        self._takers.pop(self._session, None)


def _takers_of(worker: Worker) -> dict[str, Callable[[bytes], None]]:
    """Return who takes messages on a worker, by session. The handler stays: Dask drops a stream that has none."""
    handler = worker.stream_handlers.get(_OPERATION)
    if handler is None:
        handler = worker.stream_handlers[_OPERATION] = _Handler()
    return cast("_Handler", handler).takers


class _Handler:
    def __init__(self) -> None:
        self.takers: dict[str, Callable[[bytes], None]] = {}

    def __call__(self, session: str, data: bytes, **_: object) -> None:
        taker = self.takers.get(session)
        if taker is not None:  # else a late message to a session that is over
            taker(data)


class DriverBus:
    """The driver's end.

    Args:
        client: the driver's client.
        session: names the driver's session.
        on_message: called with an agent's id and its message, in order, in the client's event loop, so it must
            be quick.

    Attributes:
        failure: why messages cannot be sent any more.

    Raises:
        EngineError: the scheduler passes no events on.
    """

    def __init__(self, client: Client, session: str, on_message: Callable[[str, Up], None]) -> None:
        self._client = client
        self._session = session
        self._on_message = on_message
        self._waiting: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._sender = threading.Thread(target=self._send_all, name="cctrawl-bus", daemon=True)
        self._is_listening = threading.Event()
        self.failure: Exception | None = None
        self._listen()
        self._sender.start()

    def send(self, address: str, message: Down) -> None:
        """Tell the agent in a worker something, soon; from any thread, in order for each address."""
        self._waiting.put((address, pickle.dumps(message)))

    def close(self) -> None:
        """Send what waits, and stop."""
        self._waiting.put(None)
        self._sender.join(2)
        if self._client.status == "running":
            self._client.unsubscribe_topic(topic_of(self._session))

    def _listen(self) -> None:
        """Subscribe to the topic, and hear ourselves speak on it: from then on nothing is missed.

        Raises:
            EngineError: nothing is heard.
        """
        topic = topic_of(self._session)
        self._client.subscribe_topic(topic, self._heard)
        for _ in range(_LISTENING_TRIES):
            self._client.log_event(topic, ("", b""))
            if self._is_listening.wait(_LISTENING_S):
                return
        raise EngineError(f"the Dask scheduler passes no events on: {self._client.scheduler_info()['address']}")

    def _heard(self, event: tuple[float, Any]) -> None:
        agent, data = event[1]
        if not agent:
            self._is_listening.set()
            return
        self._on_message(agent, pickle.loads(data))  # noqa: S301 - of our own agents, over TLS or the user's cluster

    def _send_all(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while not self._waiting.empty():
                batch.append(self._waiting.get())
            messages = [message for message in batch if message is not None]
            try:
                if messages:
                    self._client.run_on_scheduler(_deliver, self._session, messages)
            except Exception as error:  # noqa: BLE001 - whatever Dask raises, the scheduler cannot be reached
                self.failure = error
            if None in batch:
                return


def _deliver(session: str, messages: Sequence[tuple[str, bytes]], dask_scheduler: Scheduler) -> None:
    """Put messages into the streams to workers; runs on the scheduler."""
    for address, data in messages:
        if address in dask_scheduler.stream_comms:  # else it has just gone
            dask_scheduler.worker_send(address, {"op": _OPERATION, "session": session, "data": data})
    # Dask keeps the last thousand events of each topic to be looked at: megabytes of rows that nobody will look at.
    dask_scheduler._broker.truncate(topic_of(session))  # noqa: SLF001 - see the module's docstring
