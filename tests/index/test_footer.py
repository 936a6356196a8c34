"""Footers against pyarrow's reading of the same bytes, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.index.parquet_files import as_file, assert_agrees, by_full_parse, footer_of, index_footer, written

from cctrawl.errors import FormatError
from cctrawl.index import check_tail, distil, parse_footer, thrift
from cctrawl.index.thrift import Field, List, Struct, read_struct, write_struct

DAY = datetime(2020, 5, 1, 12, tzinfo=timezone.utc)
COLUMNS: dict[str, tuple[pa.DataType, Any]] = {
    "text": (pa.string(), "é"),
    "bytes": (pa.binary(), b"\xff"),
    "fixed": (pa.binary(3), b"abc"),
    "byte": (pa.uint8(), 200),
    "short": (pa.int16(), -7),
    "unsigned": (pa.uint32(), 1 << 31),
    "long": (pa.int64(), -1),
    "huge": (pa.uint64(), 1 << 63),
    "half": (pa.float16(), 0.5),
    "float": (pa.float32(), 1.5),
    "double": (pa.float64(), float("nan")),
    "flag": (pa.bool_(), True),
    "day": (pa.date32(), DAY.date()),
    "clock": (pa.time64("us"), DAY.time()),
    "at_ms": (pa.timestamp("ms", "UTC"), DAY),
    "at_ns": (pa.timestamp("ns"), DAY.replace(tzinfo=None)),
    "amount": (pa.decimal128(9, 2), Decimal("1.25")),
    "large": (pa.decimal128(30, 2), Decimal("-1.25")),
    "nothing": (pa.null(), None),
    "words": (pa.list_(pa.string()), ["a", "b"]),
    "nested": (
        pa.struct({"a": pa.int32(), "b": pa.list_(pa.struct({"c": pa.string()}))}),
        {"a": 1, "b": [{"c": "x"}]},
    ),
    "pairs": (pa.map_(pa.string(), pa.int32()), [("k", 1)]),
}
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "compression": st.sampled_from(["none", "snappy", "gzip", "brotli", "zstd", "lz4"]),
        "version": st.sampled_from(["1.0", "2.4", "2.6"]),
        "data_page_version": st.sampled_from(["1.0", "2.0"]),
        "use_dictionary": st.booleans(),
        "write_statistics": st.booleans(),
        "write_page_index": st.booleans(),
        "use_deprecated_int96_timestamps": st.booleans(),
        "store_schema": st.booleans(),
        "store_decimal_as_integer": st.booleans(),
        "row_group_size": st.integers(1, 4),
        "use_byte_stream_split": st.just(["float"]),
    },
)


@given(st.sets(st.sampled_from(sorted(COLUMNS)), min_size=1), st.lists(st.booleans(), max_size=6), OPTIONS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_pyarrow_writes_is_read_as_pyarrow_reads_it(
    names: set[str], given_values: list[bool], options: dict[str, Any]
) -> None:
    """For all types, codecs, versions and options each field is as pyarrow says, the distillate too."""
    if "use_byte_stream_split" in options and not ("float" in names and options.get("use_dictionary") is False):
        del options["use_byte_stream_split"]
    table = pa.table(
        {
            name: pa.array([COLUMNS[name][1] if value else None for value in given_values], COLUMNS[name][0])
            for name in sorted(names)
        }
    )
    data = written(table, **options)
    footer = footer_of(data)
    parsed = parse_footer(footer)
    assert_agrees(parsed, pq.read_metadata(io.BytesIO(data)))
    for column in parsed.columns:
        assert distil(footer, column.name.encode()) == by_full_parse(footer, column.name)


def test_duckdb_files_are_read_as_pyarrow_reads_them(tmp_path: Path) -> None:
    """What DuckDB writes, nested and in several row groups, is read field by field as pyarrow does."""
    for codec in ("snappy", "gzip", "zstd", "uncompressed"):
        path = tmp_path / f"{codec}.parquet"
        duckdb.sql(
            f"""COPY (SELECT i, 'com,example' || i AS url_surtkey, i::DOUBLE AS d, [i, i + 1] AS l, i % 2 = 0 AS b,
            {{'x': (i % 200)::UTINYINT, 'y': [DATE '2020-01-01']}} AS s, i::DECIMAL(9, 2) AS dec, i::HUGEINT AS h,
            TIMESTAMP '2020-01-01' AS t, TIMESTAMPTZ '2020-01-01' AS tz, INTERVAL 1 DAY AS iv, uuid() AS u,
            CASE WHEN i < 3000 THEN NULL ELSE i::VARCHAR::BLOB END AS blob FROM range(5000) t(i))
            TO '{path}' (FORMAT parquet, CODEC {codec}, ROW_GROUP_SIZE 2048)"""  # noqa: S608 - a folder of the test's own
        )
        footer = footer_of(path.read_bytes())
        parsed = parse_footer(footer)
        assert_agrees(parsed, pq.read_metadata(path))
        assert distil(footer) == by_full_parse(footer, "url_surtkey")


def test_real_files_are_read_or_refused_as_pyarrow_does(real_data: Path) -> None:
    """Each real file gives what pyarrow gives; the one of an unknown physical type is refused by both."""
    paths = sorted((real_data / "parquet").glob("*.parquet"))
    assert paths
    refused = []
    for path in paths:
        data = path.read_bytes()
        assert check_tail(data, path.name) == len(footer_of(data))
        try:
            expected = pq.read_metadata(path)
        except OSError:
            refused.append(path.name)
            for read in (parse_footer, distil):
                with pytest.raises(FormatError, match="unknown physical type -7"):
                    read(footer_of(data))
            continue
        parsed = parse_footer(footer_of(data), path.name)
        assert_agrees(parsed, expected)
        for column in parsed.columns:
            assert distil(footer_of(data), column.name.encode()) == by_full_parse(footer_of(data), column.name)
    assert refused == ["PARQUET-1481.parquet"]


@pytest.mark.parametrize(
    ("tail", "trouble"),
    [
        (b"", "it ends after 0 bytes"),
        (b"PAR1", "it ends after 4 bytes"),
        (b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>", "like XML or HTML"),
        (b"<html><body>Forbidden</body></html>\r\n", "like XML or HTML"),
        (b"\1\0\0\0PAR2", "not in b'PAR1'"),
        (b"\1\0\0\0PARE", "encrypted"),
        (b"\0\0\0\0PAR1", "0 bytes long"),
        (b"\xff\xff\xff\xffPAR1", "4,294,967,295 bytes long"),
        (b"\1\0\0\1PAR1", "16,777,217 bytes long"),
    ],
)
def test_what_is_no_end_of_a_parquet_file(tail: bytes, trouble: str) -> None:
    """An answer that is not the end of a file is refused; the error names the file and a next step."""
    with pytest.raises(FormatError, match=trouble) as raised:
        check_tail(tail, "part-7.parquet")
    assert "part-7.parquet" in str(raised.value)
    assert raised.value.hint


def test_the_tail_tells_the_length() -> None:
    """The length of the footer stands before the magic bytes, up to the limit that is given."""
    assert check_tail(b"...\x40\0\0\0PAR1", "a") == 64
    assert check_tail(b"\x40\0\0\0PAR1", "a", max_bytes=64) == 64
    with pytest.raises(FormatError, match="64 bytes long"):
        check_tail(b"\x40\0\0\0PAR1", "a", max_bytes=63)


def list_of(tree: Struct, field_id: int) -> list[Any]:
    """Return the elements of a list, to be changed."""
    value = tree[field_id].value
    assert isinstance(value, List)
    return value.values


def meta_of(tree: Struct, column: int = 0) -> Struct:
    """Return the metadata of a column chunk in the first row group, to be changed."""
    chunk: Struct = list_of(list_of(tree, 4)[0], 1)[column]
    meta = chunk[3].value
    assert isinstance(meta, dict)
    return meta


CONTRADICTIONS: dict[str, Callable[[Struct], object]] = {
    "there is no schema": lambda tree: tree.pop(2),
    "there is no number of rows": lambda tree: tree.pop(3),
    "there is no list of row groups": lambda tree: tree.pop(4),
    "there is no version": lambda tree: tree.pop(1),
    "the schema is empty": lambda tree: list_of(tree, 2).clear(),
    "the schema has fewer elements": lambda tree: list_of(tree, 2).pop(),
    "the schema has more elements": lambda tree: list_of(tree, 2).append(list_of(tree, 2)[1]),
    "there is no name of a schema element": lambda tree: list_of(tree, 2)[1].pop(4),
    "there is no physical type of url_surtkey": lambda tree: list_of(tree, 2)[1].pop(1),
    "url_surtkey has the unknown physical type 8": lambda tree: list_of(tree, 2)[1].update(
        {1: Field(thrift.I32, 8)}
    ),
    "unknown repetition type 3": lambda tree: list_of(tree, 2)[1].update({3: Field(thrift.I32, 3)}),
    "the row groups have 15 rows, the file 16": lambda tree: tree.update({3: Field(thrift.I64, 16)}),
    "number of rows is -1": lambda tree: tree.update({3: Field(thrift.I64, -1)}),
    "row group 0 has 29 columns, the schema 30": lambda tree: list_of(list_of(tree, 4)[0], 1).pop(),
    "there is no size of row group 0": lambda tree: list_of(tree, 4)[0].pop(2),
    "metadata of url_surtkey in row group 0": lambda tree: list_of(list_of(tree, 4)[0], 1)[0].pop(3),
    "there is no codec of url in row group 0": lambda tree: meta_of(tree, 1).pop(4),
    "in the place of url in row group 0 is column_07": lambda tree: meta_of(tree, 1).update(
        {3: Field(thrift.LIST, List(thrift.BINARY, [b"column_07"]))}
    ),
    "there are 29 column orders for 30 columns": lambda tree: list_of(tree, 7).pop(),
    "sorted by column 30": lambda tree: list_of(tree, 4)[0].update(
        {4: Field(thrift.LIST, List(thrift.STRUCT, [{1: Field(thrift.I32, 30)}]))}
    ),
}


@pytest.mark.parametrize("trouble", CONTRADICTIONS)
def test_a_footer_that_contradicts_itself_is_refused(trouble: str) -> None:
    """What is missing or does not fit is named, with the file."""
    tree, _ = read_struct(index_footer(1))
    CONTRADICTIONS[trouble](tree)
    with pytest.raises(FormatError, match=trouble) as raised:
        parse_footer(write_struct(tree), "part-7.parquet")
    assert "part-7.parquet" in str(raised.value)
    assert raised.value.hint


def test_what_is_new_to_the_format_does_not_matter() -> None:
    """Fields, codecs, encodings and types of a later format are read past, without bounds they could order."""
    tree, _ = read_struct(index_footer(1))
    tree[99] = Field(thrift.BINARY, b"new")
    meta_of(tree).update({4: Field(thrift.I32, 77), 2: Field(thrift.LIST, List(thrift.I32, [0, 55]))})
    list_of(tree, 2)[2][10] = Field(thrift.STRUCT, {88: Field(thrift.STRUCT, {})})
    parsed = parse_footer(write_struct(tree))
    first, second = parsed.row_groups[0].columns[:2]
    assert (first.codec, first.encodings) == ("UNRECOGNIZED(77)", ("PLAIN", "UNRECOGNIZED(55)"))
    assert str(second.column.logical_type) == "UNRECOGNIZED"
    assert second.statistics.kind == "absent"


def test_chunks_lie_where_their_pages_do() -> None:
    """A chunk begins with its dictionary page, if the footer tells of one before the data, else with these."""
    tree, _ = read_struct(index_footer(1))
    chunk = parse_footer(write_struct(tree)).row_groups[0].columns[0]
    assert chunk.dictionary_page_offset == chunk.start == 4
    assert chunk.stop == 4 + chunk.total_compressed_size
    for odd in (None, 0, chunk.data_page_offset + 1):
        meta = meta_of(tree)
        meta.pop(11, None)
        if odd is not None:
            meta[11] = Field(thrift.I64, odd)
        list_of(list_of(tree, 4)[0], 1)[0][2] = Field(thrift.I64, 12_345)  # file_offset is not believed
        assert parse_footer(write_struct(tree)).row_groups[0].columns[0].start == chunk.data_page_offset


def test_names_made_to_cost_memory_are_refused() -> None:
    """Long names that thousands of columns share are refused before they are repeated in memory."""
    leaf = {1: Field(thrift.I32, 1), 4: Field(thrift.BINARY, b"x")}
    group = {4: Field(thrift.BINARY, b"y" * 100_000), 5: Field(thrift.I32, 5000)}
    elements: list[Any] = [{4: Field(thrift.BINARY, b"root"), 5: Field(thrift.I32, 1)}, group, *[leaf] * 5000]
    tree, _ = read_struct(index_footer(1))
    tree[2] = Field(thrift.LIST, List(thrift.STRUCT, elements))
    with pytest.raises(FormatError, match="names of the columns take more than"):
        parse_footer(write_struct(tree))


def test_messages_do_nothing_to_a_terminal() -> None:
    """A name from a hostile footer stands in the error cut short and without control characters."""
    tree, _ = read_struct(index_footer(1))
    list_of(tree, 2)[1].update({1: Field(thrift.I32, 99), 4: Field(thrift.BINARY, b"\x1b[2J" * 10_000)})
    with pytest.raises(FormatError, match=r"\?\[2J") as raised:
        parse_footer(write_struct(tree))
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400


@given(st.binary(max_size=400))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_refused_without_a_crash(data: bytes) -> None:
    """Bytes that are no footer raise FormatError, whichever way they are read."""
    for read in (parse_footer, distil):
        with pytest.raises(FormatError):
            read(data)


def test_as_pyarrow_reads_what_was_rewritten() -> None:
    """A tree that was changed and written back is a footer to pyarrow too."""
    tree, _ = read_struct(index_footer(1))
    tree[6] = Field(thrift.BINARY, b"parquet-mr version 1.12.3 (build abc)")
    footer = write_struct(tree)
    assert_agrees(parse_footer(footer), pq.read_metadata(io.BytesIO(as_file(footer))))
