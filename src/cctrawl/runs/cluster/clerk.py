"""Who answers agents that wait: their leases, and the rate budget they share, whatever the runner is busy with."""

from __future__ import annotations

import queue
import threading
import time

from cctrawl.runs.cluster.bus import DriverBus
from cctrawl.runs.cluster.messages import Ping, Pong
from cctrawl.runs.cluster.roster import Roster
from cctrawl.runs.engine import RateAnswer, RateQuestion, RateUpdate
from cctrawl.runs.rates import RateDesk
from cctrawl.settings import Settings

_STOP_S = 2.0


class Clerk:
    """A thread that answers agents.

    Args:
        bus: the way to agents.
        roster: the agents; their leases are entered here.
        settings: the driver's, with the data folder that holds the rate budget.
    """

    def __init__(self, bus: DriverBus, roster: Roster, settings: Settings) -> None:
        self._bus = bus
        self._roster = roster
        self._desk = RateDesk(settings, self._tell_all)
        self._waiting: queue.SimpleQueue[tuple[str, Ping | RateQuestion] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._answer_all, name="cctrawl-clerk", daemon=True)
        self._thread.start()

    def take(self, agent: str, message: Ping | RateQuestion) -> None:
        """Answer an agent, soon; from any thread."""
        self._waiting.put((agent, message))

    def close(self) -> None:
        """Answer what waits, and stop."""
        self._waiting.put(None)
        self._thread.join(_STOP_S)
        self._desk.close()

    def _answer_all(self) -> None:
        while (item := self._waiting.get()) is not None:
            agent = self._roster.find(item[0])
            if agent is None:
                continue
            message = item[1]
            agent.heard_at = time.monotonic()
            if isinstance(message, Ping):
                agent.leased_at = agent.heard_at  # before the answer goes: the agent never believes in a longer one
                self._bus.send(agent.hello.address, Pong(message.number))
            else:
                data = self._desk.answer(message.data)
                self._bus.send(agent.hello.address, RateAnswer(message.worker, message.number, data))

    def _tell_all(self, data: bytes) -> None:
        for agent in list(self._roster):
            if not agent.is_gone:
                self._bus.send(agent.hello.address, RateUpdate(data))
