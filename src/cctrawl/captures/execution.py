"""One run of a search: crawls are resolved, routes chosen, answers read side by side, and what fails is noted."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cctrawl.captures.cdxj import CLUSTER_CACHE_BYTES
from cctrawl.captures.choice import Chooser
from cctrawl.captures.plan import CrawlPlan, SearchPlan, crawl_plan, search_plan
from cctrawl.captures.reading import CRAWLS_AT_ONCE, SideBySide
from cctrawl.captures.report import SearchReport
from cctrawl.captures.routes import FailedPart, Route, RouteName
from cctrawl.errors import (
    AccessDeniedError,
    FormatError,
    InvalidInputError,
    NotFoundError,
    TransportError,
)
from cctrawl.listings import is_crawl_id, resolve_crawls, split_crawls
from cctrawl.progress import Snapshot, Topics
from cctrawl.transport import CONNECTIONS, Transport, TransportEvent, allowance_at

if TYPE_CHECKING:
    import pyarrow as pa

    from cctrawl.captures.query import Query
    from cctrawl.captures.targets import Sought
    from cctrawl.index import HarvestReport
    from cctrawl.progress import Progress
    from cctrawl.settings import Settings

_FEW_TARGETS = 100
_LESS_IF_LIMITED = 6

_log = logging.getLogger("cctrawl")


class Execution:
    """Asks for the answers of crawls; a context manager, for one thread, used once.

    Args:
        crawl: a crawl expression.
        sought: the targets.
        query: the question.
        route: ``auto``, ``columnar`` or ``cdx``.
        settings: how to ask for bytes.
        connections: requests at once.
        cluster_cache_bytes: what may be kept of ``cluster.idx``.
        progress: where to tell how far it is, if anywhere.

    Raises:
        CctrawlError: as `Chooser`.
    """

    def __init__(
        self,
        crawl: str,
        sought: Sought,
        query: Query,
        *,
        route: str,
        settings: Settings,
        connections: int = CONNECTIONS,
        cluster_cache_bytes: int = CLUSTER_CACHE_BYTES,
        progress: Progress | None = None,
    ) -> None:
        self._began_s = time.monotonic()
        self._crawl = crawl
        self._sought = sought
        self._query = query
        self._settings = settings
        self._cluster_cache_bytes = cluster_cache_bytes
        self._progress = progress
        self._chooser = Chooser(route, sought, query, settings)
        self._transport = Transport(settings, connections=connections, on_event=self._hear)
        self._routes: dict[RouteName, Route] = {}
        self._lock = threading.Lock()
        self._reading: SideBySide | None = None
        self._crawls: list[str] = []
        self._passed_over: list[str] = []
        self._failures: list[FailedPart] = []
        self._events: deque[TransportEvent] = deque(maxlen=100)
        self._topics = Topics()
        self._harvested = ""
        self._ended_s: float | None = None
        self.rows = 0

    def __enter__(self) -> Execution:  # noqa: PYI034 - Self needs Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop whatever is under way; may be called twice."""
        if self._ended_s is None:
            self._ended_s = time.monotonic()
        if self._reading is not None:
            self._reading.stop()
        self._transport.close()  # wakes the threads that wait for bytes
        if self._reading is not None:
            self._reading.join()
        for route in self._routes.values():
            route.close()

    def plan(self) -> SearchPlan:
        """Return what `answers` would take; only the list of crawls may be asked for.

        Raises:
            CctrawlError: as `cctrawl.listings.resolve_crawls`, or the index that is held cannot be read.
        """
        plans: list[CrawlPlan] = []
        for crawl in self._resolve():
            choice = self._chooser.choose(crawl)
            plans.append(crawl_plan(self._route(choice.route).plan(crawl, self._query), choice))
        return search_plan(plans, allowance_at(self._settings, self._settings.base_url))

    def answers(self) -> Iterator[tuple[str, Iterator[pa.Table]]]:
        """Yield each crawl, newest first, with its tables; these must be taken before the next crawl is.

        Raises:
            CctrawlError: as `cctrawl.find`.
        """
        self._crawls = self._resolve()
        at_once = crawls_at_once(self._sought, self._query.limit)
        self._reading = SideBySide(self._crawls, self._read, on_tick=self.tick, crawls_at_once=at_once)
        self._reading.start()
        for number, crawl in enumerate(self._crawls):
            yield crawl, self._tables(number)
        self._see_an_answer()

    def tick(self) -> None:
        """Tell how far it is, and what happened meanwhile."""
        if self._progress is None or self._reading is None:
            return
        while self._events:
            event = self._events.popleft()
            if event.kind != "retried" and self._topics.is_due(f"{event.kind} {event.host}"):
                self._progress.note(str(event))
        counters = self._transport.counters.snapshot()
        done = self._reading.complete
        self._progress.update(
            Snapshot(
                total=len(self._crawls),
                done=done,
                finished=float(done),
                source_bytes=counters.bytes_received,
                steps={"requests": counters.requests},
                results={"rows": self.rows},
                troubles={
                    "retries": counters.retries,
                    "refusals": counters.refusals,
                    "failed": len(self._failures),
                },
                waiting=f"fetching the footers of {self._harvested}, once" if self._harvested else "",
                noun="crawls",
            )
        )

    def report(self) -> SearchReport:
        """Return what was done so far."""
        counters = self._transport.counters.snapshot()
        columnar, cdx = self._routes.get("columnar"), self._routes.get("cdx")
        return SearchReport(
            rows=self.rows,
            crawls=len(self._crawls) - len(self._passed_over),
            passed_over=tuple(self._passed_over),
            row_groups=columnar.parts_read if columnar else 0,
            blocks=cdx.parts_read if cdx else 0,
            requests=counters.requests,
            bytes_received=counters.bytes_received,
            retries=counters.retries,
            refusals=counters.refusals,
            seconds=(self._ended_s or time.monotonic()) - self._began_s,
            failures=tuple(self._failures),
        )

    def _resolve(self) -> list[str]:
        see_indexed(self._crawl)
        crawls = resolve_crawls(self._crawl, settings=self._settings, transport=self._transport)
        return sorted(crawls, reverse=True)

    def _tables(self, number: int) -> Iterator[pa.Table]:
        """The tables of a crawl; one that has no index, or cannot be read at all, is noted if others may answer."""
        crawl = self._crawls[number]
        assert self._reading is not None  # noqa: S101 - set before
        try:
            yield from self._reading.tables(number)
        except NotFoundError:
            if crawl in _explicit(self._crawl):
                raise
            self._passed_over.append(crawl)
            _log.warning("passed over, without an index: %s", crawl)
        except (TransportError, FormatError) as error:
            if isinstance(error, AccessDeniedError) or len(self._crawls) == 1:
                raise
            self._fail(FailedPart(crawl, self._settings.base_url, "the whole index", str(error)))

    def _see_an_answer(self) -> None:
        """See that something could be read.

        Raises:
            NotFoundError: none has an index.
            TransportError: nothing could be read.
        """
        if len(self._passed_over) == len(self._crawls):
            names = ", ".join(self._passed_over)
            raise NotFoundError(f"no index: {names}", hint="the newest crawls may have none yet")
        if self._failures and not any(route.parts_read for route in self._routes.values()):
            raise TransportError(f"nothing could be read: {self._failures[0].reason}", hint="try again later")

    def _read(self, crawl: str) -> Iterator[pa.Table]:
        """Read one crawl, by the other route if it has no index of the first kind."""
        choice = self._chooser.choose(crawl)
        has_answered = False
        try:
            for table in self._route(choice.route).read(crawl, self._query):
                has_answered = True
                self._see_harvested(crawl)
                yield table
        except NotFoundError:
            if choice.other is None or has_answered:
                raise
            yield from self._route(choice.other).read(crawl, self._query)
        finally:
            self._see_harvested(crawl)

    def _route(self, name: RouteName) -> Route:
        with self._lock:
            if name not in self._routes:
                self._routes[name] = open_route(
                    name,
                    self._settings,
                    self._transport,
                    on_failure=self._fail,
                    on_harvest=self._note_harvest,
                    on_harvested=self._add_harvest,
                    cluster_cache_bytes=self._cluster_cache_bytes,
                )
            return self._routes[name]

    def _fail(self, part: FailedPart) -> None:
        if self._ended_s is not None:  # nobody wants it any more, and the transport is closed
            return
        with self._lock:
            self._failures.append(part)
        _log.warning("not read: %s, %s: %s", part.path, part.part, part.reason)

    def _see_harvested(self, crawl: str) -> None:
        if self._harvested == crawl:
            self._harvested = ""

    def _note_harvest(self, crawl: str) -> None:
        self._harvested = crawl

    def _add_harvest(self, report: HarvestReport) -> None:
        """Add what a harvest took, which asks by a transport of its own."""
        self._transport.counters.add(
            requests=report.requests,
            bytes_received=report.bytes_received,
            retries=report.retries,
            refusals=report.refusals,
        )

    def _hear(self, event: TransportEvent) -> None:
        self._events.append(event)


def open_route(
    name: RouteName,
    settings: Settings,
    transport: Transport,
    *,
    on_failure: Callable[[FailedPart], None],
    on_harvest: Callable[[str], None],
    on_harvested: Callable[[HarvestReport], None],
    cluster_cache_bytes: int,
) -> Route:
    """Return a route, loaded when it is first asked for."""
    if name == "columnar":
        from cctrawl.captures.columnar import ColumnarRoute  # noqa: PLC0415 - only where it is chosen

        return ColumnarRoute(
            settings, transport, on_failure=on_failure, on_harvest=on_harvest, on_harvested=on_harvested
        )
    from cctrawl.captures.cdxj import CdxRoute  # noqa: PLC0415 - only where it is chosen

    return CdxRoute(settings, transport, on_failure=on_failure, limit_bytes=cluster_cache_bytes)


def crawls_at_once(sought: Sought, limit: int | None = None) -> int:
    """Return how many crawls are read side by side: large answers take some hundred MB each while they are read.

    If the first rows are enough, what other crawls are asked for may be in vain: a harvest is 300 requests.
    """
    if not 0 < sought.number <= _FEW_TARGETS or sought.widest == 1:
        usual = 4
    else:
        usual = 8 if "domain" in sought.kinds else CRAWLS_AT_ONCE
    return usual if limit is None else max(1, usual // _LESS_IF_LIMITED)


def see_indexed(expression: str) -> None:
    """See that no crawl is named that has no index at all.

    Raises:
        InvalidInputError: CC-NEWS is, or nothing.
    """
    for name in split_crawls(expression):
        if is_crawl_id(name) and name.upper().startswith("CC-NEWS"):
            raise InvalidInputError(
                f"{name.upper()} has no index: CC-NEWS is published without",
                hint=f"read its files: cctrawl files warc -c {name.upper()}, or cctrawl run JOB -c {name.upper()}",
            )


def _explicit(expression: str) -> set[str]:
    """The ids that a crawl expression names itself."""
    return {name.upper() for name in split_crawls(expression) if is_crawl_id(name)}
