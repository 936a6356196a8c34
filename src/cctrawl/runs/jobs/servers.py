"""Which server software answers? The smallest job that counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cctrawl.runs.jobs.job import job, responses

if TYPE_CHECKING:
    from cctrawl.warc import Record


@job("server", "count", want=responses, sums=("count",))
def servers(records: Iterator[Record]) -> Iterator[tuple[str, int]]:
    """One row per file and server software: its ``Server`` header and the number of pages, most first."""
    counts = Counter(record.http_headers.get("server", "").strip() for record in records)
    yield from sorted(counts.items(), key=lambda item: (-item[1], item[0]))
