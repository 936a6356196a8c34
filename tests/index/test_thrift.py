"""The tree that is read is the tree that was written, and bytes from someone hostile cost little."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.index.parquet_files import index_footer

from cctrawl.errors import FormatError
from cctrawl.index import thrift
from cctrawl.index.thrift import Field, List, Map, Struct, read_struct, write_struct

HEADER_LIST = b"\x19"  # field 1, a list
NUMBERS = {
    thrift.BYTE: st.integers(-128, 127),
    thrift.I16: st.integers(-(1 << 15), (1 << 15) - 1),
    thrift.I32: st.integers(-(1 << 31), (1 << 31) - 1),
    thrift.I64: st.integers(-(1 << 63), (1 << 63) - 1),
    thrift.DOUBLE: st.floats(allow_nan=False),
    thrift.BINARY: st.binary(max_size=200),
    thrift.UUID: st.binary(min_size=16, max_size=16),
}
FIELD_IDS = st.one_of(st.integers(1, 40), st.integers(-(1 << 15), (1 << 15) - 1))


def structs(below: st.SearchStrategy[Struct]) -> st.SearchStrategy[Struct]:
    """Structs whose fields, lists and maps may hold those below."""

    def of_kind(kind: int) -> st.SearchStrategy[Any]:
        if kind in (thrift.TRUE, thrift.FALSE):
            return st.booleans()
        return below if kind == thrift.STRUCT else NUMBERS[kind]

    kinds = st.sampled_from([thrift.TRUE, thrift.FALSE, thrift.STRUCT, *NUMBERS])
    lists = kinds.flatmap(lambda kind: st.builds(List, st.just(kind), st.lists(of_kind(kind), max_size=20)))
    maps = st.tuples(kinds, kinds).flatmap(
        lambda two: st.lists(st.tuples(of_kind(two[0]), of_kind(two[1])), max_size=4).map(
            lambda pairs: Map(*two, pairs) if pairs else Map(0, 0, [])
        )
    )
    fields = st.one_of(
        st.builds(Field, st.just(thrift.TRUE), st.booleans()),
        kinds.filter(lambda kind: kind > thrift.FALSE).flatmap(
            lambda kind: st.builds(Field, st.just(kind), of_kind(kind))
        ),
        st.builds(Field, st.sampled_from([thrift.LIST, thrift.SET]), lists),
        st.builds(Field, st.just(thrift.MAP), maps),
    )
    return st.dictionaries(FIELD_IDS, fields, max_size=6)


TREES: st.SearchStrategy[Struct] = st.recursive(st.just({}), structs, max_leaves=8)


@given(TREES, st.binary(max_size=3), st.binary(max_size=3))
@settings(max_examples=600, deadline=None)
def test_what_is_written_is_read_again(tree: Struct, before: bytes, behind: bytes) -> None:
    """Any tree comes back, fields in order, from anywhere within bytes; and what was read is written alike."""
    data = write_struct(tree)
    read, stop = read_struct(before + data + behind, len(before))
    assert read == tree
    assert list(read) == list(tree)
    assert stop == len(before) + len(data)
    assert write_struct(read) == data


@pytest.mark.parametrize("seed", range(4))
def test_footers_are_written_back_byte_for_byte(seed: int) -> None:
    """A footer that pyarrow wrote is the same after reading and writing."""
    footer = index_footer(seed)
    tree, stop = read_struct(footer)
    assert stop == len(footer)
    assert write_struct(tree) == footer


@given(st.binary(max_size=300))
@settings(max_examples=1500, deadline=None)
def test_any_bytes_are_a_struct_or_a_format_error(data: bytes) -> None:
    """Bytes are read, to a position within them, or refused; what was read survives writing."""
    try:
        tree, stop = read_struct(data)
    except FormatError:
        return
    assert stop <= len(data)
    assert repr(read_struct(write_struct(tree))[0]) == repr(tree)  # as text, for NaN is not NaN


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (b"", "ends in the middle"),
        (b"\x16", "ends in the middle"),
        (b"\x18\x05abc\0", "5 bytes where 4 are left"),
        (b"\x18\xff\xff\xff\xff\x0f", "4,294,967,295 bytes where"),
        (b"\x17\0\0", "8 bytes where"),
        (b"\x1d\0\0", "16 bytes where"),
        (HEADER_LIST + b"\xfc\xff\xff\xff\xff\x07" + b"\0" * 9, "2,147,483,647 elements where"),
        (b"\x1b\xff\xff\xff\xff\x0f\x55", "elements where"),
        (b"\x16" + b"\xff" * 30, "more than 64 bits"),
        (b"\x16" + b"\xff" * 9 + b"\x7f\0", "more than 64 bits"),
        (b"\x1e\0", "unknown kind 14"),
        (HEADER_LIST + b"\x10\0", "unknown kind 0"),
        (b"\x15\0\x05\x02\0\0", "the field 1 twice"),
        (b"\x1c" * 10_000, "more than 32 deep"),
        (HEADER_LIST + b"\x19" * 10_000, "more than 32 deep"),
        (b"\x1b\x01\xbb" + b"\x01\xbb" * 10_000, "more than 32 deep"),
    ],
)
def test_what_is_refused(data: bytes, trouble: str) -> None:
    """Cut, endless, too deep and contradictory bytes are refused by name, with a place."""
    with pytest.raises(FormatError, match=trouble) as raised:
        read_struct(data)
    assert raised.value.offset is not None
    assert raised.value.offset <= len(data)


SIZE = 4 << 20


@pytest.mark.parametrize(
    "data",
    [
        HEADER_LIST + b"\xfc\x80\x80\x80\x02" + b"\0" * SIZE,
        HEADER_LIST + b"\xf1\x80\x80\x80\x02" + b"\1" * SIZE,
        HEADER_LIST + b"\xf9\xc0\x84\x3d" + b"\x09" * SIZE,
        b"\x11" * SIZE,
        HEADER_LIST + b"\xfc\xe0\xd4\x03" + (b"\x11" * 15 + b"\0") * 60_000 + b"\0",
        b"\x1b\x80\x80\x80\x01\x33" + b"\0" * SIZE,
        b"\x16" + b"\x80" * SIZE,
        b"\x18\x80\x80\x80\x02" + b"\0" * SIZE,
    ],
    ids=["empty structs", "booleans", "lists", "fields", "structs of fields", "map", "varint", "bytes"],
)
def test_hostile_bytes_cost_little_memory(data: bytes) -> None:
    """Megabytes made to unfold into much more are refused, or read, within bounds."""
    tracemalloc.start()
    try:
        with suppress(FormatError):
            read_struct(data)
        assert tracemalloc.get_traced_memory()[1] < 250 << 20
    finally:
        tracemalloc.stop()


def test_numbers_without_a_place_are_not_written() -> None:
    """A number of more than 64 bits raises rather than be written wrong."""
    with pytest.raises(OverflowError):
        write_struct({1: Field(thrift.I64, 1 << 63)})
