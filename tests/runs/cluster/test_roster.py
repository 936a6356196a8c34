"""Who works for the driver, and until when each may be at work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clocks import clocks

from cctrawl.runs.cluster import agent as agents
from cctrawl.runs.cluster.agent import _Lease
from cctrawl.runs.cluster.messages import Hello
from cctrawl.runs.cluster.roster import AgentRecord, Roster

LEASE_S = 20.0


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of driver and agents."""
    clock = Clock()
    monkeypatch.setattr("cctrawl.runs.cluster.roster.time", clocks(monotonic=clock))
    monkeypatch.setattr(agents, "_now", clock)
    return clock


def hello(address: str = "tls://127.64.0.1:1") -> Hello:
    """Return what an agent says of itself."""
    return Hello(address, "h1.0", "h1", 2, "3.11", "0.1", "")


def record(clock: Clock, name: str = "a", address: str = "tls://127.64.0.1:1") -> AgentRecord:
    """Return an agent that has just come."""
    return AgentRecord(name, hello(address), "h1", heard_at=clock.now, leased_at=clock.now)


def test_a_silent_agent_gets_nothing_new_and_is_lost_when_its_lease_is_over(clock: Clock) -> None:
    """It is at work, then silent at 12 s, and may be at work until a second after its lease of 20 s."""
    roster = Roster(LEASE_S)
    agent = record(clock)
    roster.enter(agent)
    standing = []
    for moment in (0, 11.9, 12.1, 20.9, 21.1):
        clock.now = 1000.0 + moment
        standing.append((agent in roster.at_work(), roster.may_be_at_work(agent)))
    assert standing == [(True, True), (True, True), (False, True), (False, True), (False, False)]


def test_one_that_is_known_to_have_ended_is_not_waited_for(clock: Clock) -> None:
    """A host that has said, or shown, that nothing of ours is left there is empty at once."""
    roster = Roster(LEASE_S)
    agent = record(clock)
    roster.enter(agent)
    agent.is_empty = True
    assert not roster.may_be_at_work(agent)


def test_a_new_agent_on_the_same_worker_takes_the_place_of_the_old(clock: Clock) -> None:
    """Dask gives an address to one worker at a time."""
    roster = Roster(LEASE_S)
    old, new = record(clock, "old"), record(clock, "new")
    roster.enter(old)
    roster.enter(new)
    assert roster.at_work() == [new]
    assert roster.find("old") is old


@given(
    delays=st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), min_size=1, max_size=12),
    gap=st.floats(0.5, 5),
)
def test_a_driver_never_takes_a_lease_for_over_that_its_agent_believes_in(
    delays: list[tuple[float, float]], gap: float
) -> None:
    """However long pings and pongs are on their way: when the driver deals again, the agent has ended its work."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cctrawl.runs.cluster.roster.time", clocks(monotonic=clock))
        patch.setattr(agents, "_now", clock)
        lease, roster = _Lease(LEASE_S), Roster(LEASE_S)
        agent = record(clock)
        roster.enter(agent)
        arrivals = []  # (when, who, number)
        for number, (up, down) in enumerate(delays, start=1):
            sent = 1000.0 + number * gap
            arrivals += [(sent, "agent sends", number), (sent + up, "driver hears", number)]
            arrivals += [(sent + up + down, "agent hears", number)]
        for when, who, number in sorted(arrivals):
            clock.now = when
            if who == "agent sends":
                lease._sent[number] = when
            elif who == "driver hears":
                agent.leased_at = when
            elif not lease.is_over():  # else it has ended, for good
                lease.renew(number)
            if not roster.may_be_at_work(agent):
                assert lease.is_over()
