"""A store of 900,000 row groups, as a harvest of 100 crawls leaves it, but without the footers.

Three subsets of 300 files with 10 row groups each. Row groups of crawls before 2022 overlap, within their file
and beyond; some of them have deprecated statistics, a few none (see footer_corpus.py, whose crawls and keys these
are).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from pathlib import Path

from footer_corpus import FILES_PER_CRAWL, Crawl, crawls
from footer_values import host_at, random_path

from cctrawl.index import flipped
from cctrawl.store import GroupRow, IndexFile, index_path, put_file, put_row_groups

CRAWLS = 100
_SUBSETS = ("crawldiagnostics", "robotstxt", "warc")
_ROW_GROUPS = 10
_ABSENT_ONE_IN = 400
_DISORDER = 1.5 / FILES_PER_CRAWL


def make_store(data_dir: Path, base_url: str, crawl_count: int = CRAWLS) -> int:
    """Fill the store of a base URL in an empty data folder; return how many row groups it has."""
    made = 0
    with IndexFile(index_path(data_dir, base_url)) as index:
        for crawl in crawls(crawl_count * FILES_PER_CRAWL):
            with index.transaction() as connection:
                for path, subset, groups in _files(crawl):
                    file = put_file(
                        connection, path=path, crawl=crawl.id, subset=subset, state="held", row_groups=len(groups),
                        size=1_000_000_000, footer_bytes=57_000, num_rows=sum(group.num_rows for group in groups),
                    )  # fmt: skip
                    put_row_groups(connection, file, groups)
                    made += len(groups)
    return made


def _files(crawl: Crawl) -> Iterator[tuple[str, str, list[GroupRow]]]:
    rng = random.Random(crawl.id)
    name = uuid.UUID(int=rng.getrandbits(128))
    folder = f"cc-index/table/cc-main/warc/crawl={crawl.id}"
    for subset in _SUBSETS:
        for part in range(FILES_PER_CRAWL):
            path = f"{folder}/subset={subset}/part-{part:05}-{name}.c000.gz.parquet"
            yield path, subset, [_row_group(crawl, part, row_group, rng) for row_group in range(_ROW_GROUPS)]


def _row_group(crawl: Crawl, part: int, row_group: int, rng: random.Random) -> GroupRow:
    size = rng.randrange(1_500_000, 1_900_000), rng.randrange(400_000_000, 700_000_000)
    if crawl.is_sorted:
        low, high = part + row_group / _ROW_GROUPS, part + (row_group + 1) / _ROW_GROUPS
        low, high = low / FILES_PER_CRAWL, high / FILES_PER_CRAWL
    elif rng.randrange(_ABSENT_ONE_IN) == 0:
        return GroupRow(*size, "absent", None, None)
    else:
        low = part / FILES_PER_CRAWL - rng.random() * _DISORDER
        high = (part + 1) / FILES_PER_CRAWL + rng.random() * _DISORDER
    bounds = sorted(f"{host_at(place, rng).surt}{random_path(rng)}".encode() for place in (low, high))
    if crawl.has_deprecated_statistics:
        return GroupRow(*size, "signed", flipped(bounds[0]), flipped(bounds[1]))
    return GroupRow(*size, "ordered", *bounds)
