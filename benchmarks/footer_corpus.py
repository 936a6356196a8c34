"""The footers that benchmarks read: as many as asked for, each unlike the others, in the form of Common Crawl's.

They are made, in the way of Spark: 11 row groups, 30 columns, 55 to 60 KB, 300 files a crawl. What decides on time
and space is as in the real ones: schema and writer belong to the crawl, offsets and sizes differ from chunk to
chunk, values from row group to row group. Crawls before 2022 overlap and have no page index, those of 2017-43 to
2018-43 have only the deprecated statistics, and old row groups lack those of ``url_surtkey`` now and then. pyarrow
and fastparquet read them.

    python benchmarks/footer_corpus.py [--files 25193]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import mmap
import os
import random
import uuid
from array import array
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from footer_values import Bounds, Host, bounds, host_at

DATA = Path(__file__).parent / "data"
FILES = 25_193  # of the subset warc, when the seed's author read them all
FILES_PER_CRAWL = 300
ROW_GROUPS = 11
_VERSION = 4  # of what this module makes: another one does not read what is cached
_INT32, _INT64, _BYTES = 1, 2, 6
_ABSENT_ONE_IN = 400  # row groups of old crawls with a URL above 4 KiB
_COLUMN_INDEX_OFFSET = 1_050_000_000  # behind all column chunks
_OFFSET_INDEX_OFFSET = 1_060_000_000  # behind all column indexes
_PAGE_ROWS = 20_000  # at most, since there are page indexes
_SMALL_BYTES = 1000  # the pages of a chunk below hold the same few values
_EXTREME_WORDS, _OLD_EXTREME_WORDS = 4, 8  # what spans more has longer extremes
_DISORDER = 1.5 / FILES_PER_CRAWL  # how far the row groups of old crawls reach over the ends of their file


@dataclass(frozen=True)
class Column:
    """A column: its name, physical type, whether it is never null, has a dictionary, its bytes in a row group."""

    name: str
    type: int
    is_required: bool
    has_dictionary: bool
    compressed_bytes: int


COLUMNS = (
    Column("url_surtkey", _BYTES, True, False, 23_000_000),
    Column("url", _BYTES, True, False, 14_000_000),
    Column("url_host_name", _BYTES, True, True, 400_000),
    Column("url_host_tld", _BYTES, False, True, 130),
    Column("url_host_2nd_last_part", _BYTES, False, True, 300_000),
    Column("url_host_3rd_last_part", _BYTES, False, True, 200_000),
    Column("url_host_4th_last_part", _BYTES, False, True, 40_000),
    Column("url_host_5th_last_part", _BYTES, False, True, 700),
    Column("url_host_registry_suffix", _BYTES, False, True, 140),
    Column("url_host_registered_domain", _BYTES, False, True, 300_000),
    Column("url_host_private_suffix", _BYTES, False, True, 160),
    Column("url_host_private_domain", _BYTES, False, True, 310_000),
    Column("url_host_name_reversed", _BYTES, False, True, 400_000),
    Column("url_protocol", _BYTES, True, True, 90_000),
    Column("url_port", _INT32, False, True, 900),
    Column("url_path", _BYTES, True, False, 9_000_000),
    Column("url_query", _BYTES, False, True, 3_000_000),
    Column("fetch_time", _INT64, True, False, 3_000_000),
    Column("fetch_status", _INT32, True, True, 300),
    Column("fetch_redirect", _BYTES, False, True, 100),
    Column("content_digest", _BYTES, False, False, 17_000_000),
    Column("content_mime_type", _BYTES, False, True, 100_000),
    Column("content_mime_detected", _BYTES, False, True, 90_000),
    Column("content_charset", _BYTES, False, True, 150_000),
    Column("content_languages", _BYTES, False, True, 900_000),
    Column("content_truncated", _BYTES, False, True, 3_000),
    Column("warc_filename", _BYTES, True, True, 5_000_000),
    Column("warc_record_offset", _INT32, True, False, 6_000_000),
    Column("warc_record_length", _INT32, True, False, 3_700_000),
    Column("warc_segment", _BYTES, True, True, 1_300_000),
)


@dataclass(frozen=True)
class Crawl:
    """A crawl of the corpus."""

    id: str

    @property
    def is_sorted(self) -> bool:
        """Whether its row groups follow each other, and have page indexes."""
        return self.id >= "CC-MAIN-2022"

    @property
    def has_deprecated_statistics(self) -> bool:
        """Whether its bounds stand in the deprecated fields only."""
        return "CC-MAIN-2017-43" <= self.id <= "CC-MAIN-2018-43"

    @property
    def created_by(self) -> str:
        """The writer."""
        if self.is_sorted:
            return "parquet-mr version 1.12.2 (build 77e30c8093386ec52c3cfa6c34b7ef3321322c94)"
        if self.has_deprecated_statistics:
            return "parquet-mr version 1.8.2 (build c6522788629e590a53eb79874b95f6c3ff11f16c)"
        return "parquet-mr version 1.10.1 (build a89df8f9932b6ef6633d06069e50c9b7970bebd1)"

    def path(self, part: int) -> str:
        """The listed path of a file."""
        name = uuid.uuid5(uuid.NAMESPACE_URL, self.id)
        return f"cc-index/table/cc-main/warc/crawl={self.id}/subset=warc/part-{part:05}-{name}.c000.gz.parquet"


def crawls(files: int) -> list[Crawl]:
    """Return as many crawls as hold this many files, newest first."""
    weeks = [f"CC-MAIN-{year}-{week:02}" for year in range(2025, 2010, -1) for week in range(51, 4, -5)]
    return [Crawl(week) for week in weeks[: -(-files // FILES_PER_CRAWL)]]


def parts(files: int) -> Iterator[tuple[Crawl, int]]:
    """Yield each file of the corpus as its crawl and number."""
    for i, crawl in enumerate(crawls(files)):
        for part in range(min(FILES_PER_CRAWL, files - i * FILES_PER_CRAWL)):
            yield crawl, part


def make_footer(crawl: Crawl, part: int) -> tuple[bytes, int]:
    """Return the footer of a file (Thrift bytes, without the length and magic behind them) and the file's size."""
    rng = random.Random(f"{crawl.id} {part}")
    groups, rows, layout = [], 0, _Layout()
    for row_group in range(ROW_GROUPS):
        data, group_rows = _row_group(crawl, part, row_group, layout, rng)
        groups.append(data)
        rows += group_rows
    head, tail = _frame(crawl)
    footer = b"".join((head, b"\x16", _zigzag(rows), b"\x19", bytes((ROW_GROUPS << 4 | 12,)), *groups, tail))
    return footer, (layout.offset_index if crawl.is_sorted else layout.position) + len(footer) + 8


@dataclass
class _Layout:
    """Where the next of each kind goes in a file."""

    position: int = 4
    column_index: int = _COLUMN_INDEX_OFFSET
    offset_index: int = _OFFSET_INDEX_OFFSET


def _row_group(crawl: Crawl, part: int, row_group: int, layout: _Layout, rng: random.Random) -> tuple[bytes, int]:
    """Return a row group and its number of rows."""
    rows = rng.randint(1_500_000, 1_900_000)
    found = _bounds(crawl, part, row_group, rows, rng)
    chunks, began, uncompressed = [], layout.position, 0
    for i, column in enumerate(COLUMNS):
        compressed = int(column.compressed_bytes * (0.85 + 0.3 * rng.random()))
        size = int(compressed * (1.5 + i % 5 + 0.2 * rng.random()))
        pages = max(rows // _PAGE_ROWS if crawl.is_sorted else 0, size >> 20) + 1
        dictionary = compressed // 5 if column.has_dictionary else 0
        first_page = layout.position + (dictionary if crawl.is_sorted else 0)  # old writers point at the dictionary
        chunks.append(
            b"".join((
                b"\x26", _zigzag(first_page), b"\x1c", _column_head(i),
                b"\x16", _zigzag(rows), b"\x16", _zigzag(size), b"\x16", _zigzag(compressed),
                b"\x26", _zigzag(first_page), _dictionary_offset(crawl, layout.position, dictionary),
                _statistics(crawl, column, found.get(column.name)),
                _encoding_stats(column.has_dictionary, pages), b"\x00",
                _page_index(layout, pages, size) if crawl.is_sorted else b"", b"\x00",
            ))
        )  # fmt: skip
        layout.position += compressed
        uncompressed += size
    tail = b"".join((b"\x16", _zigzag(uncompressed), b"\x16", _zigzag(rows)))
    if crawl.is_sorted:  # file_offset, total_compressed_size and ordinal came with parquet-mr 1.12
        places = b"\x26", _zigzag(began), b"\x16", _zigzag(layout.position - began), b"\x14", _zigzag(row_group)
        tail += b"".join(places)
    return b"".join((b"\x19", _list(len(COLUMNS), 12), *chunks, tail, b"\x00")), rows


def _bounds(crawl: Crawl, part: int, row_group: int, rows: int, rng: random.Random) -> dict[str, Bounds]:
    if crawl.is_sorted:  # where one row group ends, in the midst of a host, the next one begins
        hosts = _boundary(crawl, part * ROW_GROUPS + row_group), _boundary(crawl, part * ROW_GROUPS + row_group + 1)
        return bounds(*hosts, rows, crawl.id, rng, extreme_words=_EXTREME_WORDS)
    low = part / FILES_PER_CRAWL - rng.random() * _DISORDER
    high = (part + 1) / FILES_PER_CRAWL + rng.random() * _DISORDER
    found = bounds(host_at(low, rng), host_at(high, rng), rows, crawl.id, rng, extreme_words=_OLD_EXTREME_WORDS)
    if rng.randrange(_ABSENT_ONE_IN) == 0:
        del found["url_surtkey"], found["url"]
    return found


def _boundary(crawl: Crawl, row_group: int) -> Host:
    return host_at(row_group / (ROW_GROUPS * FILES_PER_CRAWL), random.Random(f"{crawl.id} {row_group}"))


def _statistics(crawl: Crawl, column: Column, found: Bounds | None) -> bytes:
    """The field ``statistics`` of a chunk's meta data, as the writer of the time has it."""
    field = b"\x1c" if crawl.is_sorted and column.has_dictionary else b"\x3c"  # the field before is 11, or 9
    if found is None:
        return field + b"\x00"
    low, high, nulls = found
    if low is None or high is None:
        return b"".join((field, b"\x36", _zigzag(nulls), b"\x00"))
    largest, smallest = _varint(len(high)) + high, _varint(len(low)) + low
    deprecated = b"".join((b"\x18", largest, b"\x18", smallest, b"\x16", _zigzag(nulls)))
    if crawl.has_deprecated_statistics:
        return b"".join((field, deprecated, b"\x00"))
    first = deprecated if column.type != _BYTES or low == high else b"\x36" + _zigzag(nulls)
    return b"".join((field, first, b"\x28", largest, b"\x18", smallest, b"\x00"))


def _dictionary_offset(crawl: Crawl, position: int, dictionary: int) -> bytes:
    return b"\x26" + _zigzag(position) if dictionary and crawl.is_sorted else b""


def _page_index(layout: _Layout, pages: int, size: int) -> bytes:
    """The places of a chunk's offset index and column index."""
    column_bytes = pages * (12 if size < _SMALL_BYTES else 60) + (size & 63)
    offset_bytes = pages * 9 + (size & 31)
    place = b"".join((
        b"\x16", _zigzag(layout.offset_index), b"\x15", _zigzag(offset_bytes),
        b"\x16", _zigzag(layout.column_index), b"\x15", _zigzag(column_bytes),
    ))  # fmt: skip
    layout.offset_index += offset_bytes
    layout.column_index += column_bytes
    return place


@lru_cache(maxsize=4096)
def _encoding_stats(has_dictionary: bool, pages: int) -> bytes:  # noqa: FBT001 - an argument of a cache
    if not has_dictionary:
        return b"\x19\x1c\x15\x00\x15\x00\x15" + _zigzag(pages) + b"\x00"
    return b"\x19\x2c\x15\x04\x15\x04\x15\x02\x00\x15\x00\x15\x04\x15" + _zigzag(pages) + b"\x00"


@lru_cache
def _column_head(i: int) -> bytes:
    """Type, encodings, path and codec of a column's chunks."""
    column = COLUMNS[i]
    encodings = [2, 4, 3] if column.has_dictionary else [4, 3, 0]
    if column.is_required:
        encodings.remove(3)
    listed = _list(len(encodings), 5) + b"".join(map(_zigzag, encodings))
    name = column.name.encode()
    return b"".join(
        (b"\x15", _zigzag(column.type), b"\x19", listed, b"\x19\x18", _varint(len(name)), name, b"\x15\x04")
    )


@lru_cache
def _frame(crawl: Crawl) -> tuple[bytes, bytes]:
    """What stands before the number of rows, and behind the row groups."""
    schema = b"".join((b"\x48\x0cspark_schema\x15", _zigzag(len(COLUMNS)), b"\x00", *map(_schema_element, COLUMNS)))
    head = b"".join((b"\x15\x02\x19", _list(len(COLUMNS) + 1, 12), schema))
    pairs = {"org.apache.spark.sql.parquet.row.metadata": _row_metadata()}
    if not crawl.has_deprecated_statistics:
        pairs = {"org.apache.spark.version": "3.2.1" if crawl.is_sorted else "2.4.6", **pairs}
    listed = b"".join(b"\x18" + _text(key) + b"\x18" + _text(value) + b"\x00" for key, value in pairs.items())
    tail = b"".join((b"\x19", _list(len(pairs), 12), listed, b"\x18", _text(crawl.created_by)))
    if not crawl.has_deprecated_statistics:
        tail += b"\x19" + _list(len(COLUMNS), 12) + b"\x1c\x00\x00" * len(COLUMNS)
    return head, tail + b"\x00"


def _schema_element(column: Column) -> bytes:
    kind = {
        _BYTES: b"\x25\x00\x4c\x1c\x00\x00",  # UTF8, STRING
        _INT64: b"\x25\x12\x4c\x8c\x11\x1c\x1c\x00\x00\x00\x00",  # TIMESTAMP_MILLIS, in UTC
    }.get(column.type, b"")
    if column.name == "fetch_status":
        kind = b"\x25\x20\x4c\xac\x13\x10\x11\x00\x00"  # INT_16, signed
    repetition = b"\x25\x00" if column.is_required else b"\x25\x02"
    return b"".join((b"\x15", _zigzag(column.type), repetition, b"\x18", _text(column.name), kind, b"\x00"))


def _row_metadata() -> str:
    types = {_BYTES: "string", _INT32: "integer", _INT64: "timestamp"}
    fields = [
        {"name": column.name, "type": types[column.type], "nullable": not column.is_required, "metadata": {}}
        for column in COLUMNS
    ]
    return json.dumps({"type": "struct", "fields": fields}, separators=(",", ":"))


def _list(count: int, kind: int) -> bytes:
    return bytes((count << 4 | kind,)) if count < 15 else bytes((0xF0 | kind, count))


def _text(text: str) -> bytes:
    return _varint(len(text.encode())) + text.encode()


_ONE = [bytes((n,)) for n in range(128)]
_TWO = [bytes((n & 127 | 128, n >> 7)) for n in range(1 << 14)]
_MORE = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14)]


def _varint(number: int) -> bytes:
    if number < 1 << 7:
        return _ONE[number]
    return _TWO[number] if number < 1 << 14 else _MORE[number & 0x3FFF] + _varint(number >> 14)


def _zigzag(number: int) -> bytes:
    """A signed varint of a number that is not negative."""
    return _varint(number << 1)


class FooterCorpus:
    """The corpus on disk: footers one behind the other, mapped into memory.

    Attributes:
        paths: the listed path of each file.
        sizes: the size of each whole file in bytes.
    """

    def __init__(self, files: int = FILES) -> None:
        stem = DATA / f"footers-{files}-v{_VERSION}"
        index = stem.with_suffix(".index")
        if not index.exists():
            _write(stem, files)
        numbers = array("Q", index.read_bytes())
        self._stops, self.sizes = numbers[:files], numbers[files:]
        self.paths = [crawl.path(part) for crawl, part in parts(files)]
        with stem.with_suffix(".footers").open("rb") as source:
            self._data = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self.paths)

    def footer(self, i: int) -> bytes:
        """The Thrift bytes of a file's footer, without the eight bytes behind them."""
        return self._data[self._stops[i - 1] if i else 0 : self._stops[i]]

    def tail(self, i: int) -> bytes:
        """The end of a file from its footer on."""
        footer = self.footer(i)
        return footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _write(stem: Path, files: int) -> None:
    """Make the footers with all cores; only whole ones get their names."""
    DATA.mkdir(exist_ok=True)
    stops, sizes, stop = array("Q"), array("Q"), 0
    part = stem.with_suffix(f".{os.getpid()}.part")
    with ProcessPoolExecutor() as processes, part.open("wb") as target:
        for footer, size in processes.map(make_footer, *zip(*parts(files), strict=True), chunksize=50):
            stop += target.write(footer)
            stops.append(stop)
            sizes.append(size)
    part.replace(stem.with_suffix(".footers"))
    part.write_bytes(stops.tobytes() + sizes.tobytes())
    part.replace(stem.with_suffix(".index"))


def check(corpus: FooterCorpus) -> None:
    """See that pyarrow and fastparquet find in a footer of each crawl what is in all of them.

    Raises:
        SystemExit: they do not.
    """
    from fastparquet import ParquetFile
    from pyarrow import parquet

    for i in range(0, len(corpus), FILES_PER_CRAWL):
        file = b"PAR1" + corpus.tail(i)
        found, other = parquet.read_metadata(io.BytesIO(file)), ParquetFile(io.BytesIO(file))
        shape = found.num_row_groups, found.num_columns, found.num_rows
        if shape != (ROW_GROUPS, len(COLUMNS), other.count()) or len(other.columns) != len(COLUMNS):
            raise SystemExit(f"{corpus.paths[i]} is read as {shape}, and otherwise by fastparquet")


def main() -> None:
    """Make the corpus, check it, and say what it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=FILES)
    corpus = FooterCorpus(parser.parse_args().files)
    check(corpus)
    lengths = [len(corpus.footer(i)) for i in range(len(corpus))]
    digest = hashlib.sha256(corpus.footer(0)).hexdigest()[:12]
    print(
        f"{len(corpus):,} footers of {min(lengths):,} to {max(lengths):,} bytes, {sum(lengths):,} in all; {digest}"
    )


if __name__ == "__main__":
    main()
