"""What stands above a body: header fields, and the head of a WARC record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from stringzilla import find

# What records are kept in: bytes of their own, what libdeflate gave, or a stretch of the source that is in memory.
Raw = bytes | bytearray | memoryview

MAX_HEAD_BYTES = 1 << 20  # a WARC head longer than this is damage; Common Crawl's are below 10 kB

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:[ \t]*(\d{1,18})[ \t]*(?=\r?\n|\Z)", re.IGNORECASE)
_CANONICAL_LENGTH = b"\nContent-Length: "


class Headers(Mapping[str, str]):
    """Header fields in the order they were stored.

    Names are compared without case; iteration gives each name once, as first stored. ``headers[name]`` is the
    first value, ``get_all(name)`` all of them. Folded lines are joined by one space.

    Args:
        lines: the head's lines without the first (version or status) line, as stored.
    """

    __slots__ = ("_first", "fields")

    def __init__(self, lines: bytes = b"") -> None:
        self.fields = _parse_fields(lines)
        self._first: dict[str, tuple[str, str]] = {}
        for name, value in self.fields:
            self._first.setdefault(name.lower(), (name, value))

    def __getitem__(self, name: str) -> str:
        return self._first[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._first.values())

    def __len__(self) -> int:
        return len(self._first)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._first

    def __repr__(self) -> str:
        return f"Headers({self.fields!r})"

    def get_all(self, name: str) -> list[str]:
        """Return every value stored under ``name``, in order; ``[]`` if there is none."""
        lowered = name.lower()
        return [value for stored, value in self.fields if stored.lower() == lowered]


def decode_header(data: bytes) -> str:
    """Return header bytes as text: UTF-8, or Latin-1 where they are not. Never fails, drops nothing."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _parse_fields(lines: bytes) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    for line in lines.split(b"\n"):
        if line[:1] in (b" ", b"\t") and fields:
            name, value = fields[-1]
            fields[-1] = name, f"{value} {decode_header(line).strip()}".strip()
            continue
        name_bytes, colon, value_bytes = line.partition(b":")
        if colon:
            fields.append((decode_header(name_bytes).strip(), decode_header(value_bytes).strip()))
    return fields


def find_blank_line(raw: Raw, start: int, stop: int) -> tuple[int, int] | None:
    """Return ``[start, stop)`` of the blank line that ends a head, with the line end before it, or None.

    Any mixture of line ends counts. The usual one is found an order of magnitude faster than by the pattern.
    """
    at: int = find(raw, b"\r\n\r\n", start, stop)
    if at >= 0 and find(raw, b"\n\n", start, at) < 0 and find(raw, b"\n\r\n", start, at) < 0:
        return at, at + 4
    match = _BLANK_LINE.search(raw, start, stop)
    return match.span() if match else None


def content_length(raw: bytes | bytearray, start: int, stop: int) -> int | None:
    """Return the Content-Length declared in the head ``raw[start:stop]``, or None if there is no sound one."""
    at: int = find(raw, _CANONICAL_LENGTH, start, stop)
    if at >= 0:
        at += len(_CANONICAL_LENGTH)
        end: int = find(raw, b"\r", at, stop)
        digits = raw[at : stop if end < 0 else end]
        if digits.isdigit() and len(digits) <= 18:
            return int(digits)
    match = _LENGTH.search(raw, start, stop)
    if match is not None:
        return int(match[1])
    if b"content-length" not in raw[start:stop].lower():
        return None
    value = Headers(bytes(raw[start:stop]).partition(b"\n")[2]).get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


class RecordHead:
    """The head of a WARC record: all that is known before its body is inflated. Parsed when asked.

    Attributes:
        offset: byte offset in the source at which the record's gzip member begins (plain files: the record).
        filename: the source's name, or "".
    """

    __slots__ = ("_head_stop", "_headers", "_raw", "filename", "offset")

    def __init__(self, raw: Raw, head_stop: int, offset: int, filename: str) -> None:
        self._raw = raw
        self._head_stop = head_stop
        self._headers: Headers | None = None
        self.offset = offset
        self.filename = filename

    @property
    def headers(self) -> Headers:
        """The WARC header fields."""
        if self._headers is None:
            self._headers = Headers(bytes(self._raw[: self._head_stop]).partition(b"\n")[2])
        return self._headers

    @property
    def type(self) -> str:
        """The WARC-Type in lower case: ``response``, ``request``, ``metadata``, ...; "" if there is none."""
        return self._field(b"\nWARC-Type: ", "WARC-Type").lower()

    @property
    def url(self) -> str:
        """The WARC-Target-URI without angle brackets; "" if there is none."""
        return _bare(self._field(b"\nWARC-Target-URI: ", "WARC-Target-URI"))

    @property
    def id(self) -> str:
        """The WARC-Record-ID without angle brackets; "" if there is none."""
        return _bare(self._field(b"\nWARC-Record-ID: ", "WARC-Record-ID"))

    @property
    def date(self) -> str:
        """The WARC-Date as stored, for example ``2020-08-08T16:54:17Z``; "" if there is none."""
        return self._field(b"\nWARC-Date: ", "WARC-Date")

    @property
    def truncated(self) -> str:
        """Why the crawler cut the payload (``length``, ``time``, ``disconnect``, ...); "" if it did not."""
        return self._field(b"\nWARC-Truncated: ", "WARC-Truncated")

    def field(self, name: str) -> str:
        """Return a WARC header field, "" if there is none: quicker than ``headers`` where few are asked for."""
        return self._field(b"\n%b: " % name.encode(), name)

    def _field(self, canonical: bytes, name: str) -> str:
        """Return a field's value; found without parsing the head where it is written in the usual way."""
        raw = self._raw
        stop = self._head_stop
        at: int = find(raw, canonical, 0, stop)
        if at < 0:
            absent = bytes(raw[:stop]).lower().find(b"\n" + name.lower().encode()) < 0
            return "" if absent else self.headers.get(name, "")
        at += len(canonical)
        end: int = find(raw, b"\n", at, stop)
        if end < 0:
            end = stop
        elif raw[end + 1] in b" \t":  # folded
            return self.headers.get(name, "")
        return decode_header(bytes(raw[at:end])).strip()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.type} {self.url} at {self.offset}>"


def _bare(uri: str) -> str:
    return uri[1:-1].strip() if uri.startswith("<") and uri.endswith(">") else uri
