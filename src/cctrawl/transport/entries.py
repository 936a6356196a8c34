"""What is entered in the rate book: each change of a host's row as a small value, which does its arithmetic there.

An entry can be pickled: workers on other machines have theirs made where the book is. It gets the row and the time
of the book's own clock, and has none itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cctrawl.transport import pacing
from cctrawl.transport.pacing import Admission, Limits, Policy

if TYPE_CHECKING:
    from cctrawl.store.rates import HostRate


@dataclass(frozen=True)
class Memory:
    """What a location has seen since it was last answered; times are those of the book's clock.

    Attributes:
        refused_at: when it was last refused; 0 for never.
        alone: its refusals before which others were answered.
        since_probe: its refusals since the last probe.
        probes_seen: how many probes of the host had been answered then; ``None`` if it was not refused.
        probes: probes answered between its refusals.
    """

    refused_at: float = 0.0
    alone: int = 0
    since_probe: int = 0
    probes_seen: int | None = None
    probes: int = 0


@dataclass(frozen=True)
class Reserve:
    """Take the next free slot, or learn of a block.

    Attributes:
        asked: requests that went out since the last entry.
        limits: the asker's limits.
        policy: the constants.
        lead_s: the slot must be so far away: whoever is far away hears of it late.
    """

    asked: int
    limits: Limits
    policy: Policy
    lead_s: float = 0.0

    def __call__(self, row: HostRate, now: float) -> Admission:
        """Return what to do next."""
        pacing.observe(row, now, self.asked, ramp=self.limits.ramp)
        return pacing.reserve(row, now, self.limits, self.policy, lead_s=self.lead_s)


@dataclass(frozen=True)
class NoteAnswer:
    """Something was answered; ``path``, unless it is empty, with success."""

    asked: int
    path: str
    is_ramp: bool

    def __call__(self, row: HostRate, now: float) -> None:
        """Note it."""
        pacing.observe(row, now, self.asked, ramp=self.is_ramp)
        pacing.answered(row, now, self.path)


@dataclass(frozen=True)
class NoteRefusal:
    """A location was refused, and remembers what came before.

    Attributes:
        asked: requests that went out since the last entry.
        path: what was refused.
        memory: what the location has seen so far.
        limits: the asker's limits.
        policy: the constants.
        pause_s: length of the first pause of a block.
    """

    asked: int
    path: str
    memory: Memory
    limits: Limits
    policy: Policy
    pause_s: float

    def __call__(self, row: HostRate, now: float) -> Memory:
        """Learn what happened since the refusal before, then add this one; return what is to be remembered."""
        memory = self._learnt(row, now)
        pacing.observe(row, now, self.asked, ramp=self.limits.ramp)
        pacing.refused(
            row, now, self.path, self.limits, self.policy, pause_s=self.pause_s, blameless=memory.alone > 1
        )
        return memory

    def _learnt(self, row: HostRate, now: float) -> Memory:
        memory = self.memory
        if memory.probes_seen not in (None, row.probes_answered):
            memory = replace(memory, probes=memory.probes + 1, since_probe=0)
        was_alone = bool(memory.refused_at) and row.answered_at > memory.refused_at
        return replace(
            memory,
            refused_at=now,
            alone=memory.alone + was_alone,
            since_probe=memory.since_probe + 1,
            probes_seen=row.probes_answered,
        )


@dataclass(frozen=True)
class Absolve:
    """A path was refused for itself: take back what that cost the others."""

    path: str

    def __call__(self, row: HostRate, now: float) -> None:  # noqa: ARG002 - entries have one face
        """Take the cut of the rate back, if nothing else was refused."""
        pacing.absolve(row, self.path)


@dataclass(frozen=True)
class NoteProbe:
    """A probe was made; ``other``: of another path than the refused one."""

    policy: Policy
    is_answered: bool
    other: bool

    def __call__(self, row: HostRate, now: float) -> None:
        """End the pause, or begin the next."""
        pacing.probed(row, now, self.policy, is_answered=self.is_answered, other=self.other)
