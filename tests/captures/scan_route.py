"""A route over rows in memory: what it answers is the oracle's answer, table by table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pytest
from tests.captures.oracle import Row, answer

from cctrawl.captures import execution
from cctrawl.captures.columns import count_schema, result_schema
from cctrawl.captures.query import Query
from cctrawl.captures.routes import FailedPart, RouteName, RoutePlan
from cctrawl.errors import CctrawlError, NotFoundError


class ScanRoute:
    """Answers by going through all rows.

    Args:
        name: the route it stands for.
        crawls: the rows of each crawl.
        on_failure: as of any route.
        table_rows: rows in a table.
        errors: what reading a crawl ends in, behind its first table.
        failures: parts of crawls that fail.
        pause_s: how long a table takes.

    Attributes:
        tables_read: tables that were taken, by crawl.
        asked: the crawls that were asked, with their queries.
        closed: how often it was closed.
    """

    def __init__(
        self,
        name: RouteName,
        crawls: Mapping[str, Sequence[Row]],
        *,
        table_rows: int = 2,
        errors: Mapping[str, CctrawlError] | None = None,
        failures: Sequence[FailedPart] = (),
        pause_s: float = 0,
    ) -> None:
        self._name = name
        self._crawls = crawls
        self._table_rows = table_rows
        self._errors = errors or {}
        self._failures = failures
        self._pause_s = pause_s
        self.on_failure: Callable[[FailedPart], None] = lambda _: None
        self.tables_read: dict[str, int] = {}
        self.asked: list[tuple[str, Query]] = []
        self.closed = 0

    @property
    def parts_read(self) -> int:
        """One a table."""
        return sum(self.tables_read.values())

    def plan(self, crawl: str, query: Query) -> RoutePlan:
        """As many row groups as tables."""
        rows = len(answer(query, self._crawls.get(crawl, ())))
        return RoutePlan(crawl, self._name, 1, rows, rows, 1000 * rows, is_upper_bound=True, notes=("a note",))

    def read(self, crawl: str, query: Query) -> Iterator[pa.Table]:
        """The oracle's answer."""
        self.asked.append((crawl, query))
        if crawl not in self._crawls:
            raise NotFoundError(f"{crawl} has no such index")
        for part in self._failures:
            if part.crawl == crawl:
                self.on_failure(part)
        schema = count_schema(query.count_by) if query.count_by else result_schema(query.columns)
        rows = answer(query, self._crawls[crawl])
        for start in range(0, max(1, len(rows)), self._table_rows):
            self.tables_read[crawl] = self.tables_read.get(crawl, 0) + 1
            yield pa.Table.from_pylist(rows[start : start + self._table_rows], schema)
            if crawl in self._errors:
                raise self._errors[crawl]
            time.sleep(self._pause_s)

    def close(self) -> None:
        """Count it."""
        self.closed += 1


def use(monkeypatch: pytest.MonkeyPatch, *routes: ScanRoute) -> None:
    """Let searches go by these routes."""
    by_name = {route._name: route for route in routes}

    def opened(
        name: RouteName,
        settings: object,
        transport: object,
        *,
        on_failure: Callable[[FailedPart], None],
        on_harvest: object,
        on_harvested: object,
        cluster_cache_bytes: int,
    ) -> ScanRoute:
        del settings, transport, on_harvest, on_harvested, cluster_cache_bytes
        by_name[name].on_failure = on_failure
        return by_name[name]

    monkeypatch.setattr(execution, "open_route", opened)
