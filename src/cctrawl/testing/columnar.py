"""The columnar index of a crawl: Parquet files of each subset, written as those of its time were.

Rows are dealt to files and put in order here, `generations` knows what a crawl's files have, `footers` makes
pyarrow's footers into parquet-mr's, `rows` makes the rows.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from cctrawl.testing.footers import Row, key_bounds, rewritten
from cctrawl.testing.generations import Generation, generation_of
from cctrawl.testing.rows import index_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from cctrawl.testing.archive import FakePage

# How far into the range of keys of the file before or behind it a file's own may reach, in unsorted generations.
_SPREAD = 0.3


@dataclass(frozen=True)
class FakeRowGroup:
    """A row group of an index file.

    Attributes:
        rows: its rows in order, by column name.
        statistics: of ``url_surtkey``: ``ordered``, ``signed`` (deprecated, ordered by signed bytes) or ``absent``.
        min: the least ``url_surtkey`` as the footer has it, ``None`` if absent.
        max: the greatest one.
    """

    rows: tuple[Row, ...] = field(repr=False)
    statistics: Literal["ordered", "signed", "absent"]
    min: bytes | None
    max: bytes | None


@dataclass(frozen=True)
class FakeIndexFile:
    """A file of the columnar index.

    Attributes:
        path: as it is listed.
        crawl: id of its crawl.
        subset: ``warc``, ``robotstxt`` or ``crawldiagnostics``.
        row_groups: in order.
    """

    path: str
    crawl: str
    subset: str
    row_groups: tuple[FakeRowGroup, ...]

    @property
    def rows(self) -> list[Row]:
        """All rows in order."""
        return [row for group in self.row_groups for row in group.rows]


@dataclass(frozen=True)
class IndexShape:
    """How the index of a crawl is cut.

    Attributes:
        files: files per subset; a subset of fewer rows has as many as rows.
        rows_per_group: rows in a row group, the last of a file may have fewer.
        page_bytes: about how much of a column is in a page before compression; columns differ in rows per page.
        salt: equal salts give equal names of files: it tells everything that their bytes depend on.
    """

    files: int
    rows_per_group: int
    page_bytes: int
    salt: str


def write_columnar(root: Path, crawl: str, pages: Iterable[FakePage], shape: IndexShape) -> list[FakeIndexFile]:
    """Write the files of a crawl's index, all subsets, and return what is in them, in the order of their paths."""
    generation = generation_of(crawl)
    rng = random.Random(f"{shape.salt} {crawl}")  # noqa: S311 - content, not a secret
    part = uuid.uuid5(uuid.NAMESPACE_URL, f"{shape.salt} {crawl}")
    by_subset: dict[str, list[Row]] = {}
    for page in pages:
        by_subset.setdefault(page.subset, []).append(index_row(page, generation.column_names))
    files = []
    for subset, rows in sorted(by_subset.items()):
        for number, dealt in enumerate(_deal(rows, shape.files, generation, rng)):
            name = f"part-{number:05}-{part}.c000.{generation.codec}.parquet"
            path = f"{index_folder(crawl)}subset={subset}/{name}"
            size = shape.rows_per_group
            groups = [dealt[start : start + size] for start in range(0, len(dealt), size)]
            write_index_file(root / path, crawl, groups, page_bytes=shape.page_bytes)
            files.append(FakeIndexFile(path, crawl, subset, tuple(_row_group(rows, generation) for rows in groups)))
    return files


def index_folder(crawl: str) -> str:
    """Return the listed folder of a crawl's index."""
    return f"cc-index/table/cc-main/warc/crawl={crawl}/"


def _row_group(rows: list[Row], generation: Generation) -> FakeRowGroup:
    return FakeRowGroup(tuple(rows), *key_bounds(rows, generation))


def _deal(rows: list[Row], file_count: int, generation: Generation, rng: random.Random) -> list[list[Row]]:
    """The rows of each file in their order: sorted, or zipped runs that overlap within a file and across files."""
    spread = 0 if generation.is_sorted else _SPREAD
    files: list[list[Row]] = [[] for _ in range(min(file_count, len(rows)))]
    for number, row in enumerate(sorted(rows, key=_key)):
        place = (number + 0.5) / len(rows) * len(files) + rng.uniform(-spread, spread)
        files[min(max(int(place), 0), len(files) - 1)].append(row)
    return [file if generation.is_sorted else _zipped(file) for file in files if file]


def _key(row: Row) -> tuple[bytes, Any]:
    return str(row["url_surtkey"]).encode(), row["fetch_time"]


def _zipped(rows: list[Row]) -> list[Row]:
    """Two sorted runs that share the middle third, taken from by turns: every row group has rows of both."""
    third = len(rows) // 3
    low, middle, high = rows[:third], rows[third:-third], rows[-third:]
    runs = (low + middle[::2], middle[1::2] + high) if third else (rows,)
    places = [((number + 0.5) / len(run), row) for run in runs for number, row in enumerate(run)]
    return [row for _, row in sorted(places, key=lambda place: place[0])]


def write_index_file(file: Path, crawl: str, groups: Sequence[Sequence[Row]], *, page_bytes: int = 256) -> None:
    """Write an index file with these row groups, as those of this crawl were written; its folder is made.

    Args:
        file: where.
        crawl: its id decides how.
        groups: the rows of each row group, with a value or ``None`` for each of the crawl's columns.
        page_bytes: about how much of a column is in a page before compression.
    """
    import pyarrow as pa  # noqa: PLC0415 - only the index needs it, and it is slow to load
    from pyarrow import parquet  # noqa: PLC0415 - the same

    generation = generation_of(crawl)
    stream, schema = BytesIO(), _schema(pa, generation)
    with parquet.ParquetWriter(
        stream,
        schema,
        compression="gzip" if generation.codec == "gz" else generation.codec,
        version="1.0",
        data_page_size=page_bytes,
        write_batch_size=max(1, page_bytes // 64),  # after so many rows it looks whether a page is full
        data_page_version="1.0",
        use_dictionary=[name for name in generation.column_names if name not in ("url_surtkey", "url")],
        use_deprecated_int96_timestamps=generation.is_int96,
        write_page_index=generation.writer.has_page_index,
        store_schema=False,
    ) as writer:
        for rows in groups:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema), row_group_size=len(rows))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(rewritten(stream.getvalue(), generation, groups))


def _schema(pa: Any, generation: Generation) -> pa.Schema:  # noqa: ANN401 - the module, which is loaded late
    types = {
        "string": pa.string(),
        "binary": pa.binary(),
        "int16": pa.int16(),
        "int32": pa.int32(),
        "timestamp": pa.timestamp("ms", tz="UTC"),
    }
    fields = (pa.field(name, types[kind], nullable=not required) for name, kind, required, _ in generation.columns)
    return pa.schema(fields)
