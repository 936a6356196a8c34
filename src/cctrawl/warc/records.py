"""A record: its head, its block, and the HTTP message in it. Everything is computed when asked."""

from __future__ import annotations

import re

from stringzilla import find

from cctrawl.warc.charsets import decode_text
from cctrawl.warc.heads import Headers, RecordHead, find_blank_line
from cctrawl.warc.payload import decode_payload

_STATUS = re.compile(rb"HTTP/[\d.]+[ \t]+(\d{3})\b")


def _declares_encoding(head: bytes | bytearray) -> bool:
    """Whether an HTTP head may declare an encoding; rarely, so the head is parsed for those alone."""
    lowered = head.lower()  # several times faster than a pattern that ignores case
    return b"\ncontent-encoding" in lowered or b"\ntransfer-encoding" in lowered


class Record(RecordHead):
    """One sound WARC record. It owns its bytes: keep it as long as you like.

    Attributes:
        offset: byte offset in the source at which the record's gzip member begins (plain files: the record).
        length: bytes of that member (plain files: of the record, its final blank line included), so that
            ``source[offset : offset + length]`` is the record; None where a member holds several records, or a
            record lies across members.
        filename: the source's name, or "".
    """

    __slots__ = ("_block_start", "_block_stop", "_http", "_payload", "_text", "length")

    def __init__(  # noqa: PLR0917 - built for each record, by position, by the readers alone
        self,
        raw: bytes | bytearray,
        head_stop: int,
        block_start: int,
        block_stop: int,
        offset: int,
        length: int | None,
        filename: str,
    ) -> None:
        # RecordHead.__init__ written out: this runs for every record, and the call would be a third of it
        self._raw = raw
        self._head_stop = head_stop
        self._headers = None
        self.offset = offset
        self.filename = filename
        self.length = length
        self._block_start = block_start
        self._block_stop = block_stop
        self._http: tuple[int | None, Headers] | None = None
        self._payload: bytes | None = None
        self._text: tuple[str, str] | None = None

    @property
    def block(self) -> bytes:
        """Everything behind the WARC head: for captures, HTTP head and body as stored."""
        return self._slice(self._block_start)

    @property
    def http_status(self) -> int | None:
        """The status of the HTTP response; None if the record holds none."""
        return self._http_message()[0]

    @property
    def http_headers(self) -> Headers:
        """The HTTP header fields; empty if the record holds no HTTP message."""
        return self._http_message()[1]

    @property
    def payload(self) -> bytes:
        """The body of the HTTP message, decoded; the block, if the record holds no HTTP message.

        Chunked transfer and ``Content-Encoding`` are undone where the bytes really are encoded that way: Common
        Crawl stores bodies decoded, whatever their headers say.
        """
        if self._payload is None:
            if not self._is_http():
                self._payload = self.block
            else:
                head_stop, start = self._http_head()
                body = self._slice(start)
                if _declares_encoding(self._raw[self._block_start : head_stop]):
                    body = decode_payload(body, self.http_headers, cut=bool(self.truncated))
                self._payload = body
        return self._payload

    def find(self, needle: bytes) -> int:
        """Return where the payload holds these bytes, -1 if it does not: ``payload.find``, without a payload.

        The cheapest way to pass over the many records that a job has nothing to say about.
        """
        if self._payload is not None or not self._is_http():
            return int(find(self.payload, needle))
        head_stop, start = self._http_head()
        if _declares_encoding(self._raw[self._block_start : head_stop]):
            return int(find(self.payload, needle))
        at: int = find(self._raw, needle, start, self._block_stop)
        return at if at < 0 else at - start

    @property
    def text(self) -> str:
        """The payload as text. Never fails and drops nothing; what cannot be decoded becomes U+FFFD."""
        return self._decoded()[0]

    @property
    def charset(self) -> str:
        """The charset ``text`` was decoded with, by its WHATWG name: ``utf-8``, ``windows-1252``, ..."""
        return self._decoded()[1]

    def head(self) -> RecordHead:
        """Return the record's head alone: what ``want`` is asked with."""
        return RecordHead(self._raw, self._head_stop, self.offset, self.filename)

    def _slice(self, start: int) -> bytes:
        with memoryview(self._raw) as view:  # one copy, not two, where _raw is a bytearray
            return bytes(view[start : self._block_stop])

    def _http_message(self) -> tuple[int | None, Headers]:
        """Return the HTTP status and header fields."""
        if self._http is None:
            self._http = self._parse_http() if self._is_http() else (None, Headers())
        return self._http

    def _is_http(self) -> bool:
        if self.type not in ("response", "request", "revisit"):
            return False
        if self._raw.startswith(b"HTTP/", self._block_start):
            return True
        content_type = self.headers.get("Content-Type", "application/http")
        return content_type.lower().startswith("application/http")

    def _http_head(self) -> tuple[int, int]:
        """Return where in ``_raw`` the HTTP head ends, and where the body begins."""
        stop = self._block_stop
        return find_blank_line(self._raw, self._block_start, stop) or (stop, stop)

    def _parse_http(self) -> tuple[int | None, Headers]:
        head_stop, _ = self._http_head()
        first_line, _, lines = bytes(self._raw[self._block_start : head_stop]).partition(b"\n")
        status = _STATUS.match(first_line)
        return (int(status[1]) if status else None), Headers(lines)

    def _decoded(self) -> tuple[str, str]:
        if self._text is None:
            self._text = decode_text(self.payload, self._declared_type())
        return self._text

    def _declared_type(self) -> str:
        if self._is_http():
            return self.http_headers.get("Content-Type", "")
        declared = self.headers.get("Content-Type", "")
        if self.type == "conversion" and "charset" not in declared.lower():
            return "text/plain; charset=utf-8"  # WET files are UTF-8 and do not say so
        return declared
