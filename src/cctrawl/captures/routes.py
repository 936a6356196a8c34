"""The face of both routes to captures, columnar and CDXJ: plan, then read, a crawl at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from cctrawl.captures.query import Query

if TYPE_CHECKING:
    import pyarrow as pa

RouteName = Literal["columnar", "cdx"]


@dataclass(frozen=True)
class RoutePlan:
    """What it takes to answer a query for a crawl, from what is held.

    Attributes:
        crawl: its id.
        route: ``columnar`` or ``cdx``.
        files: index files that are read.
        row_groups: row groups that may hold matches; 0 for CDXJ.
        requests: requests.
        bytes: bytes that they bring.
        is_upper_bound: whether requests and bytes are at most so many.
        notes: what is to be said of it: what is not held, what comes first.
        is_estimate: whether requests and bytes are but about so many, or more.
    """

    crawl: str
    route: RouteName
    files: int
    row_groups: int
    requests: int
    bytes: int
    is_upper_bound: bool
    notes: tuple[str, ...] = ()
    is_estimate: bool = False


@dataclass(frozen=True)
class FailedPart:
    """A part of an index that could not be read, so that the answer lacks its captures.

    Attributes:
        crawl: the crawl.
        path: the listed path of the file.
        part: which part: ``row group 3``, ``block at 123``.
        reason: why.
    """

    crawl: str
    path: str
    part: str
    reason: str


OnFailure = Callable[[FailedPart], None]


class Route(Protocol):
    """A way to captures; made of settings, a transport and ``on_failure``. Safe for several crawls in threads."""

    @property
    def parts_read(self) -> int:
        """Row groups (columnar) or blocks (CDXJ) read so far, over all crawls."""

    def plan(self, crawl: str, query: Query) -> RoutePlan:
        """Return what `read` would take, from what is held; nothing is read from the network.

        Raises:
            CctrawlError: the data folder cannot be read.
        """

    def read(self, crawl: str, query: Query) -> Iterator[pa.Table]:
        """Yield the captures as tables of `columns.result_schema`, lazily; of counts, see `Query`.

        Rows come ordered by ``url_surtkey`` (as bytes), ``fetch_time``, ``warc_filename`` and
        ``warc_record_offset``, over all tables. What fails for a part after the transport's own tries goes to
        ``on_failure``, and the rest goes on. Whoever closes the iterator stops the reading: nothing more is begun.

        Raises:
            NotFoundError: the crawl has no such index.
            AccessDeniedError, AbortedError: nothing can be had, or patience is spent.
            CctrawlError: the data folder cannot be read or written.
        """

    def close(self) -> None:
        """Let go of the data folder; nothing can be read afterwards."""
