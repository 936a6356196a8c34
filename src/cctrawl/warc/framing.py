"""Where records begin and end in a stream of inflated (or plain) bytes. Pure: bytes in, frames and junk out.

The length a record declares is believed only if its end is where a record's end can be: before a blank line, or
right before the next record. Otherwise the record is junk, and the next one is looked for *inside* it, so that a
wrong Content-Length costs one record and not its neighbours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from stringzilla import count, find_first_of

from cctrawl.warc.heads import MAX_HEAD_BYTES, content_length, find_blank_line

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = b"WARC/"
FULL_GAP = 4

VERSION_LINE = re.compile(rb"WARC/\d\.\d{1,2}[ \t]*\r?\n")
_HEAD_START = re.compile(VERSION_LINE.pattern + rb"(?=[^\r\n])")  # a head without fields is no record's
_LONGEST_VERSION_LINE = 32
_SINGLE_FIELDS = (b"\ncontent-length:", b"\nwarc-type:", b"\nwarc-record-id:", b"\nwarc-date:")
_CONTROL = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r")
_LINE_ENDS = re.compile(rb"[\r\n]*")


class Frame(NamedTuple):
    """One whole record.

    Attributes:
        raw: the record from its version line to the end of its block.
        head_stop: where the head ends in ``raw`` (its last line end excluded).
        block_start: where the block begins in ``raw``; it ends with it.
        position: where the record begins in the stream.
        length: bytes in the stream, the blank line behind the block included.
        gap: ``FULL_GAP``, or how many line-end bytes stand behind the block where a blank line should.
    """

    raw: bytes
    head_stop: int
    block_start: int
    position: int
    length: int
    gap: int


class Junk(NamedTuple):
    """The stream is no sound record from ``position`` to the next frame."""

    reason: str
    position: int


class NeedMoreError(Exception):
    """The buffer ends before the record does."""

    def __init__(self, missing_bytes: int = 1) -> None:
        self.missing_bytes = missing_bytes


class NotARecordError(Exception):
    """What stands here is no sound record; the next one is looked for from ``resume`` on, in the buffer."""

    def __init__(self, reason: str, resume: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.resume = resume  # where in the buffer the next record is looked for


class Framer:
    """Cuts a stream of bytes into records; holds at most one record and what was fed last.

    Args:
        max_record_bytes: a record that declares a longer block is junk.
    """

    def __init__(self, max_record_bytes: int) -> None:
        self.max_record_bytes = max_record_bytes
        self._buf = b""
        self._at = 0  # in _buf: where the next record begins, or is looked for
        self._base = 0  # position of _buf[0] in the stream
        self._fed: list[bytes] = []
        self._fed_bytes = 0
        self._missing_bytes = 0
        self._searching = False
        self._headless_stop = 0  # position up to which no blank line was found from the last version line on
        self.recognized = False  # whether anything so far looked like WARC

    @staticmethod
    def begins(start: bytes) -> bool | None:
        """Whether a record begins with ``start``; None if that takes more bytes to tell."""
        if len(start) < len(VERSION) and VERSION.startswith(start):
            return None
        return start.startswith(VERSION)

    @property
    def position(self) -> int:
        """Where in the stream the next record begins, or is looked for."""
        return self._base + self._at

    @property
    def is_clean(self) -> bool:
        """Whether nothing but line ends is held: the stream stands between two records."""
        return not (self._searching or self._fed) and not self._buf[self._at :].strip(b"\r\n")

    def feed(self, data: bytes) -> Iterator[Frame | Junk]:
        """Take more of the stream; yield what is complete, in order."""
        self._fed.append(data)
        self._fed_bytes += len(data)
        if self._fed_bytes >= self._missing_bytes:
            yield from self._cut(final=False)

    def settle(self) -> Iterator[Frame | Junk]:
        """Yield what is complete by now: ``feed`` may wait for more before it looks again."""
        yield from self._cut(final=False)

    def finish(self) -> Iterator[Frame | Junk]:
        """Take the stream as interrupted here: yield what can still be had; nothing is held afterwards."""
        yield from self._cut(final=True)
        self._drop()

    def lose(self) -> None:
        """Forget what is held and look for a record in what is fed next."""
        self._gather()
        self._drop()
        self._searching = True

    def _drop(self) -> None:
        self._base += len(self._buf)
        self._buf = b""
        self._at = 0
        self._missing_bytes = 0

    def _gather(self) -> None:
        if self._fed:
            kept = self._buf[self._at :]
            self._base += self._at
            self._at = 0
            self._buf = b"".join((kept, *self._fed)) if kept or len(self._fed) > 1 else self._fed[0]
            self._fed.clear()
            self._fed_bytes = 0

    def _cut(self, *, final: bool) -> Iterator[Frame | Junk]:
        self._gather()
        while True:
            lost = self._searching
            try:
                if lost:
                    self._search(final=final)
                frame = self._next_frame(final=final)
            except NeedMoreError as need:
                self._missing_bytes = need.missing_bytes
                return
            except NotARecordError as not_a_record:
                if not lost:
                    yield Junk(not_a_record.reason, self.position)
                self._at = not_a_record.resume
                self._searching = True
                continue
            yield frame

    def _search(self, *, final: bool) -> None:
        """Go to the next version line; it need not stand at the start of a line: what precedes it is broken."""
        match = _HEAD_START.search(self._buf, self._at)
        if match is None:
            self._at = max(self._at, len(self._buf) - (0 if final else _LONGEST_VERSION_LINE))
            raise NeedMoreError
        self._at = match.start()
        self._searching = False

    def _next_frame(self, *, final: bool) -> Frame:
        buf = self._buf
        start = line_ends_stop(buf, self._at)
        self._at = start
        if len(buf) - start < len(VERSION) and (not final or start == len(buf)):
            raise NeedMoreError(len(VERSION) - (len(buf) - start))
        if not buf.startswith(VERSION, start):
            raise NotARecordError(f"no WARC record ({buf[start : start + 16]!r})", start)
        head_stop, block_start = self._head(start, final=final)
        if VERSION_LINE.match(buf, start) is None:
            raise NotARecordError(f"no WARC version ({buf[start : start + 16]!r})", start + len(VERSION))
        self.recognized = True
        inner = buf.rfind(b"\n" + VERSION, start, head_stop) + 1
        if inner and VERSION_LINE.match(buf, inner) is not None:
            raise NotARecordError("a WARC head that breaks off before the next", inner)
        flaw = head_flaw(buf[start:head_stop].lower())
        if flaw is not None:
            raise NotARecordError(flaw, self._later_head(start, head_stop))
        length = content_length(buf, start, head_stop)
        if length is None:
            raise NotARecordError("a record without a sound Content-Length", self._later_head(start, head_stop))
        if length > self.max_record_bytes:
            raise NotARecordError(
                f"a record that declares {length} bytes, more than {self.max_record_bytes}", block_start
            )
        stop = block_start + length
        if stop > len(buf):
            if not final:
                raise NeedMoreError(stop + FULL_GAP - len(buf))
            raise NotARecordError(
                f"a record cut short ({len(buf) - block_start} of {length} bytes)",
                self._later_head(start, head_stop),
            )
        gap, end = self._gap(stop, block_start, length, final=final)
        raw = buf[start:stop]
        position = self._base + start
        self._at = end
        return Frame(raw, head_stop - start, block_start - start, position, end - start, gap)

    def _head(self, start: int, *, final: bool) -> tuple[int, int]:
        """Return where the head that begins at ``start`` ends, and where its block begins."""
        searched = max(start, self._headless_stop - self._base - len(b"\r\n\r"))
        span = find_blank_line(self._buf, searched, start + MAX_HEAD_BYTES)
        if span is not None:
            return span
        held = len(self._buf) - start
        if held >= MAX_HEAD_BYTES:
            span = find_blank_line(self._buf, start + MAX_HEAD_BYTES - len(b"\r\n\r"), len(self._buf))
            headless_stop = len(self._buf) if span is None else span[0]
            self._headless_stop = self._base + headless_stop
            # what begins too far before the first blank line is too long as well
            resume = max(start + len(VERSION), headless_stop - MAX_HEAD_BYTES)
            raise NotARecordError(f"a WARC head of more than {MAX_HEAD_BYTES} bytes", resume)
        self._headless_stop = self._base + len(self._buf)
        if final:
            raise NotARecordError("a WARC head cut short", len(self._buf))  # nor does a later one end
        raise NeedMoreError(held // 4 + 1)  # in growing steps: what is held is copied each time

    def _later_head(self, start: int, head_stop: int) -> int:
        """Return where to look on when the head ``[start, head_stop)`` is none: at the last version line in it.

        Trying those before it, too, would take time in proportion to the square of its length.
        """
        buf = self._buf
        at = head_stop
        while (at := buf.rfind(VERSION, start + 1, at)) >= 0:
            if VERSION_LINE.match(buf, at, head_stop) is not None:
                return at
        return start + len(VERSION)

    def _gap(self, stop: int, block_start: int, length: int, *, final: bool) -> tuple[int, int]:
        """Return the size of the gap behind a block that ends at ``stop``, and where the record ends."""
        buf = self._buf
        blank = 4 if buf.startswith(b"\r\n\r\n", stop) else 2 if buf.startswith(b"\n\n", stop) else 0
        following = line_ends_stop(buf, stop)
        rest = buf[following : following + len(VERSION)]
        is_next = rest == VERSION[: len(rest)]
        if not blank and not final and len(rest) < len(VERSION) and is_next:
            raise NeedMoreError
        # A blank line is the end whatever follows, and so is the next record whatever precedes it, unless whole
        # records lie inside: then it is there by chance.
        if not (blank or is_next) or (
            not (blank and is_next) and VERSION_LINE.search(buf, block_start, stop) is not None
        ):
            raise NotARecordError(f"a record whose Content-Length ({length}) does not fit", block_start)
        if blank:
            return FULL_GAP, stop + blank
        return min(following - stop, FULL_GAP - 1), following


def head_flaw(lowered: bytes) -> str | None:
    """Return why a head, in lower case, was put together by damage; None if nothing shows that."""
    if find_first_of(lowered, _CONTROL) >= 0:
        return "a WARC head with control bytes"
    for name in _SINGLE_FIELDS:
        if count(lowered, name) > 1:
            return f"a WARC head with two {name[1:-1].decode()} fields"
    return None


def line_ends_stop(buf: bytes, start: int) -> int:
    """Return where the line ends at ``start`` end."""
    match = _LINE_ENDS.match(buf, start)
    return start if match is None else match.end()
