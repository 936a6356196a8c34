"""Which stored bounds are believed, of which writer, in which order; both readers agree on it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.index.parquet_files import by_full_parse, index_footer

from cctrawl.index import Statistics, distil, parse_footer, thrift
from cctrawl.index.schema import LogicalType, SchemaColumn
from cctrawl.index.statistics import Kind, believed_bounds, known_writer
from cctrawl.index.thrift import Field, List, read_struct, write_struct

MR_1_8 = "parquet-mr version 1.8.2 (build c6522788629e590a53eb79874b95f6c3ff11f16c)"
MR_1_12 = "parquet-mr version 1.12.2 (build 77e30c8093386ec52c3cfa6c34b7ef3321322c94)"
DEPRECATED = {1: b"z", 2: b"a"}
ORDERED = {5: b"y", 6: b"b"}


def statistics_of(
    stored: dict[int, bytes], created_by: str | None, *, column: str = "url_surtkey", orders: bool = True
) -> Statistics:
    """Return what is made of these statistics of a column in each row group, by both ways of reading."""
    tree, _ = read_struct(index_footer(0))
    tree.pop(6)
    if created_by:
        orders_field = tree.pop(7)
        tree[6] = Field(thrift.BINARY, created_by.encode())
        tree[7] = orders_field
    if not orders:
        tree.pop(7)
    index = {"url_surtkey": 0, "url": 1, "column_01": 3}[column]
    fields = {number: Field(thrift.BINARY, raw) for number, raw in stored.items()}
    groups: Any = tree[4].value
    for group in groups.values:
        group[1].value.values[index][3].value[12] = Field(thrift.STRUCT, fields)
    footer = write_struct(tree)
    for _ in range(2):  # the second time by jumps
        assert distil(footer, column.encode()) == by_full_parse(footer, column)
    return parse_footer(footer).row_groups[1].columns[index].statistics


@pytest.mark.parametrize("created_by", [MR_1_12, "parquet-cpp-arrow version 14.0.0", "Polars", None])
def test_bounds_in_the_order_of_the_type_are_believed(created_by: str | None) -> None:
    """min_value and max_value count, of whatever writer, beside the deprecated pair too."""
    for stored in (ORDERED, {**DEPRECATED, **ORDERED}):
        found = statistics_of(stored, created_by)
        assert (found.kind, found.min, found.max) == ("ordered", b"b", b"y")


def test_one_bound_alone_is_believed() -> None:
    """Of a pair with one bound the other is open, and the deprecated one does not take its place."""
    assert statistics_of({5: b"y"}, MR_1_12) == Statistics("ordered", None, b"y")
    assert statistics_of({6: b"b", **DEPRECATED}, MR_1_12) == Statistics("ordered", b"b", None)
    assert statistics_of({2: b"a"}, MR_1_8) == Statistics("signed", b"a", None)


@pytest.mark.parametrize(
    ("created_by", "kind"),
    [
        (MR_1_8, "signed"),
        (MR_1_12, "signed"),
        ("parquet-mr version 1.10.99.7 (build unknown)", "signed"),
        ("parquet-mr version 1.7.0 (build abc)", "absent"),
        ("parquet-mr version 1.6.0rc3", "absent"),
        ("parquet-mr", "absent"),
        ("parquet-mr version x", "absent"),
        pytest.param("parquet-mr version " + "1" * 5000 + ".1", "absent", id="a number that is hostile"),
        ("fastparquet-python version 1.0.0 (build 111)", "absent"),
        (None, "absent"),
    ],
)
def test_deprecated_bounds_are_believed_of_whom_we_know(created_by: str | None, kind: str) -> None:
    """The deprecated pair of a byte array is signed if parquet-mr from 1.8 on wrote it, and else not believed."""
    bounds = (b"a", b"z") if kind == "signed" else (None, None)
    found = statistics_of(DEPRECATED, created_by)
    assert (found.kind, found.min, found.max) == (kind, *bounds)


def test_a_writer_of_wrong_bounds_is_not_believed_at_all() -> None:
    """parquet-mr before 1.8 wrote bounds of other rows (PARQUET-251), in whichever fields."""
    assert statistics_of(ORDERED, "parquet-mr version 1.7.0 (build abc)").kind == "absent"


def test_without_column_orders_the_deprecated_pair_counts() -> None:
    """Without column_orders nobody knows how min_value and max_value compare."""
    assert statistics_of(ORDERED, MR_1_12, orders=False) == Statistics()
    assert statistics_of({**DEPRECATED, **ORDERED}, MR_1_8, orders=False) == Statistics("signed", b"a", b"z")


def test_an_order_that_is_not_the_types_is_not_believed() -> None:
    """A column order from a later format orders nothing for us."""
    tree, _ = read_struct(index_footer(0))
    orders: Any = tree[7].value
    orders.values[0] = {2: Field(thrift.STRUCT, {})}
    footer = write_struct(tree)
    assert parse_footer(footer).row_groups[0].columns[0].statistics.kind == "absent"
    assert distil(footer) == by_full_parse(footer, "url_surtkey")


def test_deprecated_bounds_of_numbers_are_as_good_as_the_others() -> None:
    """Numbers always compared by their sign: of whatever writer their deprecated bounds are ordered."""
    found = statistics_of({1: b"\2" + b"\0" * 7, 2: b"\1" + b"\0" * 7}, None, column="column_01")
    assert (found.kind, found.min, found.max) == ("ordered", b"\1" + b"\0" * 7, b"\2" + b"\0" * 7)


@pytest.mark.parametrize(
    ("physical_type", "logical_type", "deprecated", "ordered"),
    [
        ("INT64", None, "ordered", "ordered"),
        ("INT32", LogicalType("DATE"), "ordered", "ordered"),
        ("INT32", LogicalType("INTEGER", bit_width=32, is_signed=False), "absent", "ordered"),
        ("INT96", None, "absent", "absent"),
        ("BYTE_ARRAY", None, "signed", "ordered"),
        ("BYTE_ARRAY", LogicalType("DECIMAL", precision=9), "absent", "ordered"),
        ("FIXED_LEN_BYTE_ARRAY", LogicalType("FLOAT16"), "absent", "ordered"),
        ("FIXED_LEN_BYTE_ARRAY", LogicalType("INTERVAL"), "absent", "absent"),
    ],
)
def test_the_type_decides_which_pair_is_believed(
    physical_type: str, logical_type: LogicalType | None, deprecated: Kind, ordered: Kind
) -> None:
    """The deprecated pair compares as signed: right for signed numbers, wrong for others; INT96 has no order."""
    column = SchemaColumn("c", ("c",), physical_type, None, logical_type, None, 0, 0, is_required=True)
    pair, nothing = (b"a", b"z"), (None, None)
    writer = known_writer(MR_1_8)
    for kind, bounds in (
        (deprecated, believed_bounds(column, writer, nothing, pair)),
        (ordered, believed_bounds(column, writer, pair, nothing)),
    ):
        assert bounds == ((kind, *pair) if kind != "absent" else ("absent", None, None))


def test_row_groups_without_statistics_stand_among_others() -> None:
    """A row group whose statistics a long URL cost may hold anything; its neighbours keep theirs, by jumps too."""
    tree, _ = read_struct(index_footer(0))
    groups: Any = tree[4].value
    groups.values[1][1].value.values[0][3].value.pop(12)
    footer = write_struct(tree)
    distil(index_footer(0))
    told = distil(footer)
    assert [row.statistics for row in told.rows] == ["ordered", "absent", "ordered"]
    assert told == by_full_parse(footer, "url_surtkey")


def test_exactness_and_counts_are_told() -> None:
    """Null counts, distinct counts and whether bounds are exact are read as stored."""
    tree, _ = read_struct(index_footer(0))
    groups: Any = tree[4].value
    groups.values[0][1].value.values[0][3].value[12] = Field(
        thrift.STRUCT,
        {
            3: Field(thrift.I64, 4),
            4: Field(thrift.I64, 5),
            5: Field(thrift.BINARY, b"z"),
            6: Field(thrift.BINARY, b"a"),
            7: Field(thrift.TRUE, False),
            8: Field(thrift.TRUE, True),
        },
    )
    expected = Statistics("ordered", b"a", b"z", 4, 5, is_min_exact=True, is_max_exact=False)
    assert parse_footer(write_struct(tree)).row_groups[0].columns[0].statistics == expected
    assert isinstance(tree[4].value, List)
