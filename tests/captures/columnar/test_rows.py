"""Runs of rows: sets of numbers."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cctrawl.captures.columnar.rows import Runs, count, difference, intersection, selected, union
from cctrawl.index import joined_runs

numbers = st.sets(st.integers(0, 30))


def runs_of(members: set[int]) -> Runs:
    """Return a set as runs."""
    return joined_runs([(number, number + 1) for number in sorted(members)])


def members_of(runs: Runs) -> set[int]:
    """Return runs as a set."""
    return {number for start, stop in runs for number in range(start, stop)}


@settings(deadline=None)
@given(numbers, numbers)
def test_runs_are_sets(one: set[int], other: set[int]) -> None:
    """Runs meet, join and part as the sets of their rows do, and stay in their one form."""
    first, second = runs_of(one), runs_of(other)
    assert members_of(first) == one
    assert count(first) == len(one)
    assert intersection(first, second) == runs_of(one & other)
    assert difference(first, second) == runs_of(one - other)
    assert union(first, runs_of(other - one)) == runs_of(one | other)


@settings(deadline=None)
@given(numbers, st.lists(st.booleans(), min_size=31, max_size=31), st.integers(0, 31))
def test_a_mask_selects_rows(rows: set[int], mask: list[bool], cut: int) -> None:
    """A mask has a value for each row of the runs, in whatever chunks."""
    chosen = mask[: len(rows)]
    chunks = pa.chunked_array([chosen[:cut], chosen[cut:]], pa.bool_())
    expected = {row for row, is_chosen in zip(sorted(rows), chosen, strict=True) if is_chosen}
    assert selected(runs_of(rows), chunks) == runs_of(expected)
