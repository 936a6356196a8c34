"""Stored bounds as values, held against pyarrow's decoding of the same statistics."""

from __future__ import annotations

import struct
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.index.parquet_files import footer_of, index_footer, written

from cctrawl.index import LogicalType, SchemaColumn, arrow_type, decode_bound, parse_footer
from cctrawl.index.schema import PHYSICAL_TYPES, applicable

UTC = timezone.utc
YEARS = (datetime(1700, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001 - what clocks on walls show; within nanoseconds
TIMES = st.datetimes(*YEARS)
INTEGERS = {
    getattr(pa, f"{sign}int{bits}")(): st.integers(
        0 if sign else -(1 << bits - 1), (1 << (bits if sign else bits - 1)) - 1
    )
    for bits in (8, 16, 32, 64)
    for sign in ("", "u")
}
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    **INTEGERS,
    pa.bool_(): st.booleans(),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.string(): st.text(max_size=20),
    pa.binary(): st.binary(max_size=20),
    pa.binary(4): st.binary(min_size=4, max_size=4),
    pa.date32(): st.dates(),
    pa.time32("ms"): st.times().map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)),
    pa.time64("us"): st.times(),
    pa.time64("ns"): st.times(),
    pa.timestamp("ms"): TIMES.map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)),
    pa.timestamp("us", "UTC"): TIMES.map(lambda at: at.replace(tzinfo=UTC)),
    pa.timestamp("ns"): TIMES,
    pa.decimal128(7, 2): st.decimals(-99999, 99999, places=2),
    pa.decimal128(15, 0): st.decimals(-(10**14), 10**14, places=0),
    pa.decimal128(38, 30): st.decimals(-(10**7), 10**7, places=30),
    pa.decimal256(70, 35): st.decimals(-(10**34), 10**34, places=35),
}


def column_of(physical_type: str, logical_type: LogicalType | None = None) -> SchemaColumn:
    """Return a column of a type."""
    return SchemaColumn("a", ("a",), physical_type, None, logical_type, None, 0, 0, is_required=True)


@pytest.mark.parametrize(
    ("of_type", "options"),
    [(of_type, {}) for of_type in VALUES]
    + [(of_type, {"store_decimal_as_integer": True}) for of_type in VALUES if "decimal128" in str(of_type)],
    ids=str,
)
def test_bounds_are_the_least_and_the_greatest_value(of_type: pa.DataType, options: dict[str, bool]) -> None:
    """For every type the decoded bounds are the least and greatest value, and Arrow's type holds them."""

    @given(st.lists(VALUES[of_type], min_size=1, max_size=5))
    @settings(max_examples=25, deadline=None)
    def check(values: list[Any]) -> None:
        footer = parse_footer(footer_of(written(pa.table({"a": pa.array(values, of_type)}), **options)))
        (column,) = footer.columns
        found = footer.row_groups[0].columns[0].statistics
        bounds = [decode_bound(column, found.min), decode_bound(column, found.max, is_upper=True)]
        assert found.kind == "ordered"
        assert bounds == [min(values), max(values)]
        assert pa.array(bounds, arrow_type(column)).to_pylist() == bounds

    check()


def test_instants_of_int96() -> None:
    """INT96, nanoseconds of a day and its Julian day, is an instant; bounds in it are shown, not believed."""
    column = column_of("INT96")
    raw = struct.pack("<qi", 3_600 * 10**9 + 1, 2_440_588 + 18_000)
    hour = datetime(1970, 1, 1, 1, tzinfo=UTC) + timedelta(days=18_000)
    assert decode_bound(column, raw) == hour
    assert decode_bound(column, raw, is_upper=True) == hour + timedelta(microseconds=1)
    assert pa.array([hour], arrow_type(column)).to_pylist() == [hour]
    footer = parse_footer(
        footer_of(written(pa.table({"a": [hour]}), use_deprecated_int96_timestamps=True, store_schema=False))
    )
    assert footer.columns[0].physical_type == "INT96"
    assert footer.row_groups[0].columns[0].statistics.kind == "absent"


def test_half_precision() -> None:
    """FLOAT16 is decoded, its NaN is no bound."""
    column = column_of("FIXED_LEN_BYTE_ARRAY", LogicalType("FLOAT16"))
    assert decode_bound(column, struct.pack("<e", 0.5)) == 0.5
    assert decode_bound(column, struct.pack("<e", float("nan"))) is None
    assert pa.array([np.float16(0.5)], arrow_type(column)).to_pylist() == [0.5]


@pytest.mark.parametrize(
    ("column", "raw"),
    [
        (column_of("FLOAT"), struct.pack("<f", float("nan"))),
        (column_of("DOUBLE"), struct.pack("<d", float("nan"))),
        (column_of("DOUBLE"), b"short"),
        (column_of("BOOLEAN"), b"\x02"),
        (column_of("INT32"), b""),
        (column_of("INT64"), b"\0" * 9),
        (column_of("INT96"), b"\0" * 11),
        (column_of("INT96"), b"\xff" * 8 + b"\xff\xff\xff\x7f"),
        (column_of("BYTE_ARRAY", LogicalType("STRING")), "é".encode()[:1]),
        (column_of("BYTE_ARRAY", LogicalType("DECIMAL", precision=2)), b""),
        (column_of("BYTE_ARRAY", LogicalType("DECIMAL", precision=2)), b"\x7f"),
        (column_of("BYTE_ARRAY", LogicalType("DECIMAL", precision=99, scale=3)), b"\x01"),
        (column_of("INT32", LogicalType("DATE")), b"\xff\xff\xff\x7f"),
        (column_of("INT32", LogicalType("INTEGER", bit_width=8)), b"\0\1\0\0"),
        (column_of("INT32", LogicalType("INTEGER", bit_width=8)), b"\x80\0\0\0"),
        (column_of("INT32", LogicalType("TIME", unit="MILLIS")), b"\xff\xff\xff\x7f"),
        (column_of("INT64", LogicalType("TIME", unit="UNRECOGNIZED")), b"\0" * 8),
        (column_of("INT64", LogicalType("TIMESTAMP", unit="UNRECOGNIZED")), b"\0" * 8),
        (column_of("INT64", LogicalType("TIMESTAMP", unit="MILLIS")), b"\xff" * 7 + b"\x7f"),
    ],
)
def test_what_cannot_be_decoded_is_no_bound(column: SchemaColumn, raw: bytes) -> None:
    """A bound that is cut, out of its type's range, of an unknown unit or no number is None, and never raises."""
    assert decode_bound(column, raw) is None
    arrow_type(column)


def test_no_bound_is_none() -> None:
    """Where no bound is stored there is no value."""
    assert decode_bound(column_of("INT32"), None) is None


def test_nanoseconds_are_rounded_outwards() -> None:
    """A bound finer than a microsecond is rounded so that it still bounds; past the end of a day it is none."""
    column = column_of("INT64", LogicalType("TIMESTAMP", unit="NANOS"))
    raw = (1_001).to_bytes(8, "little")
    first = datetime(1970, 1, 1)  # noqa: DTZ001 - a timestamp without a time zone
    assert decode_bound(column, raw) == first + timedelta(microseconds=1)
    assert decode_bound(column, raw, is_upper=True) == first + timedelta(microseconds=2)
    of_day = column_of("INT64", LogicalType("TIME", unit="NANOS"))
    last = (86_400 * 10**9 - 1).to_bytes(8, "little")
    assert decode_bound(of_day, last) == time(23, 59, 59, 999_999)
    assert decode_bound(of_day, last, is_upper=True) is None


def test_older_converted_types_mean_the_same() -> None:
    """A file that has converted types alone is read as the newer ones are."""
    table = pa.table({"a": pa.array([date(2020, 1, 1)]), "b": [Decimal("1.5")], "c": ["x"], "d": [7]})
    data = written(table, version="1.0", store_schema=False)
    expected = pq.read_metadata(pa.BufferReader(data)).row_group(0)
    footer = parse_footer(footer_of(data))
    for index, chunk in enumerate(footer.row_groups[0].columns):
        assert decode_bound(chunk.column, chunk.statistics.min) == expected.column(index).statistics.min


NAMES = ["", "STRING", "DECIMAL", "DATE", "TIME", "TIMESTAMP", "INTEGER", "UUID", "FLOAT16", "UNRECOGNIZED"]
MEANINGS = st.builds(
    LogicalType,
    st.sampled_from(NAMES),
    unit=st.sampled_from(["MILLIS", "MICROS", "NANOS", ""]),
    is_utc=st.booleans(),
    bit_width=st.sampled_from([0, 7, 8, 32, 64]),
    is_signed=st.booleans(),
    precision=st.integers(-1, 80),
    scale=st.integers(-1, 80),
).filter(lambda meaning: meaning.is_signed or meaning.name == "INTEGER")


@given(st.binary(max_size=20), st.sampled_from(PHYSICAL_TYPES), MEANINGS)
@settings(max_examples=2000, deadline=None)
def test_any_bytes_of_any_type_are_a_value_or_none(raw: bytes, physical: str, meaning: LogicalType) -> None:
    """No bytes of no type raise, however little they fit each other, and Arrow's type holds what comes out."""
    column = column_of(physical, applicable(meaning, physical))
    for is_upper in (False, True):
        value = decode_bound(column, raw, is_upper=is_upper)
        assert pa.array([value], arrow_type(column)).null_count == (value is None)


def test_index_columns_decode() -> None:
    """Bounds of a footer like the index's are text and numbers."""
    footer = parse_footer(index_footer(3))
    for chunk in footer.row_groups[0].columns:
        low, high = (decode_bound(chunk.column, raw) for raw in (chunk.statistics.min, chunk.statistics.max))
        assert isinstance(low, str if chunk.column.physical_type == "BYTE_ARRAY" else int)
        assert str(low) <= str(high) or isinstance(low, int)
