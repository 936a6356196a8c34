"""Stretches of a WET or WAT file, and the whole records in them."""

from __future__ import annotations

import io
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.errors import FormatError
from cctrawl.warc import Record, read_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cctrawl.transport import Transport

_KEPT_WINDOWS = 2  # for the next captures of the file


class Stretch(NamedTuple):
    """Bytes ``[start, stop)`` of a file."""

    start: int
    stop: int


class Window(NamedTuple):
    """A stretch that was read.

    Attributes:
        stretch: which.
        data: its bytes.
        records: the whole records in it, in order, with their offsets in the file.
    """

    stretch: Stretch
    data: bytes
    records: Sequence[Record]

    def stored(self, stretch: Stretch) -> bytes:
        """Return the bytes of a stretch within this one."""
        return self.data[stretch.start - self.stretch.start : stretch.stop - self.stretch.start]


class Windows:
    """Reads a file by windows and keeps the last ones; for one thread at a time.

    Args:
        location: the file.
        transport: asks for the bytes.

    Attributes:
        requests: how often it has asked.
    """

    def __init__(self, location: str, transport: Transport) -> None:
        self.location = location
        self.requests = 0
        self._transport = transport
        self._name = location.rpartition("/")[2]
        self._kept: OrderedDict[Stretch, Window] = OrderedDict()

    def size(self, location: str | None = None) -> int:
        """Return the size of the file, or of another one."""
        self.requests += 1
        return self._transport.size(location or self.location)

    def tail(self, length: int) -> Window:
        """Return the window at the end of the file; its ``stretch.stop`` is the file's size."""
        self.requests += 1
        tail = self._transport.read_tail(self.location, length)
        return self._keep(Stretch(tail.start, tail.size), tail.data)

    def read(self, stretch: Stretch) -> Window:
        """Return a window, asked for unless it lies in one that is still here."""
        for window in self._kept.values():
            if window.stretch.start <= stretch.start and stretch.stop <= window.stretch.stop:
                self._kept.move_to_end(window.stretch)
                within = [
                    record
                    for record in window.records
                    if stretch.start <= record.offset and stop_of(record) <= stretch.stop
                ]
                return Window(stretch, window.stored(stretch), within)
        self.requests += 1
        return self._keep(stretch, self._transport.read_range(self.location, *stretch))

    def damage(self, start: int, stop: int, what: str) -> FormatError:
        """Return the error that nothing sound is found between two bytes of the file; ``what``: what is missed."""
        return FormatError(
            f"{self.location} is damaged between byte {start:,} and {stop:,}, {what}",
            offset=start,
            hint="--kind warc gets the page itself",
        )

    def _keep(self, stretch: Stretch, data: bytes) -> Window:
        window = Window(stretch, data, whole_records(data, stretch.start, self._name))
        self._kept[stretch] = window
        while len(self._kept) > _KEPT_WINDOWS:
            self._kept.popitem(last=False)
        return window


def stop_of(record: Record) -> int:
    """Return the offset behind a whole record."""
    return record.offset + (record.length or 0)


def whole_records(data: bytes, start: int, name: str) -> list[Record]:
    """Return the records that stand whole in a stretch of a file, one for each sound gzip member.

    The reader finds the first member, and the next one behind damage, by inflating whatever looks like one.

    Args:
        data: the bytes.
        start: where they begin in the file; offsets of records are counted from its begin.
        name: the file's name.
    """
    records: list[Record] = []
    with suppress(FormatError), read_records(io.BytesIO(data), on_damage="skip") as reader:  # no member at all
        for record in reader:
            if record.length is not None:
                record.own()
                record.offset += start
                record.filename = name
                records.append(record)
    return records
