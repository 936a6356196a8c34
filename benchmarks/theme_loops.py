"""The themes job as users write it with other tools; each loop prints its rows as CSV.

    python benchmarks/theme_loops.py seed|warcio|fastwarc URL

`seed` is the loop that cctrawl began with: gzip over urllib, line by line. The others are the best recipes we know
for these libraries: fastwarc with its own parsing of HTTP switched on only where needed and records filtered by
type, warcio with requests' raw stream.
"""

from __future__ import annotations

import csv
import gzip
import re
import sys
import urllib.request
from collections.abc import Iterator
from typing import IO, cast
from urllib.parse import urlparse

THEME = re.compile(rb"wp-content/themes/(?=([^/\s\"'<>\\]+)/)")
Row = tuple[str, str]


def themes_of(page: bytes) -> list[str]:
    """Return the distinct themes of a page."""
    return [theme.decode() for theme in dict.fromkeys(THEME.findall(page))]


def seed(url: str) -> Iterator[Row]:
    """Read lines: the address of the record, then any line that names a theme."""
    domain = ""
    response = False
    with urllib.request.urlopen(url) as body, gzip.open(body) as lines:
        for line in lines:
            if line.startswith(b"WARC-Type:"):
                response = b"response" in line
            elif line.startswith(b"WARC-Target-URI:"):
                domain = urlparse(line[16:].strip().decode()).netloc
            elif response:
                match = THEME.search(line)
                if match:
                    yield domain, match[1].decode()


def warcio(url: str) -> Iterator[Row]:
    """Iterate with warcio over requests' raw stream."""
    import requests
    from warcio.archiveiterator import ArchiveIterator

    with requests.get(url, stream=True, timeout=60) as answer:
        for record in ArchiveIterator(answer.raw):
            if record.rec_type == "response":
                for theme in themes_of(record.content_stream().read()):
                    yield urlparse(record.rec_headers.get_header("WARC-Target-URI")).netloc, theme


class Forward:
    """A response as fastwarc 2 needs it: it asks for `tell`, and would use a `seek` that only raises."""

    def __init__(self, body: IO[bytes]) -> None:
        self._body = body
        self._position = 0

    def read(self, length: int = -1) -> bytes:
        """Read on."""
        data = self._body.read(length)
        self._position += len(data)
        return data

    def tell(self) -> int:
        """Return how much was read."""
        return self._position


def fastwarc(url: str) -> Iterator[Row]:
    """Iterate with fastwarc over urllib's response, responses only."""
    from fastwarc import ArchiveIterator, WarcRecordType

    with urllib.request.urlopen(url) as body:
        for record in ArchiveIterator(
            cast("IO[bytes]", Forward(body)), record_types=WarcRecordType.response, parse_http=False
        ):
            page = record.reader.read()
            if b"wp-content/themes/" in page:
                page = page[page.find(b"\r\n\r\n") + 4 :]
                for theme in themes_of(page):
                    yield urlparse(record.headers["WARC-Target-URI"]).netloc, theme


if __name__ == "__main__":
    loop = {"seed": seed, "warcio": warcio, "fastwarc": fastwarc}[sys.argv[1]]
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(("domain", "theme"))
    rows.writerows(loop(sys.argv[2]))
