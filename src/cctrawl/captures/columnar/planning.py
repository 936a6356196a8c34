"""What a query would take, from what is held: footers tell how large columns are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.captures.columnar.matches import conjuncts
from cctrawl.captures.columnar.slices import ORDER
from cctrawl.captures.routes import RoutePlan
from cctrawl.index import USUAL_FOOTER_BYTES, parse_footer
from cctrawl.store import held_footers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cctrawl.captures.columnar.parts import HeldParts, Part
    from cctrawl.captures.query import Query
    from cctrawl.index import RowGroup
    from cctrawl.store import HoldingRow, IndexFile

_SAMPLE_FILES = 8  # of more, the others are taken to be like them
_USUAL_ROW_BYTES = 70  # of the default columns, compressed; where no footer is held
_USUAL_FILES = 300  # of a subset of a crawl, where no listing is held
_REQUESTS = 3  # of a row group besides those for columns: page indexes, and what decides


def plan_of(crawl: str, query: Query, held: HeldParts) -> RoutePlan:
    """Return what reading a query's answer would take at most; about, where footers are not held.

    What they would tell is not known: the requests and bytes that bring them are counted, not what is read by them.

    Raises:
        CctrawlError: the index cannot be read.
    """
    parts = held.held(crawl, query)
    columns = _columns(query)
    with held.index.use() as index:
        sampled = _sampled(index, parts)
    chunks = [_chunk_bytes(group, columns) for _, group in sampled]
    sample_rows = sum(part.num_rows for part, _ in sampled)
    lacking = held.lacking(crawl, query)
    footers = sum(map(_missing, lacking))
    per_row = sum(map(sum, chunks)) / sample_rows if sample_rows else _USUAL_ROW_BYTES
    return RoutePlan(
        crawl=crawl,
        route="columnar",
        files=len({part.path for part in parts}),
        row_groups=len(parts),
        requests=footers + len(parts) * (_REQUESTS + max(map(len, chunks), default=len(columns))),
        bytes=footers * USUAL_FOOTER_BYTES + int(per_row * sum(part.num_rows for part in parts)),
        is_upper_bound=not lacking,
        notes=tuple(map(_note, lacking)),
        is_estimate=bool(lacking),
    )


def _columns(query: Query) -> set[str]:
    asked = {column for condition in conjuncts(query) for column in condition.columns}
    return asked | ({query.count_by} if query.count_by else {*query.columns, *ORDER})


def _sampled(index: IndexFile, parts: Sequence[Part]) -> list[tuple[Part, RowGroup]]:
    """Some of the row groups, as held footers tell of them."""
    found = []
    for path in list(dict.fromkeys(part.path for part in parts))[:_SAMPLE_FILES]:
        for held in held_footers(index, path=path):
            row_groups = parse_footer(held.data, path).row_groups
            numbers = {part.row_group: part for part in parts if part.path == path}
            found += [(numbers[number], group) for number, group in enumerate(row_groups) if number in numbers]
    return found


def _chunk_bytes(group: RowGroup, columns: set[str]) -> list[int]:
    return [chunk.total_compressed_size for chunk in group.columns if chunk.column.name in columns]


def _missing(row: HoldingRow) -> int:
    """How many footers a harvest would fetch, about."""
    return _USUAL_FILES if row.listed is None else row.listed - row.files - row.imported


def _note(row: HoldingRow) -> str:
    missing = f"{_missing(row):,} footers" if row.listed else f"all footers (usually {_USUAL_FILES})"
    of = f" of {row.listed:,}" if row.listed else ""
    return f"{missing}{of} of the subset {row.subset} are not held: they are harvested first, and counted here"
