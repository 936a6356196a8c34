"""Where a page of a WET record is in the WARC file, by the CDXJ index of its crawl: one block, as a rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cctrawl.captures.cdxj import CdxRoute
from cctrawl.captures.derived.wanted import wanted
from cctrawl.captures.lists import PLACE_COLUMNS
from cctrawl.captures.query import Query
from cctrawl.errors import TransportError
from cctrawl.surt import KeyRange, surt_key

if TYPE_CHECKING:
    from cctrawl.captures.routes import FailedPart
    from cctrawl.settings import Settings
    from cctrawl.transport import Transport

_CRAWL = re.compile(r"crawl-data/([^/]+)/")
_COLUMNS = ("url", "fetch_time", *PLACE_COLUMNS)


class IndexLookup:
    """Finds offsets of pages in WARC files; safe for threads. What it reads of ``cluster.idx`` is kept.

    Args:
        settings: the settings in force.
        transport: asks for the bytes.
    """

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self._failures: list[FailedPart] = []
        self._route = CdxRoute(settings, transport, on_failure=self._failures.append)

    def __call__(self, url: str, date: str, warc_filename: str) -> int | None:
        """Return where the record of a page begins in a WARC file; ``None`` if the index does not know.

        Raises:
            NotFoundError: the crawl has no CDXJ index.
            TransportError, AbortedError: the index did not come.
        """
        crawl = _CRAWL.search(warc_filename)
        if crawl is None:
            return None
        key = surt_key(url)
        query = Query((KeyRange(key, key + "\0"),), None, _COLUMNS)
        for table in self._route.read(crawl[1], query):
            for row in table.to_pylist():
                found = wanted(row)
                if (found.url, found.date) == (url, date) and warc_filename.endswith(found.warc_filename):
                    return found.offset
        if self._failures:
            failed = self._failures.pop()
            raise TransportError(f"{failed.path}, {failed.part}: {failed.reason}", hint="try again")
        return None
