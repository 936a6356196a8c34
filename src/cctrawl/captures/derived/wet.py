"""WET records: each has its page's URL and time, and a look-up in the index tells where that is in the WARC."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cctrawl.captures.derived.chart import Chart, Place
from cctrawl.captures.derived.wanted import date_of
from cctrawl.captures.derived.windows import Stretch, Windows, stop_of
from cctrawl.errors import FormatError, NotFoundError
from cctrawl.surt import surt_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cctrawl.captures.derived.wanted import Wanted
    from cctrawl.captures.derived.windows import Window
    from cctrawl.warc import Record

_WINDOW_BYTES = 128 * 2**10  # about 40 records
_MOST_WINDOW_BYTES = 64 * 2**20
_MOST_TURNS = 24  # five are usual; a file that takes so many has another order
_MOST_LOOKED_UP = 4  # records in a row that the index does not know

# Where in a WARC file the record of a page of this URL and time begins; None if the index does not know.
FindOffset = Callable[[str, str, str], int | None]


class WetFile:
    """A WET file in which records are looked for, with what was learned of it; for one thread at a time.

    Args:
        windows: reads it.
        warc_location: its WARC file, whose size leads to the first guess.
        find_offset: looks up URL and time, as WARC has them, in the index of a WARC file.
        window_bytes: how much to read at a time.

    Attributes:
        look_ups: how often the index was asked.
    """

    def __init__(
        self, windows: Windows, warc_location: str, find_offset: FindOffset, window_bytes: int = _WINDOW_BYTES
    ) -> None:
        self.windows = windows
        self.look_ups = 0
        self._warc_location = warc_location
        self._find_offset = find_offset
        self._width = window_bytes
        self._opened: Chart | None = None
        self._seen: dict[tuple[str, str], Stretch] = {}

    def find(self, wanted: Wanted) -> Stretch:
        """Return where the text of a capture's page stands.

        Raises:
            NotFoundError: the page has no text, or there is no such file.
            FormatError: the file is damaged there, or the index knows none of its pages.
        """
        chart = self._chart()
        width = self._width
        for turn in range(_MOST_TURNS):
            place = self._known(chart, wanted)
            if place is not None:
                return Stretch(place.start, place.stop)
            low, high = chart.around(wanted.offset)
            if low.stop == high.start:
                raise self._no_text(wanted, low, high)
            window = self.windows.read(chart.guess(wanted.offset, width, turn))
            is_all = window.stretch == (low.stop, high.start)
            records = self._texts(window, wanted, is_all=is_all)
            if (wanted.url, wanted.date) in self._seen:
                continue
            if is_all and follow(window):
                raise self._no_text(wanted, low, high)
            if is_all or (not records and width >= _MOST_WINDOW_BYTES):
                break
            if records:
                self._learn(chart, records, wanted)
            else:
                width *= 4
        low, high = chart.around(wanted.offset)
        raise self.windows.damage(low.stop, high.start, f"where the text of {wanted} would stand")

    def _chart(self) -> Chart:
        """Return what is known; at first the sizes of both files."""
        if self._opened is None:
            size = self.windows.size()
            self._opened = Chart(Place(self.windows.size(self._warc_location), size, size))
        return self._opened

    def _known(self, chart: Chart, wanted: Wanted) -> Place | None:
        """Return the place of a capture's text, if it was seen, or a look-up has led to it."""
        found = self._seen.get((wanted.url, wanted.date))
        if found is not None:
            chart.add(Place(wanted.offset, *found))
        return chart.at(wanted.offset)

    def _texts(self, window: Window, wanted: Wanted, *, is_all: bool) -> list[Record]:
        """Return the pages' texts in a window, and remember where they are.

        ``is_all``: it is all that lies between the places known to be before and behind the one wanted, so that a
        text of the same key and time is that one, though its URL is written in another way.
        """
        texts = [record for record in window.records if record.type == "conversion"]
        key = surt_key(wanted.url)
        for record in texts:
            stretch, date = Stretch(record.offset, stop_of(record)), date_of(record.date)
            self._seen[record.url, date] = stretch
            if is_all and date == wanted.date and surt_key(record.url) == key:
                self._seen.setdefault((wanted.url, date), stretch)
        return texts

    def _learn(self, chart: Chart, records: Sequence[Record], wanted: Wanted) -> None:
        """Look up the first and, if that lies before, the last of some records; the one wanted is none of them."""
        if self._look_up(chart, records, wanted) < wanted.offset:
            self._look_up(chart, records[::-1], wanted)

    def _look_up(self, chart: Chart, records: Sequence[Record], wanted: Wanted) -> int:
        """Enter the first of some records that the index knows; return where it is in the WARC file."""
        for record in records[:_MOST_LOOKED_UP]:
            self.look_ups += 1
            offset = self._find_offset(record.url, date_of(record.date), wanted.warc_filename)
            if offset is not None:
                chart.add(Place(offset, record.offset, stop_of(record)))
                return offset
        raise FormatError(
            f"the index does not know the pages around byte {records[0].offset:,} of {self.windows.location}",
            offset=records[0].offset,
            hint="is it the WET file of a crawl that has an index?",
        )

    def _no_text(self, wanted: Wanted, low: Place, high: Place) -> NotFoundError:
        before = f"byte {low.start:,}" if low.stop else "its begin"
        behind = f"byte {high.start:,}" if high.stop > high.start else "its end"
        return NotFoundError(
            f"{wanted} has no text: {self.windows.location} has no record of it between those at {before} and"
            f" {behind}, where it would stand",
            hint="pages without text have none; --kind wat gets what was read from the page, --kind warc itself",
        )


def follow(window: Window) -> bool:
    """Tell whether the records of a window follow each other from its first byte to its last: none is lost."""
    at = window.stretch.start
    for record in window.records:
        if record.offset != at:
            return False
        at = stop_of(record)
    return at == window.stretch.stop
