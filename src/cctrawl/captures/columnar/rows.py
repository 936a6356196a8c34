"""Which rows of a row group: runs of row numbers, half-open, rising, none touching another. Pure.

There may be half a million of them in a row group of zipped runs: what needs no list of its own makes none, and
nobody changes one.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from cctrawl.index import array_of, joined_runs

if TYPE_CHECKING:
    import pyarrow as pa

Runs: TypeAlias = "list[tuple[int, int]]"


def count(runs: Runs) -> int:
    """Return how many rows they are."""
    return sum(stop - start for start, stop in runs)


def intersection(one: Runs, other: Runs) -> Runs:
    """Return the rows that are in both."""
    found: Runs = []
    first = second = 0
    while first < len(one) and second < len(other):
        start = max(one[first][0], other[second][0])
        stop = min(one[first][1], other[second][1])
        if start < stop:
            found.append((start, stop))
        if one[first][1] <= other[second][1]:
            first += 1
        else:
            second += 1
    return found


def difference(one: Runs, other: Runs) -> Runs:
    """Return the rows that are in the one and not in the other."""
    if not one or one is other:
        return []
    if not other:
        return one
    edges = [one[0][0], *(edge for run in other for edge in run), one[-1][1]]
    gaps = [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if start < stop]
    return intersection(one, gaps)


def union(one: Runs, other: Runs) -> Runs:
    """Return the rows that are in one of two that have no row in common."""
    return joined_runs(sorted([*one, *other])) if one and other else one or other


def selected(runs: Runs, mask: pa.ChunkedArray) -> Runs:
    """Return those rows of which the mask is true; it has a value for each row of the runs."""
    return within(runs, true_runs(mask))


def within(runs: Runs, places: Runs) -> Runs:
    """Return the rows at these places, counted over the runs from 0."""
    if len(runs) == 1 and runs[0][0] == 0:
        return places
    found: list[tuple[int, int]] = []
    behind = list(accumulate(stop - start for start, stop in runs))
    at = 0
    for place, end in places:
        start = place
        while start < end:
            while behind[at] <= start:
                at += 1
            offset = runs[at][1] - behind[at]
            stop = min(end, behind[at])
            found.append((start + offset, stop + offset))
            start = stop
    return joined_runs(found)


def true_runs(mask: pa.ChunkedArray) -> Runs:
    """Return where a mask without nulls is true, as runs of places; loads pyarrow."""
    import pyarrow as pa  # noqa: PLC0415 - slow to load
    from pyarrow import compute  # noqa: PLC0415 - slow to load

    if not len(mask):
        return []
    edge = array_of([False], pa.bool_())
    values = pa.concat_arrays([edge, *mask.chunks, edge])
    edges = compute.xor(values.slice(1), values.slice(0, len(values) - 1))
    places = compute.indices_nonzero(edges).to_pylist()
    return list(zip(places[::2], places[1::2], strict=True))
