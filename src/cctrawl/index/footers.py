"""Footers for queries: those that are held come from the store, those of imported files are fetched, then held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.errors import FormatError
from cctrawl.index.fetcher import IndexedFile, fetch_footer, footer_row
from cctrawl.store import held_footers, put_footers
from cctrawl.transport import below

if TYPE_CHECKING:
    from cctrawl.store import SharedIndex
    from cctrawl.transport import Transport


class HeldFooters:
    """Hands out footers; safe for threads.

    Args:
        index: where they are held.
        base_url: where the files lie.
        transport: fetches what is not held.
    """

    def __init__(self, index: SharedIndex, base_url: str, transport: Transport) -> None:
        self._index = index
        self._base_url = base_url
        self._transport = transport

    def footer(self, path: str, crawl: str, subset: str) -> bytes:
        """Return the footer of a file, without the eight bytes behind it.

        One that is not held is fetched (one request as a rule) and kept.

        Args:
            path: the listed path.
            crawl: its crawl.
            subset: its subset.

        Raises:
            FormatError: the end of the file is no footer, or what is held is damaged.
            NotFoundError, AccessDeniedError, TransportError, AbortedError: it cannot be fetched.
            CctrawlError: the index cannot be read, or written.
        """
        with self._index.use() as index:
            for held in held_footers(index, path=path):
                return held.data
        found = fetch_footer(self._transport, below(self._base_url, path), path)
        row = footer_row(IndexedFile(path, crawl, subset), found)
        with self._index.use() as index:
            put_footers(index, [row])
        if row.error is not None:
            raise FormatError(row.error, hint="the file cannot be searched")
        return found.data
