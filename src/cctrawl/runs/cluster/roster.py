"""Who works for the driver: agents, their standing, and until when each may still be at work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from cctrawl.runs.cluster.messages import Hello

_MARGIN_S = 1.0  # for an agent to end its workers once its lease is over


@dataclass
class AgentRecord:
    """What the driver knows of one agent.

    Attributes:
        id: its id.
        hello: what it said of itself.
        host: the host it is on, as users call it.
        heard_at: when it was last heard of.
        leased_at: when its last ping was answered.
        is_gone: whether it takes no tasks any more.
        is_empty: whether no worker of it can be at work any more.
        is_refused: whether it is not fit for tasks.
        reason: why it is refused.
        is_recalled: whether what waited for it has been taken back.
    """

    id: str
    hello: Hello
    host: str
    heard_at: float = field(default_factory=time.monotonic)
    leased_at: float = field(default_factory=time.monotonic)
    is_gone: bool = False
    is_empty: bool = False
    is_refused: bool = False
    reason: str = ""
    is_recalled: bool = False


class Roster:
    """All agents that ever said hello.

    Args:
        lease_s: for how long an agent works without an answer of ours.

    Attributes:
        lease_s: for how long an agent works without an answer of ours.
        patience_s: for how long an agent may say nothing and still be given tasks.
    """

    def __init__(self, lease_s: float) -> None:
        self.lease_s = lease_s
        self.patience_s = 0.6 * lease_s
        self._agents: dict[str, AgentRecord] = {}

    def enter(self, agent: AgentRecord) -> None:
        """Take an agent in; one before it on the same Dask worker is gone."""
        for other in self._agents.values():
            if other.hello.address == agent.hello.address:
                other.is_gone = True
        self._agents[agent.id] = agent

    def find(self, agent: str) -> AgentRecord | None:
        """Return an agent by its id; ``None`` if it never said hello."""
        return self._agents.get(agent)

    def __iter__(self) -> Iterator[AgentRecord]:
        """Iterate over all agents, in the order in which they came."""
        return iter(self._agents.values())

    def at_work(self) -> list[AgentRecord]:
        """Return the agents that can be given tasks."""
        return [agent for agent in self if not (agent.is_gone or agent.is_refused or self.is_silent(agent))]

    def is_silent(self, agent: AgentRecord) -> bool:
        """Tell whether an agent has not been heard of for so long that it gets nothing new."""
        return time.monotonic() - agent.heard_at > self.patience_s

    def may_be_at_work(self, agent: AgentRecord) -> bool:
        """Tell whether workers of an agent may still be at work, whatever became of the way to it."""
        return not agent.is_empty and time.monotonic() < agent.leased_at + self.lease_s + _MARGIN_S
