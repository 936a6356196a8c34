"""The columnar route: held footers, then row groups, then pages."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.captures.columnar.files import OpenFiles
from cctrawl.captures.columnar.merge import merged
from cctrawl.captures.columnar.parts import HeldParts, Part
from cctrawl.captures.columnar.planning import plan_of
from cctrawl.captures.columnar.reading import PartReader, columns_of
from cctrawl.captures.columnar.slices import frames
from cctrawl.captures.columns import result_schema
from cctrawl.index import Decoders, HeldFooters
from cctrawl.store import SharedIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from cctrawl.captures.columnar.group import Group
    from cctrawl.captures.query import Query
    from cctrawl.captures.routes import OnFailure, RoutePlan
    from cctrawl.index import HarvestReport
    from cctrawl.settings import Settings
    from cctrawl.transport import Transport

_AT_ONCE = 8  # row groups of a crawl; their requests share the transport's connections


class ColumnarRoute:
    """Finds captures in the Parquet files of the index; safe for several crawls from several threads at once.

    Args:
        settings: where the index is, and where its footers are held.
        transport: reads pages.
        on_failure: told of each row group that cannot be read, and of each file whose footer cannot; by any thread.
        on_harvest: told of a crawl before its footers are harvested, for that takes a while.
        on_harvested: told what that took, also when it ended early.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        *,
        on_failure: OnFailure,
        on_harvest: Callable[[str], None] | None = None,
        on_harvested: Callable[[HarvestReport], None] | None = None,
    ) -> None:
        self._base_url = settings.base_url
        self._transport = transport
        self._on_failure = on_failure
        self._index = SharedIndex(settings.data_dir, settings.base_url)
        self._held = HeldParts(settings, self._index, on_failure, on_harvest or _ignore, on_harvested or _ignore)
        self._footers = HeldFooters(self._index, settings.base_url, transport)
        self._decoders = Decoders()
        self._lock = threading.Lock()
        self._parts_read = 0

    @property
    def parts_read(self) -> int:
        """Row groups that were looked into so far, over all crawls."""
        return self._parts_read

    def plan(self, crawl: str, query: Query) -> RoutePlan:
        """Return what `read` would take at most, from what is held; nothing is read from the network.

        Raises:
            CctrawlError: the data folder cannot be read.
        """
        return plan_of(crawl, query, self._held)

    def read(self, crawl: str, query: Query) -> Iterator[pa.Table]:
        """Yield the captures of a crawl, or counts of them, as `routes.Route.read` says; the footers first.

        Raises:
            NotFoundError: the crawl has no columnar index.
            AccessDeniedError, AbortedError: nothing can be had, or patience is spent.
            CctrawlError: the data folder cannot be read or written.
        """
        parts = self._held.complete(crawl, query)
        files = OpenFiles(
            parts,
            self._footers,
            self._transport,
            self._base_url,
            columns_of(query),
            decoders=self._decoders,
        )
        closing = threading.Event()
        reader = PartReader(query, partial(self._opened, files), self._on_failure, closing)
        at_once = min(_AT_ONCE, len(parts))
        with self._decoders.used_by(at_once), _workers(at_once) as submit:
            try:
                if query.count_by:
                    yield from _counts(reader, parts, submit)
                else:
                    yield from _captures(reader, parts, query, submit)
            finally:
                closing.set()

    def close(self) -> None:
        """Close the index that is held, and end the threads; nothing can be read afterwards."""
        self._index.close()
        self._decoders.close()

    def _opened(self, files: OpenFiles, part: Part) -> Group:
        with self._lock:
            self._parts_read += 1
        return files.open(part)


class _Source(NamedTuple):
    """The captures of a row group, to be merged."""

    reader: PartReader
    part: Part

    @property
    def low(self) -> bytes:
        return self.part.low

    def tables(self) -> Iterator[pa.Table | None]:
        return self.reader.captures(self.part)


def _captures(
    reader: PartReader, parts: list[Part], query: Query, submit: Callable[[Callable[[], object]], Future[object]]
) -> Iterator[pa.Table]:
    schema = result_schema(query.columns)
    for table in merged([_Source(reader, part) for part in parts], submit, _AT_ONCE):
        for frame in frames(table.select(schema.names)):
            yield frame.cast(schema)


def _counts(
    reader: PartReader, parts: list[Part], submit: Callable[[Callable[[], object]], Future[object]]
) -> Iterator[pa.Table]:
    waiting = deque(parts)
    under_way: deque[Future[object]] = deque()
    while waiting or under_way:
        while waiting and len(under_way) < _AT_ONCE:
            under_way.append(submit(partial(reader.counts, waiting.popleft())))
        table = under_way.popleft().result()
        if table is not None:
            yield table


@contextmanager
def _workers(threads: int) -> Iterator[Callable[[Callable[[], object]], Future[object]]]:
    """Hand out what has functions called by so many threads; of one, by the caller's own."""
    if threads <= 1:
        yield _call
        return
    pool = ThreadPoolExecutor(threads, "row-groups")
    try:
        yield pool.submit
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _call(function: Callable[[], object]) -> Future[object]:
    future: Future[object] = Future()
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - raised by whoever asks for the result
        future.set_exception(error)
    return future


def _ignore(_: object) -> None:
    """Hear of something and do nothing."""
