"""The route itself: key ranges in, tables of captures out, by way of the blocks that hold them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cctrawl.captures.cdxj import CLUSTER_CACHE_BYTES
from cctrawl.captures.cdxj.blocks import FIRST_BYTES, BlockReader, group_blocks, lines_between
from cctrawl.captures.cdxj.clusters import Clusters
from cctrawl.captures.cdxj.directory import Directory, folder_of
from cctrawl.captures.cdxj.estimate import estimate
from cctrawl.captures.cdxj.tables import capture_table, kept_back, read_lines
from cctrawl.captures.columns import count_schema
from cctrawl.captures.masks import mask
from cctrawl.captures.routes import FailedPart, RoutePlan
from cctrawl.errors import AbortedError, AccessDeniedError, FormatError, NotFoundError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from cctrawl.captures.cdxj.blocks import KeySpan
    from cctrawl.captures.cdxj.cluster import Block
    from cctrawl.captures.query import Query
    from cctrawl.captures.routes import OnFailure
    from cctrawl.settings import Settings
    from cctrawl.transport import Transport

_FEW_BYTES = 2**18  # of the first request, if only some rows are wanted
_ALL_KEYS: tuple[KeySpan, ...] = ((b"", None),)


class CdxRoute:
    """Finds captures in the CDXJ index, of crawls of any age; several crawls may be read from threads at once.

    Columns and conditions are those of `columns.CDX_COLUMNS` only.

    Args:
        settings: the settings in force.
        transport: what reads.
        on_failure: called with each block, or ``cluster.idx``, that cannot be read, in the thread that met it.
        limit_bytes: what lines of ``cluster.idx`` may take in the data folder.

    Raises:
        CctrawlError: the data folder cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        *,
        on_failure: OnFailure,
        limit_bytes: int = CLUSTER_CACHE_BYTES,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._on_failure = on_failure
        self._clusters = Clusters(settings, limit_bytes)
        self._lock = threading.Lock()
        self._parts_read = 0

    @property
    def parts_read(self) -> int:
        """Blocks read so far, over all crawls."""
        return self._parts_read

    def plan(self, crawl: str, query: Query) -> RoutePlan:
        """Return what `read` would take, from what is held of ``cluster.idx``; asks for nothing."""
        return estimate(crawl, _spans(query), self._clusters)

    def read(self, crawl: str, query: Query) -> Iterator[pa.Table]:
        """Yield the captures as tables; see `Route.read`.

        A query without ranges reads the whole index of the crawl.

        Raises:
            NotFoundError: the crawl has no CDXJ index.
            AccessDeniedError, AbortedError: nothing can be had, or patience is spent.
        """
        spans = _spans(query)
        directory = Directory(crawl, self._clusters, self._settings, self._transport)
        try:
            directory.find([start for start, _ in spans])
        except (AccessDeniedError, NotFoundError, AbortedError):
            raise
        except (TransportError, FormatError) as error:
            self._cluster_failed(crawl, directory.path, error)
            return
        for batch in kept_back(self._batches(crawl, query, spans, directory)):
            table = _matching(read_lines(batch, self._block_failed(crawl)), crawl, query)
            if table.num_rows:
                yield table

    def close(self) -> None:
        """Close the index that is held; nothing can be read afterwards."""
        self._clusters.close()

    def _batches(
        self, crawl: str, query: Query, spans: Sequence[KeySpan], directory: Directory
    ) -> Iterator[list[tuple[Block, list[bytes]]]]:
        """Yield, of some blocks after the other, the lines whose keys are looked for."""
        reader = BlockReader(
            self._transport,
            self._settings.base_url + folder_of(crawl),
            self._block_failed(crawl),
            is_eager=query.limit is None,
        )
        first_bytes = FIRST_BYTES if query.limit is None else _FEW_BYTES
        groups = group_blocks(self._blocks(crawl, spans, directory), first_bytes=first_bytes)
        for blocks in reader.read(groups):
            with self._lock:
                self._parts_read += len(blocks)
            yield [(block, list(lines_between(lines, spans))) for block, lines in blocks]

    def _block_failed(self, crawl: str) -> Callable[[Block, str], None]:
        def failed(block: Block, reason: str) -> None:
            path = folder_of(crawl) + block.name
            self._on_failure(FailedPart(crawl, path, f"block at {block.start}", reason))

        return failed

    def _blocks(self, crawl: str, spans: Sequence[KeySpan], directory: Directory) -> Iterator[Block]:
        """Yield the blocks that may hold keys of any span, each once, in order."""
        place = -1
        try:
            for start, stop in spans:
                for block in directory.blocks(start, stop):
                    if block.place > place:
                        place = block.place
                        yield block
        except (AccessDeniedError, NotFoundError, AbortedError):
            raise
        except (TransportError, FormatError) as error:
            self._cluster_failed(crawl, directory.path, error)

    def _cluster_failed(self, crawl: str, path: str, error: Exception) -> None:
        if isinstance(error, FormatError):
            self._clusters.forget(crawl)  # what is held may be of another file than what is there now
        self._on_failure(FailedPart(crawl, path, "lines that name blocks", str(error)))


def _spans(query: Query) -> Sequence[KeySpan]:
    if not query.ranges:
        return _ALL_KEYS
    return [(_bytes(start), _bytes(stop)) for start, stop in query.ranges]


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _matching(told: pa.Table, crawl: str, query: Query) -> pa.Table:
    """Return the captures that match a query, or counts of them."""
    wanted = query.columns if query.count_by is None else (query.count_by,)
    others = query.condition.columns - set(wanted) if query.condition is not None else ()
    table = capture_table(told, crawl, [*wanted, *sorted(others)], query.subset)
    if query.condition is not None:
        table = table.filter(mask(query.condition, table)).select(wanted)
    if query.count_by is None:
        return table
    counts = table.group_by(query.count_by).aggregate([([], "count_all")])
    return counts.rename_columns([query.count_by, "count"]).cast(count_schema(query.count_by))
