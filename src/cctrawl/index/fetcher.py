"""One index file: its footer fetched and checked, which is what a thread of a harvest does, then distilled."""

from __future__ import annotations

import threading
from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.errors import AccessDeniedError, CctrawlError, FormatError, InvalidInputError, NotFoundError
from cctrawl.index.distillate import RowGroupBounds, distil
from cctrawl.index.footer import MAX_FOOTER_BYTES, TAIL_BYTES, check_tail
from cctrawl.index.keys import flipped
from cctrawl.store import FooterRow, GroupRow
from cctrawl.transport import below

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cctrawl.transport import Transport

_FIRST_REQUEST_BYTES = 128 * 2**10
_REMEMBERED = 1000  # footers of a crawl's subset: 300 there are
_SHARE = 0.99  # of them fit into one request: one giant does not make all others expensive
_MARGIN = 1.1


@dataclass(frozen=True)
class IndexedFile:
    """A file of the columnar index, as a listing has it.

    Attributes:
        path: its path below the base URL.
        crawl: its crawl.
        subset: its subset.
    """

    path: str
    crawl: str
    subset: str


class FooterNeed:
    """How many bytes to ask for, so that one request brings a footer as a rule; safe for threads.

    Args:
        known: crawl, subset and size in bytes of footers that are held.
    """

    def __init__(self, known: Iterable[tuple[str, str, int]] = ()) -> None:
        self._sizes: dict[tuple[str, str], list[int]] = {}
        self._lock = threading.Lock()
        for crawl, subset, size in known:
            self.learn(crawl, subset, size)

    def learn(self, crawl: str, subset: str, footer_bytes: int) -> None:
        """Take note of a footer's size."""
        with self._lock:
            sizes = self._sizes.setdefault((crawl, subset), [])
            if len(sizes) < _REMEMBERED:
                insort(sizes, footer_bytes)

    def bytes_to_ask(self, crawl: str, subset: str) -> int:
        """Return the length of the suffix to ask for: with some room, what the footers of its sisters need.

        Before the first of its crawl came, it is what the neediest other crawl takes: they differ little.
        """
        with self._lock:
            sizes = self._sizes.get((crawl, subset))
            if sizes:
                return _need_of(sizes)
            others = [_need_of(sizes) for (_, of), sizes in self._sizes.items() if of == subset]
            return min(_FIRST_REQUEST_BYTES, max(others, default=_FIRST_REQUEST_BYTES))


def _need_of(sizes: list[int]) -> int:
    return int(sizes[int(_SHARE * (len(sizes) - 1))] * _MARGIN) + 2**10


class FooterFetcher:
    """Fetches footers; safe for threads.

    Args:
        transport: how to ask.
        base_url: where the paths lie.
        need: how much to ask for.
        max_footer_bytes: a footer that says it is longer is none.

    Attributes:
        second_requests: footers that needed a second request.
    """

    def __init__(self, transport: Transport, base_url: str, *, need: FooterNeed, max_footer_bytes: int) -> None:
        self._transport = transport
        self._base_url = base_url
        self._need = need
        self._max_footer_bytes = max_footer_bytes
        self._lock = threading.Lock()
        self.second_requests = 0

    def fetch(self, file: IndexedFile) -> FetchedFooter:
        """Return the footer of a file.

        Raises:
            FormatError: the end of the file is no footer.
            NotFoundError, AccessDeniedError, TransportError, AbortedError: as `Transport.read_tail`.
        """
        found = fetch_footer(
            self._transport,
            below(self._base_url, file.path),
            file.path,
            bytes_to_ask=self._need.bytes_to_ask(file.crawl, file.subset),
            max_footer_bytes=self._max_footer_bytes,
        )
        if found.requests > 1:
            with self._lock:
                self.second_requests += 1
        self._need.learn(file.crawl, file.subset, len(found.data))
        return found


class FetchedFooter(NamedTuple):
    """A footer as it came.

    Attributes:
        data: the footer, without the eight bytes behind it.
        file_bytes: size of the file.
        requests: how many it took, 1 or 2.
    """

    data: bytes
    file_bytes: int
    requests: int


def fetch_footer(
    transport: Transport,
    location: str,
    name: str,
    *,
    bytes_to_ask: int = _FIRST_REQUEST_BYTES,
    max_footer_bytes: int = MAX_FOOTER_BYTES,
) -> FetchedFooter:
    """Return the footer of a file: one request for its end, another if that was too short.

    Args:
        transport: how to ask.
        location: where the file is.
        name: what errors call it.
        bytes_to_ask: the length of the end to ask for first.
        max_footer_bytes: a footer that says it is longer is none.

    Raises:
        FormatError: the end of the file is no footer.
        NotFoundError, AccessDeniedError, TransportError, AbortedError: as `Transport.read_tail`.
    """
    tail = transport.read_tail(location, bytes_to_ask)
    length = check_tail(tail.data, name, max_footer_bytes)
    start = tail.size - TAIL_BYTES - length
    if start < 0:
        raise FormatError(
            f"{name} is no Parquet file: a footer of {length:,} bytes in a file of {tail.size:,}",
            hint="is the file whole?",
        )
    if start >= tail.start:
        return FetchedFooter(tail.data[start - tail.start : -TAIL_BYTES], tail.size, 1)
    # To the end, for what came before may be of another file by now: of two halves nobody could tell.
    whole = transport.read_range(location, start, tail.size)
    if whole[-TAIL_BYTES:] != tail.data[-TAIL_BYTES:]:
        raise FormatError(f"{name} changed between two requests", hint="is somebody writing it?")
    return FetchedFooter(whole[:-TAIL_BYTES], tail.size, 2)


def footer_row(file: IndexedFile, found: FetchedFooter) -> FooterRow:
    """Return a footer as the index holds it, distilled; one that cannot be decoded, too, with the reason."""
    try:
        distillate = distil(found.data, name=file.path)
    except FormatError as error:
        return FooterRow(file.path, file.crawl, file.subset, found.file_bytes, found.data, error=str(error))
    return FooterRow(
        file.path,
        file.crawl,
        file.subset,
        found.file_bytes,
        found.data,
        distillate.columns,
        distillate.num_rows,
        tuple(group_row(group) for group in distillate.rows),
    )


def group_row(group: RowGroupBounds) -> GroupRow:
    """Return a row group as the index holds it: with bounds as bytes that compare, or with none."""
    low, high, statistics = group.min, group.max, group.statistics
    if low is None or high is None:
        return GroupRow(group.num_rows, group.byte_size, "absent", None, None)
    if statistics == "signed":
        low, high = flipped(low), flipped(high)
    if low > high:  # nobody's order: not believed
        return GroupRow(group.num_rows, group.byte_size, "absent", None, None)
    return GroupRow(group.num_rows, group.byte_size, statistics, low, high)


def failure_kind(error: CctrawlError, *, damaged: str) -> str:
    """Return in a word why bytes of a file did not come: ``missing``, ``denied``, ``network``, or ``damaged``'s."""
    kinds = (
        (NotFoundError, "missing"),
        (AccessDeniedError, "denied"),
        ((FormatError, InvalidInputError), damaged),  # the latter: a folder in its place, an impossible key
    )
    return next((kind for of, kind in kinds if isinstance(error, of)), "network")
