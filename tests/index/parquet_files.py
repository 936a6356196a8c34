"""Footers to test with: written by pyarrow, held against what pyarrow reads from them."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cctrawl.index import ColumnChunk, Distillate, Footer, RowGroupBounds, decode_bound, parse_footer
from cctrawl.index.schema import SchemaColumn


def footer_of(data: bytes) -> bytes:
    """Return the footer of a whole file, without the eight bytes behind it."""
    length = int.from_bytes(data[-8:-4], "little")
    return data[-8 - length : -8]


def as_file(footer: bytes) -> bytes:
    """Return the smallest file with this footer: pyarrow reads its metadata."""
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def written(table: pa.Table, **options: Any) -> bytes:  # noqa: ANN401 - pyarrow's own options
    """Return the file that pyarrow writes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def index_footer(seed: int, *, row_groups: int = 3, columns: int = 30, rows: int = 5) -> bytes:
    """Return a footer like those of the columnar index."""
    draw = random.Random(seed)
    count = row_groups * rows
    keys = sorted(f"com,example{draw.randrange(10**6)})/{draw.randrange(10**9)}" for _ in range(count))
    table: dict[str, object] = {"url_surtkey": keys, "url": keys}
    for number in range(columns - 2):
        name = f"column_{number:02}"
        table[name] = [draw.randrange(10**6) if number % 3 else f"value {draw.randrange(99)}" for _ in range(count)]
    options = {"write_page_index": bool(seed % 2), "compression": "gzip"}
    return footer_of(written(pa.table(table), row_group_size=rows, **options))


def by_full_parse(footer: bytes, name: str) -> Distillate:
    """Return what is to be distilled, by the full parse alone."""
    parsed = parse_footer(footer)
    names = tuple(column.name for column in parsed.columns)
    rows = []
    for group in parsed.row_groups:
        found = group.columns[names.index(name)].statistics
        rows.append(RowGroupBounds(group.num_rows, group.total_byte_size, found.kind, found.min, found.max))
    return Distillate(parsed.num_rows, rows, names, parsed.columns[names.index(name)])


def assert_agrees(footer: Footer, expected: pq.FileMetaData) -> None:
    """Hold a parsed footer against pyarrow's reading, field by field."""
    assert footer.num_rows == expected.num_rows
    assert (footer.created_by or "unknown") == (expected.created_by or "unknown")
    assert len(footer.columns) == expected.num_columns
    assert len(footer.row_groups) == expected.num_row_groups
    pairs = {key.encode(): (value or "").encode() for key, value in footer.key_values}
    assert pairs == {**(expected.metadata or {}), **{k: v for k, v in pairs.items() if k == b"ARROW:schema"}}
    for index, column in enumerate(footer.columns):
        _assert_column_agrees(column, expected.schema.column(index))
    for number, group in enumerate(footer.row_groups):
        other = expected.row_group(number)
        assert (group.num_rows, group.total_byte_size) == (other.num_rows, other.total_byte_size)
        for index, chunk in enumerate(group.columns):
            _assert_chunk_agrees(chunk, other.column(index))


def _assert_column_agrees(column: SchemaColumn, other: Any) -> None:  # noqa: ANN401 - pyarrow has no types
    assert (column.name, column.physical_type) == (other.path, other.physical_type)
    assert column.max_definition_level == other.max_definition_level
    assert column.max_repetition_level == other.max_repetition_level
    assert (column.type_length or 0) == max(other.length or 0, 0)


def _assert_chunk_agrees(chunk: ColumnChunk, other: Any) -> None:  # noqa: ANN401 - the same
    codec = {"LZ4_RAW": "LZ4", "LZ4": "LZ4_HADOOP"}.get(chunk.codec, chunk.codec)
    assert codec == other.compression
    assert set(chunk.encodings) == set(other.encodings)
    assert chunk.num_values == other.num_values
    assert chunk.total_compressed_size == other.total_compressed_size
    assert chunk.total_uncompressed_size == other.total_uncompressed_size
    assert chunk.data_page_offset == other.data_page_offset
    assert chunk.dictionary_page_offset == other.dictionary_page_offset
    assert (chunk.column_index is not None) == other.has_column_index
    assert (chunk.offset_index is not None) == other.has_offset_index
    bloom = chunk.bloom_filter
    assert (bloom.offset if bloom else None, bloom.length if bloom else None) == (
        other.bloom_filter_offset,
        other.bloom_filter_length,
    )
    assert (chunk.file_path or "") == other.file_path
    _assert_statistics_agree(chunk, other)


def _assert_statistics_agree(chunk: ColumnChunk, other: Any) -> None:  # noqa: ANN401 - the same
    """Bounds are compared as physical values; pyarrow knows no lone bound and hides signed ones."""
    ours, theirs = chunk.statistics, other.statistics
    if theirs is None:
        assert (ours.min, ours.max) == (None, None) or ours.kind == "signed"
        return
    assert ours.null_count == (theirs.null_count if theirs.has_null_count else None)
    assert ours.distinct_count == (theirs.distinct_count if theirs.has_distinct_count else None)
    has_both = ours.kind == "ordered" and None not in (ours.min, ours.max)
    assert has_both == theirs.has_min_max
    if has_both:
        physical = replace(chunk.column, logical_type=None)
        assert [decode_bound(physical, raw) for raw in (ours.min, ours.max)] == [theirs.min_raw, theirs.max_raw]
