"""Entries in the rate book, against what locations would remember and do by themselves."""

from __future__ import annotations

import pickle
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cctrawl.store.rates import HostRate
from cctrawl.transport import Policy, pacing
from cctrawl.transport.entries import Absolve, Memory, NoteAnswer, NoteProbe, NoteRefusal, Reserve
from cctrawl.transport.pacing import Limits

T0 = 1_700_000_000.0
POLICY = Policy()
LIMITS = Limits(10, 3, ramp=True)


class Location:
    """What a location sees of its host, kept in plain variables."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.answered()

    def answered(self) -> None:
        """Forget all refusals."""
        self.refused_at = 0.0
        self.alone = self.since_probe = self.probes = 0
        self.probes_seen: int | None = None

    def refused(self, row: HostRate, now: float, asked: int) -> None:
        """Learn what happened since the refusal before, then add this one."""
        if self.probes_seen is None:
            self.probes_seen = row.probes_answered
        elif row.probes_answered != self.probes_seen:
            self.probes += 1
            self.probes_seen = row.probes_answered
            self.since_probe = 0
        if self.refused_at and row.answered_at > self.refused_at:
            self.alone += 1
        self.since_probe += 1
        self.refused_at = now
        pacing.observe(row, now, asked, ramp=True)
        pacing.refused(row, now, self.path, LIMITS, POLICY, pause_s=60, blameless=self.alone > 1)


events = st.tuples(
    st.sampled_from(["reserve", "answer", "refuse", "refuse", "refuse", "probe", "absolve"]),
    st.integers(0, 1),
    st.floats(0, 20),
    st.booleans(),
)


@given(st.lists(events, max_size=30))
def test_entries_do_what_locations_would(made: list[tuple[str, int, float, bool]]) -> None:
    """Two locations of a host, refused, answered, probed in any order, remember and cause the same by entries."""
    locations, memories = [Location("/a"), Location("/b")], [Memory(), Memory()]
    theirs, ours, now = HostRate(), HostRate(), T0
    for what, at, gap_s, flag in made:
        now += gap_s
        location = locations[at]
        if what == "refuse":
            location.refused(theirs, now, 1)
            entry = NoteRefusal(1, location.path, memories[at], LIMITS, POLICY, pause_s=60)
            memories[at] = pickle.loads(pickle.dumps(entry))(ours, now)  # noqa: S301 - our own
            assert memories[at] == Memory(
                location.refused_at, location.alone, location.since_probe, location.probes_seen, location.probes
            )
        elif what == "answer":
            location.answered()
            memories[at] = Memory()
            pacing.observe(theirs, now, 1, ramp=True)
            pacing.answered(theirs, now, location.path if flag else "")
            NoteAnswer(1, location.path if flag else "", is_ramp=True)(ours, now)
        elif what == "reserve":
            pacing.observe(theirs, now, 2, ramp=True)
            assert Reserve(2, LIMITS, POLICY)(ours, now) == pacing.reserve(theirs, now, LIMITS, POLICY)
        elif what == "probe":
            pacing.probed(theirs, now, POLICY, is_answered=flag, other=bool(at))
            NoteProbe(POLICY, is_answered=flag, other=bool(at))(ours, now)
        else:
            pacing.absolve(theirs, location.path)
            Absolve(location.path)(ours, now)
        assert ours == theirs


def test_a_refusal_after_anothers_answer_is_its_own() -> None:
    """A location that is refused while others are answered counts that, and from the second time on is to blame."""
    row = HostRate()
    entry = NoteRefusal(1, "/a", Memory(), LIMITS, POLICY, pause_s=60)
    memory = entry(row, T0)
    for second in (1, 2, 3):
        NoteAnswer(1, "/b", is_ramp=False)(row, T0 + 2 * second)
        memory = replace(entry, memory=memory)(row, T0 + 2 * second + 1)
        assert memory.alone == second
    assert row.cuts == 2, "the first refusal, and one after which it could be chance"
