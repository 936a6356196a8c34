"""Parquet files to read by pages, and what reads them: every type of the index, every way to write a page."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property

import pyarrow as pa
import pyarrow.parquet as pq
from tests.index.parquet_files import footer_of

from cctrawl.index import Decoders, RowGroup, RowGroupReader, parse_footer

Range = tuple[int, int]

_EPOCH = datetime(2024, 1, 1, tzinfo=timezone.utc)
_LANGUAGES = ["eng", "isl", "deu,eng", "zho", None]


def rows_of_index(count: int, seed: int = 0) -> pa.Table:
    """Return rows of every type that the index has, or had: sorted by key, with nulls."""
    draw = random.Random(seed)
    numbers = [draw.randrange(-9, 9) for _ in range(count)]
    times = [_EPOCH + timedelta(seconds=draw.randrange(10**6)) for _ in range(count)]
    keys = sorted(f"org,host{draw.randrange(99)})/é{draw.randrange(10**6)}" for _ in range(count))
    sparse = [None if number % 3 else number for number in numbers]
    return pa.table(
        {
            "url_surtkey": pa.array(keys),
            "languages": pa.array([_LANGUAGES[number % 5] for number in numbers]),
            "nothing": pa.array([None] * count, pa.string()),
            "late": pa.array([None if row < count // 2 else f"v{row // 7}" for row in range(count)]),
            "status": pa.array(numbers, pa.int16()),
            "port": pa.array(sparse, pa.int32()),
            "offset": pa.array([number * 10**12 for number in numbers], pa.int64()),
            "millis": pa.array(times, pa.timestamp("ms", "UTC")),
            "micros": pa.array(times, pa.timestamp("us", "UTC")),
            "flag": pa.array([None if number == 3 else number % 2 == 0 for number in numbers], pa.bool_()),
            "share": pa.array([None if number is None else number / 7 for number in sparse], pa.float32()),
            "score": pa.array([number / 3 for number in numbers], pa.float64()),
            "digest": pa.array([bytes([number % 256]) * 20 for number in numbers], pa.binary(20)),
            "raw": pa.array([bytes(abs(number)) for number in numbers], pa.binary()),
        },
        schema=pa.schema(
            [
                pa.field("url_surtkey", pa.string(), nullable=False),
                ("languages", pa.string()),
                ("nothing", pa.string()),
                ("late", pa.string()),
                ("status", pa.int16()),
                ("port", pa.int32()),
                ("offset", pa.int64()),
                ("millis", pa.timestamp("ms", "UTC")),
                ("micros", pa.timestamp("us", "UTC")),
                ("flag", pa.bool_()),
                ("share", pa.float32()),
                ("score", pa.float64()),
                ("digest", pa.binary(20)),
                ("raw", pa.binary()),
            ]
        ),
    )


@dataclass
class PagedFile:
    """A Parquet file in memory that takes note of what is asked for.

    Attributes:
        data: its bytes.
        asked: the ranges that were asked for, by round.
        decoders: threads that its readers use.
    """

    data: bytes
    asked: list[list[Range]] = field(default_factory=list)
    decoders: Decoders | None = None

    @cached_property
    def row_groups(self) -> tuple[RowGroup, ...]:
        """What the footer tells."""
        return parse_footer(footer_of(self.data)).row_groups

    def reader(self, row_group: int = 0) -> RowGroupReader:
        """Return a reader of a row group."""
        return self.reader_of(self.row_groups[row_group])

    def reader_of(self, row_group: RowGroup) -> RowGroupReader:
        """Return a reader of what is said to be a row group of this file."""
        return RowGroupReader(row_group, self.read, "a.parquet", decoders=self.decoders)

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of ranges."""
        self.asked.append([*ranges])
        return [self.data[start:stop] for start, stop in ranges]

    def expected(self, row_group: int, columns: Sequence[str], ranges: Sequence[Range]) -> pa.Table:
        """Return what pyarrow has in these rows, INT96 as we hand it out."""
        options = {"coerce_int96_timestamp_unit": "us"}
        table = pq.ParquetFile(io.BytesIO(self.data), **options).read_row_group(row_group, columns=[*columns])
        table = table.select([*columns])
        for at, type_ in enumerate(table.schema.types):
            if pa.types.is_timestamp(type_) and type_.tz is None:
                table = table.set_column(
                    at, table.column_names[at], table[at].cast(pa.timestamp(type_.unit, "UTC"))
                )
        return pa.concat_tables([table.slice(start, stop - start) for start, stop in ranges] or [table.slice(0, 0)])


def paged(table: pa.Table, **options: object) -> PagedFile:
    """Return the file that pyarrow writes, with small pages and a page index unless told otherwise."""
    sink = io.BytesIO()
    given = {"data_page_size": 300, "write_batch_size": 10, "write_page_index": True, "store_schema": False}
    pq.write_table(table, sink, **{**given, **options})
    return PagedFile(sink.getvalue())


def plain(table: pa.Table) -> pa.Table:
    """Return a table without dictionaries and in one piece, to be compared by value."""
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names).combine_chunks()
