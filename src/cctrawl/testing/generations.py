"""How a crawl's index files were written: its columns, the writer of the time, sorted or not. Decided by its id.

Sources: the schema in commoncrawl/cc-index-table (each column's ``since``; ``url_host_name_reversed`` in its pull
request 14), its converter's history, and what the real parquet-mr 1.8.2 and 1.10.1 write (golden files in the
tests). What nobody outside has seen, such as the exact crawl of a change, is inferred.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["string", "int16", "int32", "timestamp", "binary"]


class Column(NamedTuple):
    """A column of the index.

    Attributes:
        name: as published.
        kind: its type.
        is_required: whether every row has a value.
        since: the first crawl that has it, "" if all do.
    """

    name: str
    kind: Kind
    is_required: bool
    since: str = ""


_COLUMNS = (
    Column("url_surtkey", "string", True),
    Column("url", "string", True),
    Column("url_host_name", "string", True),
    Column("url_host_tld", "string", False),
    Column("url_host_2nd_last_part", "string", False),
    Column("url_host_3rd_last_part", "string", False),
    Column("url_host_4th_last_part", "string", False),
    Column("url_host_5th_last_part", "string", False),
    Column("url_host_registry_suffix", "string", False),
    Column("url_host_registered_domain", "string", False),
    Column("url_host_private_suffix", "string", False),
    Column("url_host_private_domain", "string", False),
    Column("url_host_name_reversed", "string", False, "CC-MAIN-2021-49"),
    Column("url_protocol", "string", True),
    Column("url_port", "int32", False),
    Column("url_path", "string", True),
    Column("url_query", "string", False),
    Column("fetch_time", "timestamp", True),
    Column("fetch_status", "int16", True),
    Column("fetch_redirect", "string", False, "CC-MAIN-2019-47"),
    Column("content_digest", "string", False),
    Column("content_mime_type", "string", False),
    Column("content_mime_detected", "string", False),
    Column("content_charset", "string", False, "CC-MAIN-2018-39"),
    Column("content_languages", "string", False, "CC-MAIN-2018-39"),
    Column("content_truncated", "string", False, "CC-MAIN-2019-47"),
    Column("warc_record_id", "binary", True, "CC-MAIN-2026-30"),
    Column("warc_filename", "string", True),
    Column("warc_record_offset", "int32", True),
    Column("warc_record_length", "int32", True),
    Column("warc_segment", "string", True),
)


@dataclass(frozen=True)
class ParquetMr:
    """A version of parquet-mr, the writer below Spark, and what its footers have.

    Attributes:
        version: such as (1, 8, 2).
        build: the commit it was built from, which it tells in every file.
    """

    version: tuple[int, int, int]
    build: str

    @property
    def created_by(self) -> str:
        """What it calls itself in a footer."""
        return f"parquet-mr version {'.'.join(map(str, self.version))} (build {self.build})"

    @property
    def orders_unsigned(self) -> bool:
        """Whether text has ``min_value`` and ``max_value``; before, only the pair in signed byte order."""
        return self.version >= (1, 10, 0)

    @property
    def has_logical_types(self) -> bool:
        """Whether the schema tells logical types, not only the converted types before them."""
        return self.version >= (1, 11, 0)

    @property
    def has_page_index(self) -> bool:
        """Whether there is a page index."""
        return self.version >= (1, 11, 0)

    @property
    def has_dictionary_offset(self) -> bool:
        """Whether ``dictionary_page_offset`` is told (PARQUET-1850), and what 1.12 added to row groups."""
        return self.version >= (1, 12, 0)


_MR_1_8 = ParquetMr((1, 8, 2), "c6522788629e590a53eb79874b95f6c3ff11f16c")
_MR_1_10 = ParquetMr((1, 10, 1), "a89df8f9932b6ef6633d06069e50c9b7970bebd1")
_MR_1_12 = ParquetMr((1, 12, 2), "77e30c8093386ec52c3cfa6c34b7ef3321322c94")


@dataclass(frozen=True)
class Generation:
    """How the index files of a crawl were written.

    Attributes:
        columns: in the order of the schema.
        writer: who wrote them.
        is_int96: whether ``fetch_time`` is INT96, not TIMESTAMP_MILLIS.
        is_sorted: whether the rows of a file are in the order of their keys; else they are zipped sorted runs.
        codec: of the pages, as file names abbreviate it: ``gz`` or ``zstd``.
    """

    columns: tuple[Column, ...]
    writer: ParquetMr
    is_int96: bool
    is_sorted: bool
    codec: Literal["gz", "zstd"]

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)


def generation_of(crawl: str) -> Generation:
    """Return how the index of a crawl such as ``CC-MAIN-2018-05`` was written."""
    return Generation(
        columns=tuple(column for column in _COLUMNS if column.since <= crawl),
        writer=_writer_of(crawl),
        is_int96=crawl < "CC-MAIN-2020-05",
        is_sorted=crawl >= "CC-MAIN-2022-21",
        codec="zstd" if crawl >= "CC-MAIN-2026-30" else "gz",
    )


def _writer_of(crawl: str) -> ParquetMr:
    if "CC-MAIN-2017-43" <= crawl <= "CC-MAIN-2018-43":
        return _MR_1_8  # the thirteen crawls of the index's first year; older crawls were converted later
    return _MR_1_12 if crawl >= "CC-MAIN-2021-49" else _MR_1_10
