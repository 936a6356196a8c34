"""ARC, the format before WARC: Common Crawl's crawls of 2008 to 2012.

A record is a header line, ``URL IP-address Archive-date Content-type Archive-length``, and as many bytes, with a
line end before the next record; the first one, ``filedesc://...``, tells of the file. Version 2 has more fields
between type and length. Source: https://archive.org/web/researcher/ArcFileFormat.php

Records come out as WARC records: their heads are written anew with the names that warcio's ``arc2warc`` gives, so
that a job need not know which of the two it reads.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cctrawl.warc.framing import FULL_GAP, Frame, Framer, NeedMoreError, NotARecordError, line_ends_stop

MAX_LINE_BYTES = 1 << 16  # a longer header line is damage

# What may be a header line, and the end of one. Each byte is looked at a bounded number of times.
_LINE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{1,15}:[^\r\n]{0,65536} \d{1,18}[ \t]*(?=\r?\n)")
_LINE_END = re.compile(rb" (?:[0-9A-Fa-f.:]{1,45}|-|unknown) \d{8,17}(?: [^\r\n]{0,300})? \d{1,18}[ \t]*(?=\r?\n)")
_SCHEME = re.compile(rb"(?:https?|ftp|filedesc|dns):")
_LONGEST_SCHEME_BYTES = len(b"filedesc:")
_URL_BYTES = bytes(set(range(0x21, 0x7F)) - set(b'"<>\\^`{|}'))
_FIELDS = re.compile(rb"(.+?) +([0-9A-Fa-f.:]{1,45}|-|unknown) (\d{8,17})(?: +(.*))?\Z")
_VERSION_2 = re.compile(rb"(.*) (?:\d{3}|-) \S+ \S+ (?:\d+|-) \S+\Z")
_FILE = b"filedesc://"


class ArcLine(NamedTuple):
    """A header line.

    Attributes:
        url: of the capture; of the first record ``filedesc://`` and the file's name.
        ip: the server's address.
        date: as ISO 8601.
        content_type: what the server said it sends.
        length: bytes of the block.
    """

    url: bytes
    ip: bytes
    date: bytes
    content_type: bytes
    length: int


def parse_line(line: bytes) -> ArcLine | None:
    """Return the fields of a header line, None if it is none. Spaces in URL and type are survived."""
    front, _, length = line.rstrip().rpartition(b" ")
    found = _FIELDS.match(front)
    if found is None or not length.isdigit():
        return None
    url, ip, stamp, content_type = found.groups(b"")
    longer = _VERSION_2.match(content_type)
    date = _iso(stamp)
    if date is None:
        return None
    return ArcLine(url, ip, date, (longer[1] if longer else content_type).strip(), int(length))


def is_arc(start: bytes) -> bool:
    """Whether a source that begins with ``start`` is ARC: a file, or a record cut out of one."""
    found = _LINE.match(start.lstrip(b"\r\n"))
    return start.startswith(_FILE) or (found is not None and parse_line(found[0]) is not None)


class ArcFramer(Framer):
    """Cuts a stream of ARC records; what it yields has a WARC head in place of the header line.

    A block's end is believed if a line end, the next header line or the end of the stream (or of the gzip member)
    stands there. Uncompressed ARC has no check sum: where a damaged length ends before a line end by chance, the
    record comes out shortened, and the damage is told right behind it.
    """

    @staticmethod
    def begins(start: bytes) -> bool | None:
        """Whether a record begins with ``start``; None if that takes more bytes to tell.

        Only for a well-known scheme: the rest of a header line may look like another one (``ttp://``).
        """
        if not _SCHEME.match(start) and len(start) >= _LONGEST_SCHEME_BYTES:
            return False
        if b"\n" not in start and len(start) < MAX_LINE_BYTES:
            return None
        found = _SCHEME.match(start) and _LINE.match(start)
        return found is not None and parse_line(found[0]) is not None

    @staticmethod
    def finds(start: bytes) -> bool:
        """Whether there is a header line somewhere in ``start``."""
        return _find_line(start, 0) >= 0

    def _search(self, *, final: bool) -> None:
        """Go to the next header line."""
        buf = self._buf
        found = _find_line(buf, self._at)
        if found >= 0:
            self._at = found
            self._searching = False
            return
        last_line = max(buf.rfind(b"\n", self._at) + 1, self._at, len(buf) - MAX_LINE_BYTES)
        self._at = len(buf) if final else last_line
        raise NeedMoreError

    def _next_frame(self, *, final: bool) -> Frame:
        buf = self._buf
        start = self._at = line_ends_stop(buf, self._at)
        line_stop = buf.find(b"\n", start, start + MAX_LINE_BYTES) + 1
        if not line_stop:
            if len(buf) - start < MAX_LINE_BYTES and (not final or start == len(buf)):
                raise NeedMoreError
            raise NotARecordError(f"no ARC record ({buf[start : start + 16]!r})", start + 1)
        line = parse_line(buf[start:line_stop]) if _LINE.match(buf, start) else None
        if line is None:
            raise NotARecordError(f"no ARC record ({buf[start : start + 16]!r})", start + 1)
        self.recognized = True
        if line.length > self.max_record_bytes:
            raise NotARecordError(
                f"a record that declares {line.length} bytes, more than {self.max_record_bytes}", line_stop
            )
        stop = line_stop + line.length
        if stop > len(buf):
            if not final:
                raise NeedMoreError(stop + 1 - len(buf))
            raise NotARecordError(f"a record cut short ({len(buf) - line_stop} of {line.length} bytes)", line_stop)
        gap, end = self._arc_gap(line_stop, stop, final=final)
        head = _head(line, buf[line_stop : line_stop + 5] == b"HTTP/")
        position = self._base + start
        self._at = end
        raw = b"".join((head, memoryview(buf)[line_stop:stop]))
        return Frame(raw, len(head) - FULL_GAP, len(head), position, end - start, gap)

    def _arc_gap(self, line_stop: int, stop: int, *, final: bool) -> tuple[int, int]:
        """Return the size of the gap behind the block ``[line_stop, stop)``, and where the record ends."""
        buf = self._buf
        following = line_ends_stop(buf, stop)
        if following == len(buf) and final:
            return FULL_GAP, following
        has_line_end = following > stop
        is_next = self.begins(buf[following : following + MAX_LINE_BYTES])
        if has_line_end and (is_next or _find_line(buf, line_stop, stop) < 0):
            return FULL_GAP, stop + (2 if buf.startswith(b"\r\n", stop) else 1)
        if is_next is None and not final:
            raise NeedMoreError
        for gap, end in ((2, stop), (1, stop + 1)):  # no line end, or something else in its place
            if self.begins(buf[end : end + MAX_LINE_BYTES]):
                return gap, end
        raise NotARecordError(f"a record whose length ({stop - line_stop}) does not fit", line_stop)


def _find_line(buf: bytes, start: int, stop: int | None = None) -> int:
    """Return where the first header line begins in ``buf[start:stop]``; -1 if there is none.

    What precedes it may be broken, so it need not stand at the start of a line if its URL is plain.
    """
    for end in _LINE_END.finditer(buf, start, len(buf) if stop is None else stop):
        line = max(buf.rfind(b"\n", start, end.start()) + 1, start, end.start() - MAX_LINE_BYTES)
        begins_line = not line or buf.startswith(b"\n", line - 1) or _SCHEME.match(buf, line)
        if begins_line and _LINE.match(buf, line) and parse_line(buf[line : end.end()]) is not None:
            return line
        before = buf[line : end.start()]
        plain = len(before.rstrip(_URL_BYTES))
        url = _SCHEME.search(before, plain)
        if url is not None and parse_line(buf[line + url.start() : end.end()]) is not None:
            return line + url.start()
    return -1


def _head(line: ArcLine, is_http: bool) -> bytes:  # noqa: FBT001 - called once, above
    """Return a WARC head that says what the header line says."""
    if line.url.startswith(_FILE):
        named = (b"warcinfo", b"WARC-Filename: " + line.url[len(_FILE) :])
    else:
        named = (b"response", b"WARC-Target-URI: " + line.url)
    content_type = b"application/http; msgtype=response" if is_http else line.content_type
    return (
        b"WARC/1.0\r\nWARC-Type: %b\r\n%b\r\nWARC-Date: %b\r\nWARC-IP-Address: %b\r\n"
        b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (*named, line.date, line.ip, content_type, line.length)
    )


def _iso(stamp: bytes) -> bytes | None:
    """Return ``20100102030405`` as ``2010-01-02T03:04:05Z``; a missing time is midnight."""
    full = stamp[:14].ljust(14, b"0")
    month, day = int(full[4:6]), int(full[6:8])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return b"%b-%b-%bT%b:%b:%bZ" % (full[:4], full[4:6], full[6:8], full[8:10], full[10:12], full[12:14])
