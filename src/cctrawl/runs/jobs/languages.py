"""Which languages does a host write in? From WET files, or from the metadata records of WARC files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cctrawl.runs.jobs.job import job
from cctrawl.runs.jobs.tally import tally
from cctrawl.runs.jobs.text import LANGUAGE_FIELD
from cctrawl.surt import host_of

if TYPE_CHECKING:
    from cctrawl.warc import Record, RecordHead

_DETECTED = b"languages-cld2:"


def _about_languages(head: RecordHead) -> bool:
    return head.type in ("conversion", "metadata")


@job("host", "language", "count", want=_about_languages, kind="wet", sums=("count",))
def languages(records: Iterator[Record]) -> Iterator[tuple[str, str, int]]:
    """One row per file, host and main language (ISO 639-3, empty if unknown): the number of pages."""
    counts = Counter((host_of(record.url), _main_language(record)) for record in records)
    for (host, language), count in sorted(counts.items()):
        yield host, language, count


def _main_language(record: Record) -> str:
    if record.type == "conversion":
        return record.field(LANGUAGE_FIELD).partition(",")[0].strip()
    return _detected(record.payload)


def _detected(lines: bytes) -> str:
    """Return the first language of a line ``languages-cld2: {"languages": [{"code-iso-639-3": "isl", …}, …]}``."""
    _, _, after = lines.partition(_DETECTED)
    found = after.partition(b"\n")[0].strip()
    if not found:
        return ""
    try:
        listed = json.loads(found)["languages"]
        return str(listed[0]["code-iso-639-3"]) if listed else ""
    except (ValueError, LookupError, TypeError, RecursionError):
        tally("metadata records whose languages cannot be read")
        return ""
