"""Damage at random: whatever is changed, losses are told, what was not touched comes out, and nothing else does.

CI reads 1,500 mutated files; ``pytest -m exhaustive tests/warc/test_mutations.py`` reads 10,000 others.

What a change may leave untold is only what no reader can see: bytes that neither a check sum nor a length covers
(the time, system and extra flags of a gzip header; the content of a plain record, if its length stays), members or
records that are gone as a whole, and plain records whose remaining halves make up a sound one.
"""

from __future__ import annotations

import random
import tracemalloc
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cctrawl.errors import FormatError
from cctrawl.warc import read_records

if TYPE_CHECKING:
    from tests.warc.conftest import Layout, Readings, Warcs, Written

    from cctrawl.warc import Damage

SHAPES = ("per record", "several in a member", "across members", "one member")
LAYOUTS = (
    *SHAPES,
    "plain",
    *(f"zstd {shape}" for shape in SHAPES),
    "zstd dictionary per record",
    *(f"arc {shape}" for shape in SHAPES),
    "arc plain",
)
MUTATIONS = ("flip", "zero", "cut", "insert", "repeat", "end")
CHUNK_BYTES = (19, 64, 1000, 1 << 14, 1 << 20)
SNIFFED_BYTES = 600  # a file of which these are gone may be no WARC any more
MOST_BYTES = 12 << 20  # of memory, for files of some 30 kB; the window tries out 8 MiB once


class Mutated(NamedTuple):
    """A damaged file, and the span of the sound one that is touched (empty where something was inserted)."""

    data: bytes
    how: str
    start: int
    stop: int


def mutate(data: bytes, rng: random.Random) -> Mutated:
    """Return the file with a bit flipped, a span zeroed, cut, inserted or repeated, or its end cut off."""
    how = rng.choice(MUTATIONS)
    start = rng.randrange(len(data))
    stop = min(len(data), start + rng.choice((1, 2, 4, 30, 300, 3000)))
    span = data[start:stop]
    if how == "flip":
        flipped = bytes([data[start] ^ (1 << rng.randrange(8))])
        return Mutated(data[:start] + flipped + data[start + 1 :], how, start, start + 1)
    if how == "zero":
        return Mutated(data[:start] + bytes(len(span)) + data[stop:], how, start, stop)
    if how == "cut":
        return Mutated(data[:start] + data[stop:], how, start, stop)
    if how == "end":
        return Mutated(data[:start], how, start, len(data))
    inserted = rng.randbytes(len(span)) if how == "insert" else span
    return Mutated(data[:start] + inserted + data[start:], how, start, start)


def is_touched(span: tuple[int, int], mutated: Mutated) -> bool:
    """Whether the mutation touches the span."""
    if mutated.start == mutated.stop:
        return span[0] < mutated.start < span[1]
    return span[0] < mutated.stop and mutated.start < span[1]


def is_traceable(kind: str, mutated: Mutated, layout: Layout) -> bool:
    """Whether what is left can tell that records are missing."""
    if mutated.how not in ("cut", "end"):
        return True
    ends = {0, *(end for span in layout.spans for end in span)}
    if {mutated.start, mutated.stop} <= ends:
        return False
    touched = [span for span in layout.spans if is_touched(span, mutated)]
    return not (kind.endswith("plain") and mutated.how == "cut" and len(touched) > 1)


class Case(NamedTuple):
    """A file as it was written, and as it is read."""

    kind: str
    written: list[Written]
    layout: Layout
    mutated: Mutated

    @property
    def untouched(self) -> list[tuple[str, bytes]]:
        """The records that must come out: all that the mutation does not touch."""
        if self.mutated.start < self.layout.spans[0][0]:
            return []  # the dictionary, which all need
        spans = zip(self.written, self.layout.spans, strict=True)
        return [(record.url, record.block) for record, span in spans if not is_touched(span, self.mutated)]


def check(warcs: Warcs, readings: Readings, kind: str, seed: int) -> None:
    """Mutate one file, read it in steps of some size, and hold the reader to its word."""
    rng = random.Random(f"{kind} {seed}")
    written = warcs.written(rng, 8, kind)
    layout = warcs.layout(written, kind, rng)
    case = Case(kind, written, layout, mutate(layout.data, rng))
    damages: list[Damage] = []
    source = readings.trickle(case.mutated.data, rng, rng.choice((1, 50, 100_000)))
    try:
        with read_records(source, on_damage=damages.append, chunk_bytes=rng.choice(CHUNK_BYTES)) as reader:
            found = [(record.url, record.block) for record in reader]
    except FormatError:
        assert case.mutated.start < SNIFFED_BYTES or not case.untouched
        return
    hold(case, found, damages)


def hold(case: Case, found: list[tuple[str, bytes]], damages: list[Damage]) -> None:
    """Hold what was found against what was written."""
    kind, written, layout, mutated = case
    pairs = [(record.url, record.block) for record in written]
    remaining = iter(found)
    assert all(pair in remaining for pair in case.untouched), damages  # in order
    if len(found) < len(written) and is_traceable(kind, mutated, layout):
        assert damages
    # Where a member holds several records, one may come out before the check sum behind it shows the damage; the
    # same goes for what a broken dictionary gives.
    if kind.endswith("per record") and mutated.start >= layout.spans[0][0]:
        assert set(found) <= set(pairs), "a record that was never written"
    if not kind.endswith("plain"):
        assert damages or found == pairs or mutated.how in ("cut", "end", "repeat")
    elif is_traceable(kind, mutated, layout):
        lengths = {len(record.block) for record in written}
        assert damages or {len(block) for _, block in found} <= lengths, "a block whose length changed"
    for damage in damages:
        assert 0 <= damage.offset <= len(mutated.data)
        assert damage.skipped_bytes >= 0


def check_many(warcs: Warcs, readings: Readings, kind: str, seeds: range) -> None:
    """Check mutations, every tenth with an eye on the memory it takes."""
    for seed in seeds:
        is_watched = seed % 10 == 0
        if is_watched:
            tracemalloc.start()
        try:
            check(warcs, readings, kind, seed)
            assert not is_watched or tracemalloc.get_traced_memory()[1] < MOST_BYTES
        except AssertionError as error:
            raise AssertionError(f"{kind}, seed {seed}: {error}") from error
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("kind", LAYOUTS)
def test_damage_is_told_and_costs_no_sound_record(warcs: Warcs, readings: Readings, kind: str) -> None:
    """1,500 files, of every layout, mutated and read in steps of every size: no damage untold, no record lost."""
    check_many(warcs, readings, kind, range(108))


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", LAYOUTS)
def test_ten_thousand_mutations(warcs: Warcs, readings: Readings, kind: str) -> None:
    """10,000 more files hold as well."""
    check_many(warcs, readings, kind, range(1000, 1715))
