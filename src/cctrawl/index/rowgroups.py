"""Which row groups may hold a key: the question that makes every later query cheap."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.index.bounds import text_bounds
from cctrawl.index.holdings import held_selection, incomplete_holdings, open_held
from cctrawl.index.spans import KeySpans
from cctrawl.store import HoldingRow, RowGroupRow, row_groups_between
from cctrawl.surt import target_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cctrawl.settings import Settings
    from cctrawl.store import IndexFile, Selection
    from cctrawl.surt import KeyRange


class FoundRowGroup(NamedTuple):
    """A row group that may hold what is looked for.

    Attributes:
        path: the file's listed path.
        row_group: its number in the file, from 0.
        num_rows: its rows.
        byte_size: its size in bytes, not compressed.
        statistics: the kind of its bounds, ``absent`` if it is here because nobody knows better.
        min: the lower bound of ``url_surtkey`` as stored, ``None`` if absent.
        max: the upper bound.
    """

    path: str
    row_group: int
    num_rows: int
    byte_size: int
    statistics: str
    min: str | None
    max: str | None


@dataclass(frozen=True)
class FoundRowGroups:
    """The answer to one question.

    Attributes:
        row_groups: newest crawl first, then by path and number.
        incomplete: what is held in part only, so that the answer may lack row groups.
    """

    row_groups: list[FoundRowGroup] = field(default_factory=list)
    incomplete: list[HoldingRow] = field(default_factory=list)


def find_row_groups(
    target: str, crawl: str | Sequence[str], *, subset: str = "warc", settings: Settings | None = None
) -> FoundRowGroups:
    """Return the row groups that may hold a key of a target, from what is held; nothing is asked of the network.

    Args:
        target: see `cctrawl.surt.target_ranges`.
        crawl: a crawl expression, or several; ``all``, ``latest`` and years are those among the held crawls.
        subset: ``warc``, ``robotstxt``, ``crawldiagnostics`` or ``all``.
        settings: the settings in force if not given.

    Raises:
        InvalidInputError: no such target or subset.
        NotFoundError: a crawl that is named is not held.
        CctrawlError: the index cannot be read.
    """
    ranges = target_ranges(target)
    with open_held(settings) as index:
        selection = held_selection(index, crawl, subset)
        found = [_shown(row) for row in row_groups_with(index, selection, ranges)]
        return FoundRowGroups(found, incomplete_holdings(index, selection))


def row_groups_with(index: IndexFile, selection: Selection, ranges: Iterable[KeyRange]) -> Iterator[RowGroupRow]:
    """Yield the row groups of a selection that may hold a key of the ranges, in the table's order; lazy.

    Raises:
        CctrawlError: the index cannot be read.
    """
    spans = KeySpans(ranges)
    return filter(spans.may_meet, row_groups_between(index, selection, spans.keys, spans.signed))


def _shown(row: RowGroupRow) -> FoundRowGroup:
    statistics, low, high = text_bounds(row)
    return FoundRowGroup(row.path, row.row_group, row.num_rows, row.byte_size, statistics, low, high)
