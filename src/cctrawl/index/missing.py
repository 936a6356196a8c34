"""Where statistics of ``url_surtkey`` are missing, or only the deprecated pair is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cctrawl.index.holdings import held_selection, open_held
from cctrawl.store import all_row_groups, missing_by_crawl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cctrawl.settings import Settings
    from cctrawl.store import MissingRow


class UnorderedRowGroup(NamedTuple):
    """A row group without ordered bounds.

    Attributes:
        path: the file's listed path.
        crawl: its crawl.
        subset: its subset.
        row_group: its number in the file, from 0.
        num_rows: its rows.
        byte_size: its size in bytes, not compressed.
        statistics: ``signed``, ``computed`` or ``absent``.
    """

    path: str
    crawl: str
    subset: str
    row_group: int
    num_rows: int
    byte_size: int
    statistics: str


def missing_statistics(
    *, crawls: str | Sequence[str] | None = None, subset: str = "warc", settings: Settings | None = None
) -> list[MissingRow]:
    """Return the held crawls of which any row group lacks ordered bounds of ``url_surtkey``, oldest first.

    ``min_url`` and ``max_url`` count the row groups that have one, ``deprecated`` those that have only the
    deprecated pair, which prunes too; see `cctrawl.row_groups` for the row groups themselves.

    Args:
        crawls: a crawl expression, or several; ``all``, ``latest`` and years are those among the held crawls.
        subset: ``warc``, ``robotstxt``, ``crawldiagnostics`` or ``all``.
        settings: the settings in force if not given.

    Raises:
        InvalidInputError: no such subset.
        NotFoundError: nothing is held, or not a crawl that is named.
        CctrawlError: the index cannot be read.
    """
    with open_held(settings) as index:
        return missing_by_crawl(index, held_selection(index, crawls, subset))


def missing_row_groups(
    *, crawls: str | Sequence[str] | None = None, subset: str = "warc", settings: Settings | None = None
) -> Iterator[UnorderedRowGroup]:
    """Yield the row groups without ordered bounds, newest crawl first, then by path and number; lazy.

    Args and errors are those of `missing_statistics`.
    """
    with open_held(settings) as index:
        for row in all_row_groups(index, held_selection(index, crawls, subset)):
            if row.statistics != "ordered":
                yield UnorderedRowGroup._make(row[: len(UnorderedRowGroup._fields)])
