"""One row group read for a query: as ordered slices of captures, or as counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.captures.columnar.hosts import HOST_COLUMNS
from cctrawl.captures.columnar.matches import SLICE_ROWS, conjuncts, find_matches
from cctrawl.captures.columnar.rows import count
from cctrawl.captures.columnar.slices import ORDER, cut, read_matches, read_slice
from cctrawl.captures.columns import count_schema
from cctrawl.captures.routes import FailedPart
from cctrawl.errors import AbortedError, AccessDeniedError, CctrawlError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from cctrawl.captures.columnar.group import Group
    from cctrawl.captures.columnar.parts import Part
    from cctrawl.captures.query import Query
    from cctrawl.captures.routes import OnFailure

_SMALL_ROWS = 2**14  # so many are read ahead of their turn


def columns_of(query: Query) -> frozenset[str]:
    """Return all columns that may be read for a query: of others nothing needs to be known."""
    deciding = frozenset().union(*(condition.columns for condition in conjuncts(query)))
    counted = {query.count_by} if query.count_by else set()
    return deciding | {*query.columns, *ORDER, *HOST_COLUMNS, "url"} | counted


class PartReader:
    """Reads row groups for a query; safe for threads.

    Args:
        query: the query.
        open_part: opens a row group.
        on_failure: told of row groups that cannot be read.
        closing: set when nobody wants more: nothing is begun then, and nothing told.
    """

    def __init__(
        self,
        query: Query,
        open_part: Callable[[Part], Group],
        on_failure: OnFailure,
        closing: threading.Event,
    ) -> None:
        self._query = query
        self._open = open_part
        self._on_failure = on_failure
        self._closing = closing
        self._conditions = conjuncts(query)
        self._columns = list(dict.fromkeys([*query.columns, *ORDER]))
        self._slice_rows = min(SLICE_ROWS, query.limit or SLICE_ROWS)
        self._small_rows = min(_SMALL_ROWS, self._slice_rows)

    def captures(self, part: Part) -> Iterator[pa.Table | None]:
        """Yield the captures of a row group in order, in slices; ``None`` before the first of many.

        Tables have the columns of the query and those that tell the order. A failure ends it, and is told.

        Raises:
            AccessDeniedError, AbortedError: nothing can be had, or patience is spent.
        """
        try:
            if self._closing.is_set():
                return
            group = self._open(part)
            matches = find_matches(group, self._conditions, self._columns, self._slice_rows)
            slices = cut(group, matches.rows, self._slice_rows)
            if sum(map(count, slices)) > self._small_rows:
                yield None
            for rows in slices:
                if rows and not self._closing.is_set():
                    yield read_slice(group, self._columns, rows, matches)
        except (AbortedError, AccessDeniedError):
            raise
        except CctrawlError as error:
            self._tell(part, error)

    def counts(self, part: Part) -> pa.Table | None:
        """Return how many captures of a row group have each value; ``None`` if it cannot be read, which is told.

        Raises:
            AccessDeniedError, AbortedError: nothing can be had, or patience is spent.
        """
        column = self._query.count_by or ""
        try:
            if self._closing.is_set():
                return None
            group = self._open(part)
            matches = find_matches(group, self._conditions, [column])
            if not matches.rows:
                return None
            return _counted(read_matches(group, [column], matches.rows, matches, coded=True), column)
        except (AbortedError, AccessDeniedError):
            raise
        except CctrawlError as error:
            self._tell(part, error)
            return None

    def _tell(self, part: Part, error: CctrawlError) -> None:
        if not self._closing.is_set():
            self._on_failure(FailedPart(part.crawl, part.path, f"row group {part.row_group}", str(error)))


def _counted(table: pa.Table, column: str) -> pa.Table:
    """Count the values of a column, each once."""
    import pyarrow as pa  # noqa: PLC0415 - slow to load
    from pyarrow import compute  # noqa: PLC0415 - slow to load

    schema = count_schema(column)
    chunks = table[column].unify_dictionaries().combine_chunks()
    counted = compute.value_counts(chunks)
    values = counted.field("values")
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return pa.table([values, counted.field("counts")], names=schema.names).cast(schema)
