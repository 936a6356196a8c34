"""The arithmetic alone: times are made up, nothing sleeps."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctrawl.store.rates import HostRate
from cctrawl.transport import pacing
from cctrawl.transport.pacing import Admission, Limits, Policy

POLICY = Policy()
T0 = 1_700_000_000.0
FREE = Limits()


def slots(row: HostRate, now: float, count: int, limits: Limits) -> list[float]:
    """Return when the next requests may go, in seconds after ``now``, if all are asked for at once."""
    admissions = [pacing.reserve(row, now, limits, POLICY) for _ in range(count)]
    assert {admission.action for admission in admissions} == {"go"}
    return [admission.at - now for admission in admissions]


def refuse(row: HostRate, now: float, limits: Limits = FREE, path: str = "/a") -> None:
    """Note a refusal with a first pause of 60 s."""
    pacing.refused(row, now, path, limits, POLICY, pause_s=60, blameless=False)


def test_burst_then_rate() -> None:
    """The burst goes at once, then one request every ``1 / rate`` seconds."""
    row = HostRate()
    assert slots(row, T0, 4, Limits(10, 2)) == pytest.approx([0, 0, 0.1, 0.2])
    assert slots(row, T0 + 10, 3, Limits(10, 2)) == pytest.approx([0, 0, 0.1])


@pytest.mark.parametrize("limits", [Limits(10, 1), Limits(10, 1, ramp=True), Limits(ramp=True)])
def test_a_slot_may_be_asked_for_ahead(limits: Limits) -> None:
    """Who hears late of a slot gets one that far away, and the next ones keep their distance from it."""
    row = HostRate()
    assert pacing.reserve(row, T0, limits, POLICY, lead_s=0.3).at == pytest.approx(T0 + 0.3)
    assert slots(row, T0, 2, limits) == pytest.approx([0.4, 0.5])
    assert pacing.reserve(row, T0, limits, POLICY, lead_s=0.3).at == pytest.approx(T0 + 0.6)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.floats(0.5, 50), st.integers(1, 20))
def test_never_more_than_burst_plus_rate(gaps: list[float], rate: float, burst: int) -> None:
    """Whenever requests come, no stretch of time holds more than the burst and its share of the rate."""
    row, now, times = HostRate(), T0, []
    for gap in gaps:
        now += gap
        times.append(pacing.reserve(row, now, Limits(rate, burst), POLICY).at)
    times.sort()
    for i, first in enumerate(times):
        for j in range(i, len(times)):
            assert j - i + 1 <= burst + (times[j] - first) * rate + 1 + 1e-3


def test_ramp_doubles_each_second_without_burst() -> None:
    """A ramp gives 10 slots in the first second, 20 in the next, and never more than the rate allows."""
    at = slots(HostRate(), T0, 300, Limits(50, 300, ramp=True))
    per_second = [sum(second <= time < second + 1 for time in at) for second in range(5)]
    assert per_second == pytest.approx([10, 20, 40, 50, 50], abs=2)


def test_ramp_begins_anew_after_a_rest() -> None:
    """A run that begins long after the last one begins slowly; one that only paused a little does not."""
    row, limits = HostRate(), Limits(1000, 1, ramp=True)
    slots(row, T0, 5, limits)
    slots(row, T0 + 30, 5, limits)
    assert slots(row, T0 + 40, 2, limits)[1] < 0.01
    assert slots(row, T0 + 200, 2, limits)[1] == pytest.approx(0.1)


def test_no_limit_needs_no_slot() -> None:
    """Without limit and trouble a request is free, for a ramp only once it has grown."""
    row = HostRate()
    assert pacing.is_free(row, T0, FREE, POLICY)
    ramping = Limits(ramp=True)
    assert not pacing.is_free(row, T0, ramping, POLICY)
    pacing.reserve(row, T0, ramping, POLICY)
    assert pacing.is_free(row, T0 + 30, ramping, POLICY)
    assert not pacing.is_free(row, T0, Limits(10, 300), POLICY)


def test_a_refusal_halves_at_most_once_a_second_down_to_the_floor() -> None:
    """Refusals that come together halve the rate once; refusals for ever end at the floor."""
    row, limits = HostRate(), Limits(100, 10)
    pacing.observe(row, T0 - 1, 0, ramp=False)
    pacing.observe(row, T0, 100, ramp=False)
    for _ in range(5):
        refuse(row, T0, limits)
    assert pacing.rate_in_force(row, T0, limits, POLICY) == pytest.approx(50)
    for second in range(1, 60):
        pacing.answered(row, T0 + second, "")
        refuse(row, T0 + second, limits)
    assert pacing.rate_in_force(row, T0 + 59, limits, POLICY) >= POLICY.floor_per_s
    for second in range(60, 200):
        row.reduced_per_s = row.refused_per_s = POLICY.floor_per_s
        refuse(row, T0 + second, limits)
    assert row.reduced_per_s == POLICY.floor_per_s


def test_the_rate_comes_back_quickly_then_slowly_then_is_free() -> None:
    """Just under the refused rate is back within seconds, beyond takes long, after calm all is forgotten."""
    row = HostRate()
    pacing.observe(row, T0 - 1, 0, ramp=False)
    pacing.observe(row, T0, 200, ramp=False)
    refuse(row, T0)
    rates = [pacing.rate_in_force(row, T0 + s, FREE, POLICY) for s in (0, POLICY.quick_s, 10, 60)]
    assert rates[0] == pytest.approx(100)
    assert rates[1] == pytest.approx(190)
    assert 190 < rates[2] < 220
    assert rates[3] > 300
    assert pacing.rate_in_force(row, T0 + POLICY.calm_s + 1, FREE, POLICY) == math.inf


def test_a_refusal_ends_burst_and_ramp() -> None:
    """After a refusal nobody bursts and no ramp goes on; the reduced rate holds."""
    row, limits = HostRate(), Limits(10, 300)
    slots(row, T0, 1, limits)
    refuse(row, T0, limits)
    assert slots(row, T0, 3, limits) == pytest.approx([0.2, 0.4, 0.6])
    assert slots(row, T0 + 20, 3, limits) == pytest.approx([0, 0.1, 0.2], abs=0.02)


def test_three_refusals_and_five_seconds_make_a_block() -> None:
    """Fewer refusals, less time, or any other answer in between make none."""
    row = HostRate()
    for at in (0, 1, 2):
        refuse(row, T0 + at)
    assert row.pause_s == 0
    pacing.answered(row, T0 + 3, "/b")
    for at in (4, 5, 8):
        refuse(row, T0 + at)
    assert row.pause_s == 0
    refuse(row, T0 + 9)
    assert row.pause_s == 60
    assert pacing.reserve(row, T0 + 10, FREE, POLICY) == Admission("wait", T0 + 69)
    assert not pacing.is_free(row, T0 + 10, FREE, POLICY)


def blocked() -> HostRate:
    """Return the row of a host that blocks us since ``T0``, for 60 s."""
    row = HostRate()
    for at in (-6, -1, 0):
        refuse(row, T0 + at)
    assert row.pause_s == 60
    return row


def test_one_probes_the_others_wait() -> None:
    """After the pause the first to come probes; if it never reports, another one does."""
    row = blocked()
    assert pacing.reserve(row, T0 + 60, FREE, POLICY).action == "probe"
    assert pacing.reserve(row, T0 + 60.1, FREE, POLICY).action == "wait"
    assert pacing.reserve(row, T0 + 61 + POLICY.probe_s, FREE, POLICY).action == "probe"


def test_a_refused_probe_doubles_the_pause() -> None:
    """Each probe that is refused makes the next pause twice as long."""
    row = blocked()
    for length in (120, 240, 480):
        pacing.probed(row, T0 + 60, POLICY, is_answered=False, other=True)
        assert row.pause_s == length
    assert pacing.reserve(row, T0 + 60, FREE, POLICY) == Admission("wait", T0 + 540)


def test_after_a_block_slowly_and_up_to_half_for_an_hour() -> None:
    """An answered probe lets us go on at a tenth of the rate before, up to half of it within the hour."""
    row, limits = HostRate(), Limits(100, 300)
    pacing.observe(row, T0 - 7, 0, ramp=False)
    pacing.observe(row, T0 - 6, 100, ramp=False)
    for at in (-6, -1, 0):
        refuse(row, T0 + at, limits)
    pacing.probed(row, T0 + 60, POLICY, is_answered=True, other=True)
    assert pacing.reserve(row, T0 + 60, limits, POLICY).action == "go"
    rates = [pacing.rate_in_force(row, T0 + 60 + s, limits, POLICY) for s in (0, 60, 1000, 3599, 3601)]
    assert rates == pytest.approx([10, 50, 50, 50, 100])


def test_a_cut_makes_slots_void() -> None:
    """Whoever waits for a slot when the rate is cut reserves anew, at the new rate, as if nobody waited."""
    row, limits = HostRate(), Limits(10, 1)
    assert slots(row, T0, 100, limits)[-1] == pytest.approx(9.9)
    reserved = replace(row)
    assert not pacing.is_void(reserved, row)
    refuse(row, T0, limits)
    assert pacing.is_void(reserved, row)
    assert slots(row, T0, 2, limits) == pytest.approx([0.2, 0.4])
    assert not pacing.is_void(row, row)


def test_a_pause_makes_slots_void() -> None:
    """Nobody goes while a block is on, whatever was reserved before it."""
    row = blocked()
    assert pacing.is_void(replace(row, pause_s=0.0), row)


def test_who_waits_in_a_pause_need_not_ask() -> None:
    """The row tells until when: the end of the pause, then a while for whoever probes; then a probe is due."""
    row = blocked()
    assert pacing.paused_until(row, T0 + 10, POLICY) == T0 + 60
    assert pacing.paused_until(row, T0 + 61, POLICY) is None
    assert pacing.reserve(row, T0 + 61, FREE, POLICY).action == "probe"
    assert pacing.paused_until(row, T0 + 62, POLICY) == pytest.approx(T0 + 62.5)
    assert pacing.paused_until(HostRate(), T0, POLICY) is None


def test_a_path_refused_for_itself_gives_the_rate_back() -> None:
    """When one path alone was the trouble, nobody else pays for it; when there were others, they do."""
    row = HostRate()
    refuse(row, T0, path="/a")
    pacing.absolve(row, "/a")
    assert pacing.is_free(row, T0, FREE, POLICY)
    refuse(row, T0 + 2, path="/a")
    refuse(row, T0 + 2, path="/b")
    pacing.absolve(row, "/b")
    assert not pacing.is_free(row, T0 + 2, FREE, POLICY)


@pytest.mark.parametrize("back_s", [1, 3600, 10**9])
def test_a_clock_set_back_never_makes_us_wait_longer(back_s: float) -> None:
    """After the clock went back, a pause lasts at most its length, and slots come at the rate."""
    row = blocked()
    assert pacing.paused_until(row, T0 - back_s, POLICY) is None
    admission = pacing.reserve(row, T0 - back_s, FREE, POLICY)
    assert admission.at - (T0 - back_s) <= 60
    row = blocked()
    assert pacing.reserve(row, T0 + 60, FREE, POLICY).action == "probe"
    assert pacing.paused_until(row, T0 + 60 - back_s, POLICY) in (None, T0 + 60)
    row, limits = HostRate(), Limits(10, 1, ramp=True)
    slots(row, T0, 5, limits)
    now = T0 - back_s
    assert slots(row, now, 1, limits)[0] <= POLICY.ramp_idle_s
    row = HostRate()
    slots(row, T0, 5, Limits(10, 1))
    assert slots(row, now, 1, Limits(10, 1)) == pytest.approx([0.5])
