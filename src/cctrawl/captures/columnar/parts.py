"""Which row groups a query concerns, from what is held; what is not held yet is harvested first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.captures.routes import FailedPart
from cctrawl.index import flipped, harvest, holdings, row_groups_with
from cctrawl.listings import SUBSETS
from cctrawl.store import Selection, all_row_groups, listed_failures, undecodable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cctrawl.captures.query import Query
    from cctrawl.captures.routes import OnFailure
    from cctrawl.index import HarvestReport
    from cctrawl.settings import Settings
    from cctrawl.store import HoldingRow, IndexFile, RowGroupRow, SharedIndex


class Part(NamedTuple):
    """A row group that may hold captures.

    Attributes:
        path: the listed path of its file.
        crawl: the file's crawl.
        subset: the file's subset.
        row_group: its number in the file, from 0.
        num_rows: its rows.
        low: no key of it that is looked for is below.
    """

    path: str
    crawl: str
    subset: str
    row_group: int
    num_rows: int
    low: bytes


class HeldParts:
    """Knows row groups; safe for threads.

    Args:
        settings: the settings in force, for harvests.
        index: what is held.
        on_failure: told of files whose footers cannot be had or decoded.
        on_harvest: told of a crawl before its footers are harvested.
        on_harvested: told what that took.

    Attributes:
        index: the same.
    """

    def __init__(
        self,
        settings: Settings,
        index: SharedIndex,
        on_failure: OnFailure,
        on_harvest: Callable[[str], None],
        on_harvested: Callable[[HarvestReport], None],
    ) -> None:
        self._settings = settings
        self.index = index
        self._on_failure = on_failure
        self._on_harvest = on_harvest
        self._on_harvested = on_harvested
        self._lock = threading.Lock()  # one harvest at a time works on an index

    def held(self, crawl: str, query: Query) -> list[Part]:
        """Return the row groups that may hold captures, by their least keys; from what is held.

        Raises:
            CctrawlError: the index cannot be read.
        """
        with self.index.use() as index:
            return _held(index, crawl, query)

    def complete(self, crawl: str, query: Query) -> list[Part]:
        """Return the same once all is held: harvest what is not, and tell of what cannot be had.

        Raises:
            NotFoundError: the crawl has no index.
            AbortedError, TransportError: too much failed, or nothing can be had.
            CctrawlError: as `cctrawl.harvest`.
        """
        with self.index.use() as index:
            if not _lacking(index, crawl, query):
                self._tell_failures(index, crawl, query)
                return _held(index, crawl, query)
        with self._lock:
            if self.lacking(crawl, query):  # whoever had the lock may have harvested it
                self._on_harvest(crawl)
                harvest(
                    crawl,
                    subset=query.subset,
                    quiet=True,
                    settings=self._settings,
                    on_report=self._on_harvested,
                )
        with self.index.use() as index:
            self._tell_failures(index, crawl, query)
            return _held(index, crawl, query)

    def lacking(self, crawl: str, query: Query) -> list[HoldingRow]:
        """Return the subsets of which not all files are held.

        Raises:
            CctrawlError: the index cannot be read.
        """
        with self.index.use() as index:
            return _lacking(index, crawl, query)

    def _tell_failures(self, index: IndexFile, crawl: str, query: Query) -> None:
        chosen = _subsets(query)
        failed = [(row.path, row.message) for row in listed_failures(index, [crawl]) if row.subset in chosen]
        failed += [
            (path, why)
            for path, why in undecodable(index, [crawl])
            if any(f"/subset={subset}/" in path for subset in chosen)
        ]
        for path, why in failed:
            self._on_failure(FailedPart(crawl, path, "footer", why))


def _held(index: IndexFile, crawl: str, query: Query) -> list[Part]:
    selection = Selection([crawl], "" if query.subset == "all" else query.subset)
    rows = row_groups_with(index, selection, query.ranges) if query.ranges else all_row_groups(index, selection)
    first = query.ranges[0].start.encode() if query.ranges else b""
    return sorted((_part(row, first) for row in rows if row.num_rows), key=lambda part: part.low)


def _lacking(index: IndexFile, crawl: str, query: Query) -> list[HoldingRow]:
    pairs = [(crawl, subset) for subset in _subsets(query)]
    return [row for row in holdings(index, pairs) if _is_lacking(row)]


def _subsets(query: Query) -> Sequence[str]:
    return SUBSETS if query.subset == "all" else (query.subset,)


def _is_lacking(row: HoldingRow) -> bool:
    """Of an import alone nobody knows how many files there are: it counts as all."""
    known = row.files + row.imported
    return known == 0 if row.listed is None else known < row.listed


def _part(row: RowGroupRow, first: bytes) -> Part:
    return Part(row.path, row.crawl, row.subset, row.row_group, row.num_rows, max(_least_key(row), first))


def _least_key(row: RowGroupRow) -> bytes:
    """A key that none of the row group is below.

    Bounds of kind ``signed`` hold in another order, which agrees with that of keys up to the first letter that is
    not ASCII.
    """
    if row.low is None:
        return b""
    if row.statistics != "signed":
        return row.low
    low = flipped(row.low)
    return low[: next((at for at, byte in enumerate(low) if byte > 127), len(low))]
