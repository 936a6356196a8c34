"""The body of an HTTP message, with its encodings undone where it really has them.

Common Crawl (and others) store bodies decoded under headers that still name the encoding, so nothing is believed:
an encoding is undone only if the whole body decodes, and otherwise the body stays as it is.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cctrawl.warc.heads import Headers

MAX_PAYLOAD_BYTES = 256 << 20  # an encoded body that inflates past this stays encoded
MAX_ENCODINGS = 5  # ... and so does one encoded more often, which costs that much each time; curl's limit, too

_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]{0,1024})?\r\n")
_GZIP_MAGIC = b"\x1f\x8b\x08"
_STEP_BYTES = 1 << 16
_FIRST_STEP_BYTES = 1 << 10


def decode_payload(
    body: bytes, headers: Headers, *, cut: bool = False, max_bytes: int = MAX_PAYLOAD_BYTES
) -> bytes:
    """Return the body without chunked transfer and content encodings.

    Args:
        body: as stored.
        headers: of the HTTP message.
        cut: the crawler cut the body off: then what could be decoded until there is the body.
        max_bytes: a body that decodes to more stays encoded.
    """
    if "Transfer-Encoding" in headers and "chunked" in ",".join(headers.get_all("Transfer-Encoding")).lower():
        joined = _join_chunks(body, cut=cut)
        body = body if joined is None else joined
    if "Content-Encoding" not in headers:
        return body
    names = ",".join(headers.get_all("Content-Encoding")).lower().split(",")
    encodings = [decode for name in reversed(names) if (decode := _DECODERS.get(name.strip()))]
    if len(encodings) > MAX_ENCODINGS:
        return body
    for decode in encodings:
        if body:
            decoded = decode(body, cut, max_bytes)
            body = body if decoded is None else decoded
    return body


def _join_chunks(body: bytes, *, cut: bool) -> bytes | None:
    """Return the chunks joined; None if the body is not chunked from its first byte to its last."""
    pieces: list[bytes] = []
    at = 0
    while match := _CHUNK_HEAD.match(body, at):
        start = match.end()
        stop = start + int(match[1], 16)
        pieces.append(body[start:stop])
        if stop == start:
            return b"".join(pieces)
        at = stop + 2
        if body[stop:at] != b"\r\n":
            break
    at_the_cut = cut and pieces and at >= len(body)
    return b"".join(pieces) if at_the_cut else None


def _inflate(body: bytes, wbits: int, cut: bool, max_bytes: int) -> bytes | None:  # noqa: FBT001 - as the table
    """Return all deflate streams in ``body`` inflated; None if it is not made of them."""
    pieces: list[bytes] = []
    room = max_bytes
    start = 0
    while start < len(body):
        try:
            inflated, stop, ended = _inflate_one(body, start, wbits, room)
        except zlib.error:
            # garbage behind a whole stream is no reason to give up the stream
            return b"".join(pieces) if pieces and not body.startswith(_GZIP_MAGIC, start) else None
        room -= len(inflated)
        if room < 0:
            return None
        pieces.append(inflated)
        if not ended:
            return b"".join(pieces) if cut else None
        start = stop
        if wbits < zlib.MAX_WBITS + 16:
            break  # only gzip members follow one another
    return b"".join(pieces)


def _inflate_one(body: bytes, start: int, wbits: int, room: int) -> tuple[bytes, int, bool]:
    """Return the stream at ``start`` inflated (to little more than ``room``), where it stops, and if it ended.

    It is fed in growing steps: what a step holds beyond the stream's end is copied.
    """
    inflater = zlib.decompressobj(wbits)
    pieces: list[bytes] = []
    view = memoryview(body)
    step = _FIRST_STEP_BYTES
    while start < len(body) and not inflater.eof and room >= 0:
        given = view[start : start + step]
        pieces.append(inflater.decompress(given, room + 1))
        room -= len(pieces[-1])
        start += len(given) - len(inflater.unused_data)
        step = min(step * 2, _STEP_BYTES)
    return b"".join(pieces), start, inflater.eof


def _gunzip(body: bytes, cut: bool, max_bytes: int) -> bytes | None:  # noqa: FBT001 - as the table
    return _inflate(body, zlib.MAX_WBITS + 16, cut, max_bytes) if body.startswith(_GZIP_MAGIC) else None


def _undeflate(body: bytes, cut: bool, max_bytes: int) -> bytes | None:  # noqa: FBT001 - as the table
    """``deflate`` means zlib, but many servers send it raw."""
    if body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0:
        decoded = _inflate(body, zlib.MAX_WBITS, cut, max_bytes)
        if decoded is not None:
            return decoded
    return _inflate(body, -zlib.MAX_WBITS, False, max_bytes)


def _unbrotli(body: bytes, cut: bool, max_bytes: int) -> bytes | None:  # noqa: FBT001 - as the table
    """Brotli has no magic either: only a body that is one whole stream counts."""
    del cut
    import brotli  # noqa: PLC0415 - few bodies are stored like that

    inflater = brotli.Decompressor()
    pieces: list[bytes] = []
    size = 0
    try:
        piece = inflater.process(body, output_buffer_limit=_STEP_BYTES)
        while piece or not inflater.is_finished():
            size += len(piece)
            if size > max_bytes or not piece:
                return None
            pieces.append(piece)
            piece = inflater.process(b"", output_buffer_limit=_STEP_BYTES)
    except brotli.error:
        return None
    return b"".join(pieces)


_DECODERS = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
}
