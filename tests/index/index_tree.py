"""A small tree with an index for harvests: real footers, many files, listings whose first line is a folder."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NEW, OLD, BARE = "CC-MAIN-2024-22", "CC-MAIN-2023-50", "CC-MAIN-2024-26"
ROW_GROUPS = 3
_ROWS = 4


@dataclass(frozen=True)
class IndexTree:
    """A folder that looks like Common Crawl's bucket, of which only the columnar index is there.

    Attributes:
        root: the folder.
        paths: the listed index files by crawl and subset.
    """

    root: Path
    paths: dict[tuple[str, str], list[str]]

    @property
    def warc(self) -> list[str]:
        """The index files of the subset warc of both crawls."""
        return self.paths[NEW, "warc"] + self.paths[OLD, "warc"]

    def footer(self, path: str) -> bytes:
        """Return the footer of a file, without the eight bytes behind it."""
        data = (self.root / path).read_bytes()
        return data[-8 - int.from_bytes(data[-8:-4], "little") : -8]


def build_tree(root: Path, files: int = 20) -> IndexTree:
    """Write a tree: a crawl with ``files`` index files of each subset, one with 4 of them, one without an index."""
    paths: dict[tuple[str, str], list[str]] = {}
    for crawl, count in ((NEW, files), (OLD, 4)):
        listed = ["cc-index/table/cc-main/warc/"]
        for subset in ("crawldiagnostics", "robotstxt", "warc"):
            folder = f"cc-index/table/cc-main/warc/crawl={crawl}/subset={subset}"
            (root / folder).mkdir(parents=True)
            paths[crawl, subset] = [f"{folder}/part-{part:05}-a-b.c000.gz.parquet" for part in range(count)]
            for part, path in enumerate(paths[crawl, subset]):
                (root / path).write_bytes(index_file(f"{crawl}/{subset}/{part}"))
            listed += paths[crawl, subset]
        listing = root / "crawl-data" / crawl / "cc-index-table.paths.gz"
        listing.parent.mkdir(parents=True)
        listing.write_bytes(gzip.compress("".join(f"{line}\n" for line in listed).encode()))
    crawls = [{"id": crawl, "name": crawl} for crawl in (BARE, NEW, OLD, "CC-MAIN-2012")]
    (root / "collinfo.json").write_text(json.dumps(crawls))
    return IndexTree(root, paths)


def index_file(name: str, *, columns: int = 1) -> bytes:
    """Return a Parquet file with keys of its own.

    Args:
        name: what its keys begin with.
        columns: how many more columns there are; they make the footer long.
    """
    keys = [f"com,example)/{name}/{row:03}" for row in range(ROW_GROUPS * _ROWS)]
    values = {"url_surtkey": keys, **{f"column_{number}_{'x' * 100}": keys for number in range(columns)}}
    file = io.BytesIO()
    pq.write_table(pa.table(values), file, row_group_size=_ROWS)
    return file.getvalue()
