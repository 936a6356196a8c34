"""Which WordPress theme does a page use? The job that cctrawl began with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from cctrawl.runs.jobs.job import job, responses
from cctrawl.runs.jobs.tally import tally

if TYPE_CHECKING:
    from cctrawl.warc import Record

_FOLDER = b"wp-content/themes/"
_THEME = re.compile(rb"([^/\s\"'<>\\]+)/")  # up to the next slash, without what ends a path in HTML


@job("domain", "theme", want=responses)
def themes(records: Iterator[Record]) -> Iterator[tuple[str, str]]:
    """One row per page and WordPress theme it names: domain, theme."""
    for record in records:
        at = record.find(_FOLDER)
        if at >= 0:
            for theme in dict.fromkeys(_themes_in(record, at)):
                name = _decoded(theme)
                if name is not None:
                    yield _domain(record.url), name


def _themes_in(record: Record, at: int) -> Iterator[bytes]:
    """Yield what follows each mention of the folder, from the one at ``at`` on: a folder within a folder, too."""
    page = record.payload_view
    while at >= 0:
        at += len(_FOLDER)
        theme = _THEME.match(page, at)
        if theme is not None:
            yield theme[1]
        at = record.find(_FOLDER, at)


def _decoded(theme: bytes) -> str | None:
    try:
        return theme.decode()
    except UnicodeDecodeError:
        tally("themes that are not UTF-8")
        return None


def _domain(url: str) -> str:
    try:
        return urlparse(url).netloc
    except ValueError:  # a bracket that opens no IPv6 address
        return ""
