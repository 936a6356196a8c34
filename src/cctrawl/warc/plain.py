"""Sources that are not compressed.

Records that are written as usual, one behind the other, are handed out without a copy: they refer to the stretch
of the source that is in memory. Whatever is not usual is left to ``framing``, until a sound record has been read.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stringzilla import find

from cctrawl.warc.framing import FULL_GAP, VERSION, Frame, Framer, Junk, head_flaw
from cctrawl.warc.heads import MAX_HEAD_BYTES, RecordHead, content_length
from cctrawl.warc.members import USUAL_VERSIONS, frame_record, is_wanted
from cctrawl.warc.records import Record

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from cctrawl.warc.damage import Losses
    from cctrawl.warc.members import Want
    from cctrawl.warc.window import Window

_BLANK_LINE = b"\r\n\r\n"
_NEXT = _BLANK_LINE + b"WARC/1."
_PIECE_BYTES = 1 << 16
_SEEN_BYTES = len(b"WARC/1.")  # of the next record, before this one is believed


def _references_of_dropped() -> int:
    """Return how many references a record has that nobody keeps but a local variable, as this Python counts."""
    lent = object()
    return sys.getrefcount(lent)


_DROPPED = _references_of_dropped()


class Plain:
    """Records of a source that is not compressed.

    Args:
        window: the source.
        want: asked with each record's head; None takes all.
        filename: for the records.
        framing: cuts out what is not written as usual.
        max_record_bytes: a longer record is damage.
        losses: hears of damage.

    Attributes:
        recognized: whether anything so far looked like WARC.
    """

    def __init__(  # noqa: PLR0917 - made by the reader alone
        self,
        window: Window,
        want: Want | None,
        filename: str,
        framing: type[Framer],
        max_record_bytes: int,
        losses: Losses,
    ) -> None:
        self._window = window
        self._want = want
        self._filename = filename
        self._framing = framing
        self._max_record_bytes = max_record_bytes
        self._losses = losses
        self.recognized = False

    def records(self) -> Iterator[Record]:
        """Yield the records to the source's end."""
        window = self._window
        offset = yield from self._usual(0)
        self.recognized = offset > 0
        while not (window.ended and offset == window.stop):
            stop = yield from self._framed(offset)
            offset = yield from self._usual(stop)
            self.recognized = self.recognized or offset > stop

    def _usual(self, offset: int) -> Generator[Record, None, int]:
        """Yield the records from ``offset`` on, for as long as they are written as usual.

        Returns:
            The offset of the first that is not; the source's end if all were.
        """
        window, want, filename = self._window, self._want, self._filename
        lent: Record | None = None
        buf, base = window.buf, window.base
        while True:
            start, view = offset - base, memoryview(buf)
            while (span := _usual_span(buf, start, self._max_record_bytes)) is not None:
                head_stop, stop = span
                end = stop + len(_BLANK_LINE)
                missing_bytes = end + _SEEN_BYTES - len(buf)
                if missing_bytes > 0 and not (window.ended and end == len(buf)):
                    break
                if not buf.startswith(_NEXT if end < len(buf) else _BLANK_LINE, stop):
                    return _left(offset, lent)
                if want is None or want(RecordHead(buf[start:head_stop], head_stop - start, offset, filename)):
                    block_start = head_stop + len(_BLANK_LINE)
                    yield (
                        record := Record(
                            view[start:stop],
                            head_stop - start,
                            block_start - start,
                            stop - start,
                            offset,
                            end - start,
                            filename,
                        )
                    )
                    # The caller has dropped the record before this one by now, or means to keep it.
                    if lent is not None and sys.getrefcount(lent) > _DROPPED:
                        lent.own()
                    lent = record
                start = end
                offset = base + end
            if base != window.base and offset >= window.base:
                buf, base = window.buf, window.base  # the bridge was crossed
            elif window.ended or (span is None and len(buf) - start > MAX_HEAD_BYTES):
                return _left(offset, lent)
            elif span is not None:
                buf, base = window.bridge(offset, missing_bytes), offset
            else:
                window.reach_back(offset)
                window.extend(offset)
                buf, base = window.buf, window.base

    def _framed(self, offset: int) -> Generator[Record, None, int]:
        """Yield records from ``offset`` on, whatever is there, until one was sound and the next looks usual.

        Returns:
            The offset behind the last record; the source's end if it was reached.
        """
        window, losses = self._window, self._losses
        framer = self._framing(self._max_record_bytes)
        for fed in self._pieces(offset):
            for event in framer.feed(fed):
                yield from self._released(event, offset)
                self.recognized = self.recognized or framer.recognized
                if isinstance(event, Frame) and event.gap == FULL_GAP:
                    stop = offset + event.position + event.length
                    at = stop - window.base
                    if at >= 0 and _usual_span(window.buf, at, self._max_record_bytes) is not None:
                        return stop
        for event in framer.finish():
            yield from self._released(event, offset)
        self.recognized = self.recognized or framer.recognized
        losses.close(window.stop)
        return window.stop

    def _pieces(self, offset: int) -> Iterator[bytes]:
        """Yield the source from ``offset`` on: little at a time, as usual records may soon go on."""
        window = self._window
        window.reach_back(offset)
        at = offset - window.base
        while True:
            for start in range(at, len(window.buf), _PIECE_BYTES):
                yield window.buf[start : start + _PIECE_BYTES]
            if not window.extend(window.stop):
                return
            at = 0

    def _released(self, event: Frame | Junk, base: int) -> Iterator[Record]:
        offset = base + event.position
        if isinstance(event, Junk):
            self._losses.open(event.reason, offset, offset)
            return
        self._losses.close(offset)
        if event.gap < FULL_GAP:
            self._losses.report("a record whose Content-Length or final blank line is off", offset)
        record = frame_record(event, offset, event.length, self._filename)
        if is_wanted(record, self._want):
            yield record


def _left(offset: int, lent: Record | None) -> int:
    """Return ``offset``, with the record handed out last made independent of the source: others may keep it."""
    if lent is not None:
        lent.own()
    return offset


def _usual_span(buf: bytes, start: int, max_record_bytes: int) -> tuple[int, int] | None:
    """Return where the head of the record at ``start`` ends, and its block; None if it is not written as usual."""
    if not buf.startswith(USUAL_VERSIONS, start):
        return None
    head_stop: int = find(buf, _BLANK_LINE, start, start + MAX_HEAD_BYTES)
    if head_stop < 0:
        return None
    length = content_length(buf, start, head_stop)
    if length is None or length > max_record_bytes or not _is_usual_head(buf[start:head_stop].lower()):
        return None
    return head_stop, head_stop + len(_BLANK_LINE) + length


def _is_usual_head(lowered: bytes) -> bool:
    """Whether a head is of one record for certain, with usual line ends."""
    return (
        head_flaw(lowered) is None
        and find(lowered, VERSION.lower(), len(VERSION)) < 0
        and find(lowered, b"\n\n") < 0
        and find(lowered, b"\n\r\n") < 0
    )
