"""The arithmetic of asking not too hard: token bucket, ramp, refusals, blocks. No clock, no server, no sleep.

Every function takes the shared row of a host (``HostRate``), changes it, and takes the time as an argument. A clock
that was set back makes no row wait longer than it would have (``_mend``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cctrawl.store.rates import HostRate


@dataclass(frozen=True)
class Policy:
    """The constants of the contract; tests scale them down. Seconds and requests per second.

    Attributes:
        retry_s: least time before a refused or failed request is asked again.
        halve_every_s: the rate halves at most this often.
        floor_per_s: the rate never falls below.
        quick_s: time in which a halved rate comes back to ``knee`` of the refused one.
        knee: share of the refused rate that is reached quickly.
        growth: share by which the rate grows each second beyond that.
        calm_s: time without refusal after which the reduction is forgotten.
        block_refusals: refusals that make a block ...
        block_after_s: ... when no other answer came for so long.
        block_recover_s: time in which the rate recovers after a block.
        block_memory_s: how long half of the former rate is the limit after a block.
        probe_s: time a probe may take.
        ramp_start_per_s: where a ramp begins ...
        ramp_double_s: ... and how often it doubles.
        ramp_idle_s: time without requests after which a ramp begins anew.
        slack_s: a waiter that wakes late may make up for so much.
        path_refusals: refusals in a row that make one path the trouble, while others are answered.
        report_s: answers are noted in the shared row at most this often while all is well.
    """

    retry_s: float = 1.0
    halve_every_s: float = 1.0
    floor_per_s: float = 0.2
    quick_s: float = 3.0
    knee: float = 0.95
    growth: float = 0.015
    calm_s: float = 600.0
    block_refusals: int = 3
    block_after_s: float = 5.0
    block_recover_s: float = 60.0
    block_memory_s: float = 3600.0
    probe_s: float = 30.0
    ramp_start_per_s: float = 10.0
    ramp_double_s: float = 1.0
    ramp_idle_s: float = 60.0
    slack_s: float = 0.05
    path_refusals: int = 5
    report_s: float = 0.5


@dataclass(frozen=True)
class Limits:
    """What a caller may ask of a host.

    Attributes:
        rate_per_s: sustained requests per second; ``inf`` for no limit.
        burst: requests at once.
        ramp: begin slowly and without burst.
    """

    rate_per_s: float = math.inf
    burst: float = 1.0
    ramp: bool = False


@dataclass(frozen=True)
class Admission:
    """What to do next: ``go`` at a time, ``wait`` (blocked) until a time and ask again, or ``probe`` now."""

    action: Literal["go", "wait", "probe"]
    at: float


def is_free(row: HostRate, now: float, limits: Limits, policy: Policy) -> bool:
    """Tell whether a request may go at once without taking a slot: no limit, no ramp, no trouble."""
    ramped = not limits.ramp or _ramp_per_s(row, now, limits, policy) == math.inf
    return ramped and not row.pause_s and rate_in_force(row, now, limits, policy) == math.inf


def reserve(row: HostRate, now: float, limits: Limits, policy: Policy, *, lead_s: float = 0.0) -> Admission:
    """Take the next free slot that is at least ``lead_s`` away, or say that a block is on."""
    _mend(row, now, policy)
    if row.pause_s:
        return _during_pause(row, now, policy)
    at = now
    rate = rate_in_force(row, now, limits, policy)
    if rate < math.inf:
        at = _take_token(row, now, rate, _capacity(row, rate, limits, policy), lead_s)
    if limits.ramp:
        at = max(at, _take_ramp_slot(row, now, limits, policy, lead_s))
    return Admission("go", at)


def paused_until(row: HostRate, now: float, policy: Policy) -> float | None:
    """Return until when a block makes us wait; ``None`` if it is to be asked: there is none, or a probe is due."""
    is_to_mend = now < row.pause_from or now < row.probe_until - policy.probe_s  # the clock was set back
    return _paused_until(row, now, policy) if row.pause_s and not is_to_mend else None


def is_void(reserved: HostRate, row: HostRate) -> bool:
    """Tell whether a slot is void: since it was reserved, the rate was cut or everything paused.

    The cut forgets the slots that were taken (``_reduce``), so whoever holds one has to reserve anew: a refusal
    that one has met slows down at once all who wait, however many.

    Args:
        reserved: the row when it was reserved.
        row: the row now.
    """
    return bool(row.pause_s) or row.cuts > reserved.cuts


def observe(row: HostRate, now: float, asked: int, *, ramp: bool) -> None:
    """Count requests that went out, to know the real rate where no limit tells it."""
    if ramp and asked:
        row.ramp_seen_at = now
    row.window_count += asked
    elapsed_s = now - row.window_from
    if elapsed_s >= 1 or elapsed_s < 0:
        row.measured_per_s = row.window_count / elapsed_s if 0 < elapsed_s < 10 else 0.0
        row.window_from, row.window_count = now, 0


def answered(row: HostRate, now: float, path: str) -> None:
    """Note an answer that is no refusal; ``path`` is one that exists, or empty."""
    row.answered_at = now
    row.streak_count = 0
    if path:
        row.known_path = path


def refused(
    row: HostRate, now: float, path: str, limits: Limits, policy: Policy, *, pause_s: float, blameless: bool
) -> None:
    """Note a refusal: halve the rate, and begin a block when nothing else is answered.

    Args:
        row: the host's row.
        now: the time.
        path: what was refused.
        limits: the caller's limits.
        policy: the constants.
        pause_s: length of the first pause of a block.
        blameless: the path looks like the trouble itself, so the rate is left alone.
    """
    _mend(row, now, policy)
    before = _asked_rate(row, now, limits, policy)
    if not blameless and now - row.reduced_at >= policy.halve_every_s:
        _reduce(row, now, to=before / 2, knee=before * policy.knee, recover_s=policy.quick_s, policy=policy)
    if row.streak_count == 0:
        row.streak_from, row.streak_per_s = now, before
    row.streak_count += 1
    if now - row.reduced_at > policy.calm_s:
        row.refused_path, row.refused_mixed = "", 0
    row.refused_mixed |= int(row.refused_path not in ("", path))
    row.refused_path = path
    block = row.streak_count >= policy.block_refusals and now - row.streak_from >= policy.block_after_s
    if block and not row.pause_s:
        row.pause_from, row.pause_s, row.probe_until = now, pause_s, 0.0


def absolve(row: HostRate, path: str) -> None:
    """Take the cut of the rate back: ``path`` was refused for itself, and nothing else was."""
    if row.refused_path == path and not row.refused_mixed:
        row.reduced_per_s = 0.0
        row.streak_count = 0
        row.refused_path = ""


def probed(row: HostRate, now: float, policy: Policy, *, is_answered: bool, other: bool) -> None:
    """Note what a probe found: go on slowly, or pause again, twice as long.

    Args:
        row: the host's row.
        now: the time.
        policy: the constants.
        is_answered: the probe was not refused.
        other: the probe asked for another path than the refused one.
    """
    row.probe_until = 0.0
    row.paused_s += row.pause_s
    if not is_answered:
        row.pause_from, row.pause_s = now, 2 * row.pause_s
        return
    before = row.streak_per_s
    _reduce(row, now, to=before / 10, knee=before / 2, recover_s=policy.block_recover_s, policy=policy)
    row.cap_per_s = max(policy.floor_per_s, before / 2)
    row.cap_until = now + policy.block_memory_s
    row.pause_s = 0.0
    row.streak_count = 0
    row.refused_path, row.refused_mixed = "", 0
    row.probes_answered += int(other)


def blocked_s(row: HostRate, now: float) -> float:
    """Return for how long this host has made everybody pause, ever; differences of it are what patience counts."""
    return row.paused_s + (min(row.pause_s, max(0.0, now - row.pause_from)) if row.pause_s else 0.0)


def rate_in_force(row: HostRate, now: float, limits: Limits, policy: Policy) -> float:
    """Return the rate that holds now, without the ramp; ``inf`` for none."""
    rate = limits.rate_per_s
    if row.cap_until > now:
        rate = min(rate, row.cap_per_s)
    since_s = max(0.0, now - row.reduced_at)
    if not row.reduced_per_s or since_s > policy.calm_s:
        return rate
    knee = max(row.refused_per_s, row.reduced_per_s)
    if since_s < row.recover_s:
        recovered = row.reduced_per_s + (knee - row.reduced_per_s) * since_s / row.recover_s
    else:
        recovered = knee * (1 + policy.growth) ** (since_s - row.recover_s)
    return min(rate, recovered)


def _asked_rate(row: HostRate, now: float, limits: Limits, policy: Policy) -> float:
    """Return the rate that was just refused: the one in force, or what was measured where none was."""
    rate = rate_in_force(row, now, limits, policy)
    if row.reduced_per_s and now - row.reduced_at <= policy.calm_s:
        return rate
    if limits.ramp:
        rate = min(rate, _ramp_per_s(row, now, limits, policy))
    counted = row.window_count / max(now - row.window_from, 0.25)
    return min(rate, max(row.measured_per_s, counted, policy.ramp_start_per_s))


def _reduce(row: HostRate, now: float, *, to: float, knee: float, recover_s: float, policy: Policy) -> None:
    row.reduced_per_s = max(policy.floor_per_s, to)
    row.refused_per_s = knee
    row.recover_s = recover_s
    row.reduced_at = now
    row.cuts += 1
    row.tokens = 0.0  # slots in the future are void, and so is what was saved up
    row.ramp_next_at = min(row.ramp_next_at, now)


def _capacity(row: HostRate, rate: float, limits: Limits, policy: Policy) -> float:
    """Return the size of the bucket: the burst until the first refusal, then just what late waiters need."""
    return max(1.0, rate * policy.slack_s) if row.reduced_per_s else max(1.0, limits.burst)


def _take_token(row: HostRate, now: float, rate: float, capacity: float, lead_s: float) -> float:
    gained = capacity if row.tokens_at == 0 else (now - row.tokens_at) * rate
    row.tokens = min(capacity, row.tokens + gained) - 1
    row.tokens_at = now
    if lead_s:
        row.tokens = min(row.tokens, -lead_s * rate)
    return now + max(0.0, -row.tokens / rate)


def _take_ramp_slot(row: HostRate, now: float, limits: Limits, policy: Policy, lead_s: float) -> float:
    if now - row.ramp_seen_at > policy.ramp_idle_s:
        row.ramp_from, row.ramp_next_at = now, now
    row.ramp_seen_at = now
    at = max(row.ramp_next_at, now + lead_s if lead_s else now - policy.slack_s)
    row.ramp_next_at = at + 1 / _ramp_per_s(row, at, limits, policy)  # the rate of then, not of now
    return at


def _ramp_per_s(row: HostRate, now: float, limits: Limits, policy: Policy) -> float:
    """Return the ramp's rate; it ends at the limit, or at the first refusal, where ``rate_in_force`` takes over."""
    if row.reduced_per_s and row.reduced_at >= row.ramp_from:
        return math.inf
    if now - row.ramp_seen_at > policy.ramp_idle_s:
        return policy.ramp_start_per_s
    doublings = int(max(0.0, now - row.ramp_from) / policy.ramp_double_s)
    ramp = policy.ramp_start_per_s * 2.0**doublings if doublings < 14 else math.inf
    return min(limits.rate_per_s, ramp)


def _during_pause(row: HostRate, now: float, policy: Policy) -> Admission:
    until = _paused_until(row, now, policy)
    if until is not None:
        return Admission("wait", until)
    row.probe_until = now + policy.probe_s
    return Admission("probe", now)


def _paused_until(row: HostRate, now: float, policy: Policy) -> float | None:
    end = row.pause_from + row.pause_s
    if now < end:
        return end
    if now < row.probe_until:
        return min(row.probe_until, now + policy.probe_s / 60)
    return None


def _mend(row: HostRate, now: float, policy: Policy) -> None:
    """Move what lies in an impossible future to now: the clock was set back."""
    for name in ("tokens_at", "ramp_from", "ramp_seen_at", "window_from", "reduced_at", "streak_from",
                 "pause_from", "answered_at"):  # fmt: skip
        setattr(row, name, min(getattr(row, name), now))
    row.ramp_next_at = min(row.ramp_next_at, now + policy.ramp_idle_s)
    row.cap_until = min(row.cap_until, now + policy.block_memory_s)
    row.probe_until = min(row.probe_until, now + policy.probe_s)
