"""What is distilled from a footer is what the full parse finds."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import pyarrow as pa
import pytest
from tests.index.parquet_files import by_full_parse, footer_of, index_footer, written

from cctrawl.errors import FormatError
from cctrawl.index import distil, distillate, parse_footer, thrift
from cctrawl.index.thrift import Field, List, Map, Struct, Value, read_struct, write_struct


@pytest.mark.parametrize("column", ["url_surtkey", "url", "column_07", "column_27"])
@pytest.mark.parametrize("row_groups", [1, 3, 17])
def test_distilled_is_what_the_full_parse_finds(column: str, row_groups: int) -> None:
    """For any column and footers of several kinds in turn, both ways give the same."""
    for seed in range(6):
        footer = index_footer(seed, row_groups=row_groups)
        assert distil(footer, column.encode()) == by_full_parse(footer, column)


def mutated(footer: bytes, draw: random.Random) -> bytes:
    """Return a footer with a few bytes changed, cut out, doubled or swapped, or cut short."""
    data = bytearray(footer)
    for _ in range(draw.choice([1, 1, 1, 2, 5])):
        at = draw.randrange(len(data))
        match draw.randrange(6):
            case 0 | 1:
                data[at] = draw.randrange(256)
            case 2:
                data[at] ^= 1 << draw.randrange(8)
            case 3:
                del data[at : at + draw.randrange(1, 40)]
            case 4:
                data[at:at] = data[at : at + draw.randrange(1, 40)]
            case _:
                data = data[: at + 1] if draw.random() < 0.2 else data
    return bytes(data)


def test_mutated_footers_are_read_alike_or_refused() -> None:
    """Thousands of damaged footers raise nothing but FormatError; what both ways read, they read alike."""
    draw = random.Random(5)
    footers = [index_footer(seed, columns=6) for seed in range(4)]
    outcomes = {"alike": 0, "refused": 0, "unseen": 0}
    for footer in footers:
        distil(footer)
    for number in range(3000):
        data = mutated(footers[number % 4], draw)
        outcomes[outcome_of(data)] += 1
    assert min(outcomes["alike"], outcomes["refused"]) > 300


def outcome_of(data: bytes) -> str:
    """Read damaged bytes both ways and return how it went; unseen is damage that was jumped over."""
    try:
        distilled = distil(data)
    except FormatError:
        with pytest.raises(FormatError):
            parse_footer(data)
        return "refused"
    try:
        expected = by_full_parse(data, "url_surtkey")
    except FormatError:
        return "unseen"
    except ValueError:  # the column has another name now
        assert {row.statistics for row in distilled.rows} <= {"absent"}
        return "alike"
    assert distilled == expected
    return "alike"


@pytest.mark.parametrize("wanted", ["url_surtkey", "host", "segment"])
def test_names_in_the_bounds_of_others_are_no_signposts(wanted: str) -> None:
    """A URL that spells the bytes of another column's chunk, bounds and all, is a bound and nothing else."""
    names = ("url_surtkey", "url", "host", "segment")
    rows = {name: ["a", "b", "c", "d"] for name in names}
    spelt = b"y" + _spelt_chunk(wanted.encode())
    plain, evil = (
        footer_of(written(pa.table({**rows, "url": ["x", url, "x", "y"]}), row_group_size=2))
        for url in ("y", spelt.decode())
    )
    distil(plain, wanted.encode())
    assert spelt in evil
    assert distil(evil, wanted.encode()) == by_full_parse(evil, wanted)


def _spelt_chunk(name: bytes) -> bytes:
    """Return what follows the encodings of a chunk of two rows, from its name to the end of its statistics."""
    meta = {1: Field(thrift.LIST, List(thrift.BINARY, [name])), 2: Field(thrift.I32, 1)}
    meta |= {number: Field(thrift.I64, value) for number, value in ((3, 2), (4, 5), (5, 5), (7, 4))}
    bounds = {number: Field(thrift.BINARY, b"forged") for number in (5, 6)}
    return write_struct({**meta, 10: Field(thrift.STRUCT, bounds)}) + b"\0"


@pytest.mark.parametrize("column", ["url_surtkey", "url"])
def test_statistics_elsewhere_are_found(column: str) -> None:
    """Statistics before the other fields of a chunk, and structs in the place of numbers: read as by full parse."""
    for number in (10, 12):
        tree, _ = read_struct(index_footer(1))
        distil(write_struct(tree), column.encode())
        for group in _elements(tree[4]):
            meta = _elements(group[1])[["url_surtkey", "url"].index(column)][3].value
            others = dict(meta)
            told = others.pop(12)
            meta.clear()
            if number == 12:
                meta.update({12: told, **others})
            else:
                others.pop(11)
                meta.update({**dict(sorted({**others, 10: told}.items())), 12: _bounds(b"a", b"b")})
        footer = write_struct(tree)
        assert distil(footer, column.encode()) == by_full_parse(footer, column)


@pytest.mark.parametrize("left", ["no statistics", "an empty struct", "a null count"])
def test_row_groups_without_statistics_are_jumped_over(left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row group without bounds, as old crawls have many, does not cost the full parse of its footer."""
    tree, _ = read_struct(index_footer(1))
    distil(write_struct(tree))
    keys = _elements(_elements(tree[4])[1][1])[0][3].value
    told = keys[12].value
    if left == "no statistics":
        del keys[12]
    else:
        keys[12] = Field(thrift.STRUCT, {} if left == "an empty struct" else {3: told[3]})
    footer = write_struct(tree)
    expected = by_full_parse(footer, "url_surtkey")
    assert [row.statistics for row in expected.rows] == ["ordered", "absent", "ordered"]
    monkeypatch.setattr(distillate, "parse_tree", None)
    assert distil(footer) == expected


def _bounds(low: bytes, high: bytes) -> Field:
    return Field(thrift.STRUCT, {5: Field(thrift.BINARY, high), 6: Field(thrift.BINARY, low)})


def _elements(field: Field) -> list[Any]:
    assert isinstance(field.value, List)
    return field.value.values


def test_what_was_jumped_over_must_fit() -> None:
    """Rows that do not add up, negative sizes and row groups that are not counted are refused by jumps, too."""
    tree, _ = read_struct(index_footer(1))
    whole = write_struct(tree)
    distil(whole)
    more_rows = write_struct({**tree, 3: Field(thrift.I64, 16)})
    two_of_three = write_struct({**tree, 3: Field(thrift.I64, 10)}).replace(
        b"\x16\x14\x19\x3c", b"\x16\x14\x19\x2c"
    )
    _elements(tree[4])[1][2] = Field(thrift.I64, -5)
    for footer in (more_rows, two_of_three, write_struct(tree)):
        assert footer != whole
        with pytest.raises(FormatError):
            distil(footer)


def test_large_footers_leave_nothing_behind() -> None:
    """What is remembered of a kind of footers is small, whatever someone hostile puts into them."""
    tree, _ = read_struct(index_footer(1, columns=2))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(6):
            pair = {1: Field(thrift.BINARY, b"%d" % number), 2: Field(thrift.BINARY, bytes(2 << 20))}
            distil(write_struct({**tree, 5: Field(thrift.LIST, List(thrift.STRUCT, [pair]))}))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4 << 20


def test_structs_without_end_are_refused() -> None:
    """In a footer whose sisters are known, structs in structs in structs are refused by name, like elsewhere."""
    footer = index_footer(2)
    distil(footer)
    name = b"\x19\x18\x09column_27"
    place = footer.index(name) + len(name)
    with pytest.raises(FormatError, match="more than 32 deep"):
        distil(footer[:place] + _chunk_head(footer, place) + b"\x1c" * 100_000 + footer[place:])


def _chunk_head(footer: bytes, place: int) -> bytes:
    """Return the numbers with which a chunk's metadata goes on behind its name, up to the statistics."""
    return footer[place : footer.index(b"\x1c", place)]


def test_other_shapes_of_structs_are_read_alike() -> None:
    """Fields out of order, missing, new, or of other values and kinds: what both ways read is the same."""
    draw = random.Random(9)
    footers = [index_footer(seed, columns=4) for seed in range(3)]
    outcomes = {"alike": 0, "refused": 0, "unseen": 0}
    for number in range(1500):
        distil(footers[number % 3])  # known again, should another frame have taken its place
        tree, _ = read_struct(footers[number % 3])
        for _ in range(draw.randrange(1, 3)):
            _reshape(draw.choice(_structs_in(tree[4].value)), draw)
        outcomes[outcome_of(write_struct(tree))] += 1
    assert outcomes["alike"] > 600


def _structs_in(value: Value) -> list[Struct]:
    if isinstance(value, List):
        return [struct for element in value.values for struct in _structs_in(element)]
    if isinstance(value, dict):
        return [value, *(struct for field in value.values() for struct in _structs_in(field.value))]
    return []


def _reshape(struct: Struct, draw: random.Random) -> None:
    """Change a struct in place."""
    fields = list(struct.items())
    number = draw.choice(list(struct) or [1])
    match draw.randrange(5):
        case 0:
            draw.shuffle(fields)
            struct.clear()
            struct.update(fields)
        case 1:
            struct.pop(number, None)
        case 2:
            struct[draw.choice([*range(1, 20), 99, -3])] = _any_field(draw)
        case 3:
            struct[number] = _any_field(draw)
        case _:
            wide = struct.pop(number, Field(thrift.I64, 0))
            struct[number] = wide  # last, with its number in full


def _any_field(draw: random.Random) -> Field:
    return draw.choice(
        [
            Field(thrift.I64, draw.choice([0, 5, 15, -1, 1 << 40, -(1 << 63)])),
            Field(thrift.I32, draw.randrange(-3, 300)),
            Field(thrift.BINARY, draw.choice([b"", b"com,a)/", b"\xff" * 200, b"x" * 20_000])),
            Field(thrift.TRUE, draw.random() < 0.5),
            Field(thrift.DOUBLE, 0.5),
            Field(thrift.BYTE, 3),
            Field(thrift.STRUCT, {6: Field(thrift.BINARY, b"a"), 5: Field(thrift.BINARY, b"b")}),
            Field(thrift.LIST, List(thrift.I32, [1] * draw.randrange(20))),
            Field(thrift.LIST, List(thrift.BINARY, [b"url_surtkey"])),
            Field(thrift.LIST, List(thrift.STRUCT, [{1: Field(thrift.I32, 1)}] * draw.randrange(20))),
            Field(thrift.SET, List(thrift.TRUE, [True, False])),
            Field(thrift.MAP, Map(thrift.I32, thrift.BINARY, [(1, b"a")])),
        ]
    )
