"""How soon a host is asked again."""

from __future__ import annotations

import pytest
from tests.clocks import clocks

from cctrawl.runs.hosts import Host, Problem
from cctrawl.runs.hosts.delays import Delays
from cctrawl.runs.hosts.troubles import Trouble

HOST = Host("h1", "h1")
PROBLEMS = (Problem("h1", "it does not answer", "is it on?"),)
AWAY, UNFIT = Trouble(PROBLEMS, is_passing=True), Trouble(PROBLEMS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes when it is told to."""
    now = [1000.0]
    monkeypatch.setattr("cctrawl.runs.hosts.delays.time", clocks(monotonic=lambda: now[0]))
    return now


def test_a_host_that_does_not_come_is_asked_less_and_less() -> None:
    """Away: 0.5, 1, 2, … 30 s. Not fit: each minute."""
    delays = Delays()
    assert [delays.after(AWAY) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert delays.after(UNFIT) == 60
    assert delays.connect_timeout_s() == 10


def test_a_host_that_was_at_work_is_expected_back(clock: list[float]) -> None:
    """For ten minutes it is asked at once, with a limit that fits how quickly it answered; then as any other."""
    delays = Delays()
    delays.met(0.4)
    clock[0] += 5000
    assert delays.worked(HOST, 5000, "cut") is None
    assert delays.after_work() == 0.2
    assert [delays.after(AWAY) for _ in range(20)] == [0.2] * 20
    assert delays.after(UNFIT) == 5
    assert delays.connect_timeout_s() == 2
    clock[0] += 601
    assert delays.after(AWAY) == 30
    assert delays.connect_timeout_s() == 10


def test_a_slow_host_gets_time() -> None:
    """Three times what it took before, up to 10 s."""
    for took_s, limit_s in ((0.1, 2), (1.5, 5), (50.0, 10)):
        delays = Delays()
        delays.met(took_s)
        assert delays.connect_timeout_s() == limit_s


def test_work_that_always_ends_early_becomes_a_problem() -> None:
    """The fifth time in a row it is told, and begun ever more seldom; one that lasts makes up for all."""
    delays = Delays()
    told = []
    for _ in range(7):
        delays.met(0.1)
        told.append(delays.worked(HOST, 0.5, "no such luck"))
        assert delays.after_work() <= 30
    assert [trouble is None for trouble in told] == [True] * 4 + [False] * 3
    assert told[4] is not None
    assert told[4].problems[0].what == "its worker ended 5 times as soon as it had begun: no such luck"
    assert delays.after_work() == 16
    assert delays.worked(HOST, 11, "cut") is None
    assert delays.after_work() == 0.2
