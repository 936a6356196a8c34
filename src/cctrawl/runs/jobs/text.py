"""The text of each page, as WET files have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cctrawl.runs.jobs.job import job

if TYPE_CHECKING:
    from cctrawl.warc import Record, RecordHead

# ISO 639-3 codes, at most three, the main language first; absent where none was identified: before 2018-39 always.
LANGUAGE_FIELD = "WARC-Identified-Content-Language"


def _conversions(head: RecordHead) -> bool:
    return head.type == "conversion"


@job("url", "language", "text", want=_conversions, kind="wet")
def text(records: Iterator[Record]) -> Iterator[tuple[str, str, str]]:
    """One row per page: its URL, languages (``isl,eng``, the main one first; empty if unknown) and text."""
    for record in records:
        yield record.url, record.field(LANGUAGE_FIELD), record.text
