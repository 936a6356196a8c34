"""Footers as parquet-mr wrote them: what pyarrow put at the end of a file, made into what Spark would have put."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, cast

from cctrawl.index.thrift import BINARY, I16, I64, LIST, STRUCT, Field, List, Struct, read_struct, write_struct

if TYPE_CHECKING:
    from cctrawl.testing.generations import Column, Generation, ParquetMr

CellValue: TypeAlias = "str | int | bytes | datetime | None"
Row: TypeAlias = "Mapping[str, CellValue]"

# parquet-mr leaves statistics empty whose two bounds take as many bytes (ParquetMetadataConverter.MAX_STATS_SIZE).
_MAX_BOUNDS_BYTES = 4096

_FLIPPED = bytes(byte ^ 0x80 for byte in range(256))
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_JULIAN_DAY = 2_440_588
_SPARK_TYPES = {"int16": "short", "int32": "integer"}


class Bounds(NamedTuple):
    """What the statistics of a column chunk hold.

    Attributes:
        statistics: ``ordered`` (``min_value`` and ``max_value``), ``signed`` (only the deprecated pair, ordered by
            signed bytes) or ``absent``.
        min: the least value as it is stored, ``None`` if absent.
        max: the greatest.
    """

    statistics: Literal["ordered", "signed", "absent"]
    min: bytes | None
    max: bytes | None


def key_bounds(rows: Sequence[Row], generation: Generation) -> Bounds:
    """Return the bounds of ``url_surtkey`` that the footer of such a file holds for a row group of these rows."""
    (column,) = (column for column in generation.columns if column.name == "url_surtkey")
    extremes = _extremes(column, [row[column.name] for row in rows], generation)
    if extremes is None or _is_too_long(extremes):
        return Bounds("absent", None, None)
    return Bounds("ordered" if generation.writer.orders_unsigned else "signed", *extremes)


def rewritten(data: bytes, generation: Generation, groups: Sequence[Sequence[Row]]) -> bytes:
    """Return a Parquet file of pyarrow's with the footer that the writer of this generation would have put there.

    Args:
        data: the file, flat, its columns those of the generation.
        generation: how the crawl's files were written.
        groups: the rows of each row group, for the statistics.
    """
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer, _ = read_struct(data, start)
    for element in _structs(footer[2]):
        _rewrite_element(element, generation.writer)
    for number, rows in enumerate(groups):
        _rewrite_group(_structs(footer[4])[number], number, generation, rows)
    footer[5] = Field(LIST, List(STRUCT, [_spark_schema(generation)]))
    footer[6] = Field(BINARY, generation.writer.created_by.encode())
    if not generation.writer.orders_unsigned:
        del footer[7]  # the orders of columns
    written = write_struct(_in_order(footer))
    return data[:start] + written + len(written).to_bytes(4, "little") + b"PAR1"


def _rewrite_element(element: Struct, writer: ParquetMr) -> None:
    """An element of the schema: 3 is its repetition, 4 its name, 5 the number of children, 10 the logical type."""
    if 5 in element:
        element[4] = Field(BINARY, b"spark_schema")
        del element[3]
    elif not writer.has_logical_types:
        element.pop(10, None)


def _rewrite_group(group: Struct, number: int, generation: Generation, rows: Sequence[Row]) -> None:
    """A row group: 1 are its columns; 5 to 7, the last its number, are younger than parquet-mr 1.11."""
    for chunk, column in zip(_structs(group[1]), generation.columns, strict=True):
        _rewrite_chunk(chunk, column, [row[column.name] for row in rows], generation)
    group[7] = Field(I16, number)
    if not generation.writer.has_dictionary_offset:
        for younger in (5, 6, 7):
            group.pop(younger, None)


def _rewrite_chunk(chunk: Struct, column: Column, values: list[CellValue], generation: Generation) -> None:
    """A column chunk: 2 is its file offset, 3 its metadata; there, 9 is the data page's and 11 the dictionary's."""
    meta = cast("Struct", chunk[3].value)
    if not generation.writer.has_dictionary_offset:
        meta[9] = meta.pop(11, meta[9])
    chunk[2] = meta[9]
    meta.pop(16, None)  # statistics of sizes are younger than all these writers
    statistics = _statistics(column, values, generation)
    meta[12] = Field(STRUCT, statistics)
    if not statistics:
        for place in (6, 7):  # of the column index: bounds that are too long for the one are so for the other
            chunk.pop(place, None)
    chunk[3] = Field(STRUCT, _in_order(meta))


def _statistics(column: Column, values: list[CellValue], generation: Generation) -> Struct:
    """Statistics: 1 and 2 are the deprecated max and min, 3 counts nulls, 5 and 6 are the ordered max and min."""
    nulls = {3: Field(I64, values.count(None))}
    extremes = _extremes(column, values, generation)
    if extremes is None:
        return nulls
    if _is_too_long(extremes):
        return {}
    low, high = (Field(BINARY, value) for value in extremes)
    if not generation.writer.orders_unsigned:
        return {1: high, 2: low, **nulls}
    # The deprecated pair is still written where both orders agree.
    agrees = low == high or column.kind not in ("string", "binary")
    return {**({1: high, 2: low} if agrees else {}), **nulls, 5: high, 6: low}


def _extremes(column: Column, values: list[CellValue], generation: Generation) -> tuple[bytes, bytes] | None:
    """The least and the greatest value as stored, in the writer's order; ``None`` if it writes none."""
    is_int96 = column.kind == "timestamp" and generation.is_int96
    stored = [_stored(value, is_int96=is_int96) for value in values if value is not None]
    if not stored or (is_int96 and generation.writer.orders_unsigned):
        return None
    if column.kind in ("int16", "int32", "timestamp") and not is_int96:
        return min(stored, key=_as_number), max(stored, key=_as_number)
    if generation.writer.orders_unsigned:
        return min(stored), max(stored)
    # Not the order of text, nor of times: parquet-mr 1.8 compared all byte arrays so, INT96 too.
    return min(stored, key=_as_signed), max(stored, key=_as_signed)


def _as_number(stored: bytes) -> int:
    return int.from_bytes(stored, "little", signed=True)


def _as_signed(stored: bytes) -> bytes:
    return stored.translate(_FLIPPED)


def _is_too_long(extremes: tuple[bytes, bytes]) -> bool:
    return sum(map(len, extremes)) >= _MAX_BOUNDS_BYTES


def _stored(value: str | float | bytes | datetime, *, is_int96: bool) -> bytes:
    """A value as statistics hold it."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, datetime):
        since = value - _EPOCH
        if is_int96:
            nanoseconds = since.seconds * 1_000_000_000 + since.microseconds * 1000
            return struct.pack("<qi", nanoseconds, _EPOCH_JULIAN_DAY + since.days)
        return struct.pack("<q", since // timedelta(milliseconds=1))
    return struct.pack("<i", value)


def _spark_schema(generation: Generation) -> Struct:
    """The entry in which Spark tells its own schema."""
    fields = [
        {
            "name": column.name,
            "type": _SPARK_TYPES.get(column.kind, column.kind),
            "nullable": not column.is_required,
            "metadata": {},
        }
        for column in generation.columns
    ]
    text = json.dumps({"type": "struct", "fields": fields}, separators=(",", ":"))
    return {1: Field(BINARY, b"org.apache.spark.sql.parquet.row.metadata"), 2: Field(BINARY, text.encode())}


def _structs(field: Field) -> list[Struct]:
    return cast("list[Struct]", cast("List", field.value).values)


def _in_order(fields: Struct) -> Struct:
    return dict(sorted(fields.items()))
