"""Writes WARC files: Common Crawl's layout by default, and the unusual layouts that readers must survive."""

from __future__ import annotations

import base64
import hashlib
import uuid
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

from cctrawl.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

Layout = Literal["members", "one-member", "plain"]
Fields = list[tuple[str, str]]

# A fixed header: no time stamp and no name of the operating system, so equal records give equal bytes.
_GZIP_HEADER = b"\x1f\x8b\x08" + bytes(7)
_REASONS = {
    200: "OK", 301: "Moved Permanently", 302: "Found", 304: "Not Modified", 307: "Temporary Redirect",
    308: "Permanent Redirect", 403: "Forbidden", 404: "Not Found", 410: "Gone", 429: "Too Many Requests",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


class Member(NamedTuple):
    """Where a record stands in the file written.

    Attributes:
        offset: byte offset of its gzip member (layout ``plain``: of the record; layout ``one-member``: of the
            record within the inflated stream).
        length: bytes of the member (the other layouts: of the record), the closing blank lines included.
        header_length: bytes of the WARC header, its blank line included.
        inflated_length: bytes of the whole record, inflated.
        crc32: the gzip check sum of the record.
    """

    offset: int
    length: int
    header_length: int
    inflated_length: int
    crc32: int


def sha1_digest(data: bytes) -> str:
    """Return a digest as WARC headers have it: ``sha1:`` and 32 characters of base32."""
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def http_message(status: int, headers: Iterable[tuple[str, str]], payload: bytes) -> bytes:
    """Return the block of a ``response`` record: status line, HTTP headers, blank line, payload."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}".rstrip()]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + payload


def gzip_member(data: bytes, *, level: int = 6) -> bytes:
    """Return one gzip member; equal data give equal bytes (with the same zlib)."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    footer = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return _GZIP_HEADER + deflate.compress(data) + deflate.flush() + footer


class WarcWriter:
    """Writes records one after the other; a context manager.

    Args:
        target: a path, which is created or overwritten, or a binary stream, which stays open on ``close``.
        layout: ``members``: each record is its own gzip member, as in Common Crawl; ``one-member``: the whole
            file is one gzip member; ``plain``: not compressed.
        level: zlib's compression level.
    """

    def __init__(self, target: str | Path | BinaryIO, *, layout: Layout = "members", level: int = 6) -> None:
        if layout not in ("members", "one-member", "plain"):
            raise InvalidInputError(f"no layout: {layout!r}", hint="members, one-member or plain")
        self._owned = isinstance(target, (str, Path))
        self._stream: BinaryIO
        if isinstance(target, (str, Path)):
            self._stream = Path(target).open("wb")  # noqa: SIM115 - `close` does it
        else:
            self._stream = target
        self._layout = layout
        self._level = level
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        self._position = 0
        self._count = 0

    def write_fields(self, fields: Fields, block: bytes) -> Member:
        """Write a record whose header is exactly ``fields``, in this order, and return where it stands.

        Nothing is added and nothing is checked, so broken records can be written too.
        """
        header = "".join(["WARC/1.0\r\n", *(f"{name}: {value}\r\n" for name, value in fields), "\r\n"]).encode()
        return self.write_bytes(header + block + b"\r\n\r\n", header_length=len(header))

    def write_bytes(self, record: bytes, *, header_length: int = 0) -> Member:
        """Write these bytes where a record would stand: for damage, and for records of one's own making."""
        offset, stored = self._position, record
        if self._layout == "members":
            stored = gzip_member(record, level=self._level)
        self._stream.write(self._deflate.compress(record) if self._layout == "one-member" else stored)
        self._position += len(stored)
        return Member(offset, len(stored), header_length, len(record), zlib.crc32(record))

    def write(
        self,
        record_type: str,
        block: bytes,
        *,
        url: str = "",
        content_type: str = "",
        date: str = "2024-01-01T00:00:00Z",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Member:
        """Write a sound record of any type and return where it stands.

        Args:
            record_type: ``warcinfo``, ``request``, ``response``, ``metadata``, ``conversion``, ...
            block: the record's block; for ``response`` see `http_message`.
            url: WARC-Target-URI; none if empty.
            content_type: of the block; none if empty.
            date: WARC-Date.
            headers: further WARC headers, behind the others.
        """
        self._count += 1
        record_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{self._count} {record_type} {url}")
        fields: Fields = [("WARC-Type", record_type), ("WARC-Date", date)]
        fields += [("WARC-Record-ID", f"<urn:uuid:{record_id}>"), ("Content-Length", str(len(block)))]
        fields += [("Content-Type", content_type)] if content_type else []
        fields += [("WARC-Target-URI", url)] if url else []
        fields += [("WARC-Block-Digest", sha1_digest(block)), *headers]
        return self.write_fields(fields, block)

    def write_response(
        self,
        url: str,
        payload: bytes,
        *,
        status: int = 200,
        content_type: str = "text/html; charset=UTF-8",
        http_headers: Iterable[tuple[str, str]] = (),
        date: str = "2024-01-01T00:00:00Z",
    ) -> Member:
        """Write a ``response`` record with its HTTP headers and return where it stands."""
        headers = [("Content-Type", content_type), *http_headers, ("Content-Length", str(len(payload)))]
        return self.write(
            "response",
            http_message(status, headers, payload),
            url=url,
            content_type="application/http; msgtype=response",
            date=date,
            headers=[("WARC-Payload-Digest", sha1_digest(payload))],
        )

    def close(self) -> None:
        """Finish the file; a stream that was handed in stays open."""
        if self._layout == "one-member":
            self._stream.write(self._deflate.flush())
            self._layout = "plain"  # a second close must not flush again
        if self._owned:
            self._stream.close()

    def __enter__(self) -> WarcWriter:  # noqa: PYI034 - Self needs Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
