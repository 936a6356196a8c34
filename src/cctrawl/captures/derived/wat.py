"""WAT records: each tells in its JSON at which byte of the WARC file the record stands that it is about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cctrawl.captures.derived.chart import Chart, Place
from cctrawl.captures.derived.windows import Stretch, Windows, stop_of
from cctrawl.errors import FormatError, NotFoundError

if TYPE_CHECKING:
    from cctrawl.captures.derived.wanted import Wanted
    from cctrawl.captures.derived.windows import Window
    from cctrawl.warc import Record

_WINDOW_BYTES = 256 * 2**10  # about 100 records
_MOST_WINDOW_BYTES = 64 * 2**20
_MOST_TURNS = 24  # five are usual; a file that takes so many has another order


class WatFile:
    """A WAT file in which records are looked for, with what was learned of it; for one thread at a time.

    Args:
        windows: reads it.
        window_bytes: how much to read at a time.
    """

    def __init__(self, windows: Windows, window_bytes: int = _WINDOW_BYTES) -> None:
        self.windows = windows
        self._width = window_bytes
        self._opened: Chart | None = None

    def find(self, wanted: Wanted) -> Stretch:
        """Return where the record about a capture's record stands.

        Raises:
            NotFoundError: there is no WAT record about it, nor such a file.
            FormatError: it is damaged there, or about something else.
        """
        chart = self._chart()
        width = self._width
        for turn in range(_MOST_TURNS):
            place = chart.at(wanted.offset)
            if place is not None:
                return Stretch(place.start, place.stop)
            low, high = chart.around(wanted.offset)
            if low.stop == high.start:
                raise NotFoundError(
                    f"{self.windows.location} has no record about {wanted}",
                    hint="are file and offset those of the index?",
                )
            window = self.windows.read(chart.guess(wanted.offset, width, turn))
            if not self._learn(chart, window):
                if window.stretch == (low.stop, high.start) or width >= _MOST_WINDOW_BYTES:
                    break
                width *= 4
        low, high = chart.around(wanted.offset)
        raise self.windows.damage(low.stop, high.start, f"where the record of {wanted} stands")

    def _chart(self) -> Chart:
        """Return what is known; at first the last records of the file, which tell the size of both files."""
        width = self._width
        while self._opened is None:
            window = self.windows.tail(width)
            places = places_in(window)
            if places:
                size = window.stretch.stop
                self._opened = Chart(Place(1 << 62, size, size))
                self._learn(self._opened, window)
            elif window.stretch.start == 0 or width >= _MOST_WINDOW_BYTES:
                raise FormatError(
                    f"{self.windows.location} ends without a WAT record", hint="is it a WAT file, and whole?"
                )
            width *= 4
        return self._opened

    def _learn(self, chart: Chart, window: Window) -> bool:
        """Enter what a window tells; tell whether that was anything new."""
        places = places_in(window)
        for place in places:
            chart.add(place)
        return bool(places)


def places_in(window: Window) -> list[Place]:
    """Return the places that the records of a window tell."""
    places = []
    for record in window.records:
        offset = warc_offset_of(record)
        if offset is not None:
            places.append(Place(offset, record.offset, stop_of(record)))
    return places


def warc_offset_of(record: Record) -> int | None:
    """Return the offset in the WARC file of the record that a WAT record is about; -1 for the head of the file."""
    if record.type == "warcinfo":
        return -1
    container = about(record).get("Container")
    told = container.get("Offset") if isinstance(container, dict) else None
    return int(told) if isinstance(told, (str, int)) and str(told).isdecimal() else None


def about(record: Record) -> dict[str, object]:
    """Return the JSON of a WAT record; empty if it is none."""
    try:
        document = json.loads(record.block)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def check_wat(record: Record, wanted: Wanted) -> None:
    """See that a WAT record is about a capture's page.

    Raises:
        FormatError: it is about another one.
    """
    envelope = about(record).get("Envelope")
    header = envelope.get("WARC-Header-Metadata") if isinstance(envelope, dict) else None
    told = header if isinstance(header, dict) else {}
    url, date = str(told.get("WARC-Target-URI") or record.url), str(told.get("WARC-Date") or "")
    if (wanted.url and url != wanted.url) or (wanted.date and date and date[:19] != wanted.date[:19]):
        raise FormatError(
            f"the WAT record about byte {wanted.offset:,} of {wanted.warc_filename} is about {url} of {date}",
            offset=record.offset,
            hint="are file, offset, URL and time those of one capture?",
        )
