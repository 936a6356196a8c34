"""ARC files, as Common Crawl's crawls of 2008 to 2012 have them: answers only, each a gzip member."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.testing.archive import FakePage, Place, fake_page
from cctrawl.testing.writer import Member, WarcWriter, http_message

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from cctrawl.testing.answer import Answer


class ArcCrawl(NamedTuple):
    """A crawl of the time before WARC.

    Attributes:
        name: as ``collinfo.json`` has it.
        start: its first capture.
        end: its last one.
        folder: what the listed paths of its files begin with; they do not lie below ``crawl-data/``.
    """

    name: str
    start: datetime
    end: datetime
    folder: str


ARC_CRAWLS = {
    "CC-MAIN-2008-2009": ArcCrawl(
        "2008 - 2009 ARC Files Index",
        datetime(2008, 5, 9, 5, 37, 12, tzinfo=timezone.utc),
        datetime(2009, 1, 9, 20, 58, 29, tzinfo=timezone.utc),
        "crawl-001/",
    ),
    "CC-MAIN-2009-2010": ArcCrawl(
        "2009 - 2010 ARC Files Index",
        datetime(2009, 7, 2, 15, 25, 48, tzinfo=timezone.utc),
        datetime(2010, 9, 10, 21, 44, 53, tzinfo=timezone.utc),
        "crawl-002/",
    ),
    "CC-MAIN-2012": ArcCrawl(
        "2012 ARC Files Index",
        datetime(2012, 1, 27, 17, 41, 51, tzinfo=timezone.utc),
        datetime(2012, 6, 5, 6, 28, 50, tzinfo=timezone.utc),
        "parse-output/",
    ),
}


def arc_path(crawl: str, start: datetime, number: int) -> str:
    """Return the listed path of a file, such as ``crawl-002/2010/01/06/10/1262847572760_10.arc.gz``."""
    stamp = int(start.timestamp()) * 1000 + 760
    folder = f"segment/{stamp - 86_400_000}" if crawl == "CC-MAIN-2012" else f"{start:%Y/%m/%d}/{number}"
    return f"{ARC_CRAWLS[crawl].folder}{folder}/{stamp}_{number}.arc.gz"


class ArcWriter:
    """Writes the records of one ARC file.

    Args:
        place: where the file goes.
        rng: the source of addresses and times.
    """

    def __init__(self, place: Place, rng: random.Random) -> None:
        self._place = place
        self._rng = rng
        self._file = WarcWriter(place.create(place.path))
        about = b"1 0 CommonCrawl\nURL IP-address Archive-date Content-type Archive-length\n"
        self._write(f"filedesc://{place.name}", "0.0.0.0", place.start, "text/plain", about)  # noqa: S104 - no address

    def write_answers(self, answers: Sequence[Answer]) -> list[FakePage]:
        """Write what was fetched, in order of time, and return the pages with their places."""
        pages = []
        for number, answer in enumerate(answers, start=1):
            time = self._place.start + number * timedelta(seconds=self._rng.randrange(1, 4))
            headers = [(name, value) for name, value in answer.headers if not name.startswith("X-Crawler-")]
            headers.append(("x_commoncrawl_FetchTimestamp", str(int(time.timestamp()) * 1000)))
            block = http_message(answer.status, headers, answer.payload)
            address = f"198.51.100.{self._rng.randrange(1, 255)}"
            member = self._write(answer.url, address, time, answer.mime, block)
            # nobody looked at the text then: charset, languages and truncation are told by crawls of WARC alone
            page = fake_page(answer, time, self._place, member)
            pages.append(replace(page, charset="", languages=(), truncated=""))
        return pages

    def _write(self, url: str, address: str, time: datetime, mime: str, block: bytes) -> Member:
        line = f"{url} {address} {time:%Y%m%d%H%M%S} {mime} {len(block)}\n".encode()
        return self._file.write_bytes(line + block + b"\n", header_length=len(line))

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
