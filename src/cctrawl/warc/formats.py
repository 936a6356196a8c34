"""What a source is, by its first bytes: WARC or ARC, packed or plain, or what deserves a clear error."""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from typing import Literal, NamedTuple

from cctrawl.errors import FormatError
from cctrawl.warc.arc import ArcFramer, is_arc
from cctrawl.warc.framing import VERSION, VERSION_LINE, Frame, Framer

HINT = "give a .warc, .warc.gz, .warc.zst, .warc.wet.gz, .warc.wat.gz or .arc.gz file"

_GZIP_MAGIC = re.compile(rb"\x1f\x8b\x08")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_PROBE_BYTES = 4096
_STEP_BYTES = 128
_SIGNATURES = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document (an error message of the server?)"),
    (b"<error", "an XML document (an error message of the server?)"),
    (b"pk\x03\x04", "a ZIP file"),
    (b"par1", "a Parquet file"),
    (b"bzh", "a bzip2 file"),
    (b"\xfd7zxz\x00", "an xz file"),
    (b"%pdf-", "a PDF document"),
    (b"{", "JSON"),
    (b"crawl-data/", "a list of paths"),
)


class Format(NamedTuple):
    """What a source is.

    Attributes:
        packing: how it is compressed.
        framer: what cuts its records.
    """

    packing: Literal["gzip", "zstd", "plain"]
    framer: type[Framer]


def recognize(start: bytes, filename: str, *, final: bool) -> Format | None:
    """Return what the source that begins with ``start`` is; None if that takes more bytes to tell.

    A damaged beginning does not decide: then the first thing that looks right does.

    Args:
        start: the first bytes; some hundred will do for a sound source.
        filename: for the message.
        final: no more bytes can be had.

    Raises:
        FormatError: it looks like nothing that can be read.
    """
    if start.startswith(b"\x1f\x8b"):
        inflated = _inflated(start)
        refuse_known(inflated, filename, "gzip of ")
        framer = _framer(inflated)
        if framer is None and not final:
            return None
        return Format("gzip", framer or _framer_in_members(start) or Framer)
    if start.startswith(_ZSTD_MAGIC) or _ZSTD_SKIPPED.match(start):
        return Format("zstd", Framer)
    framer = _framer(start.lstrip(b"\r\n"))
    if framer is not None or not start.strip(b"\r\n"):
        return Format("plain", framer or Framer)
    return _recognize_damaged(start, filename) if final else None


def _recognize_damaged(start: bytes, filename: str) -> Format:
    refuse_known(start, filename)
    framer = _framer_in_members(start)
    if framer is not None or _differs_in_one(start[:3], b"\x1f\x8b\x08"):
        return Format("gzip", framer or Framer)
    # What zstd cannot compress it stores as it is, and so whole records: they are no sign of a plain source.
    if _ZSTD_MAGIC in start and _holds_zstd(start):
        return Format("zstd", Framer)
    if any(isinstance(found, Frame) for found in Framer(len(start)).feed(start)):
        return Format("plain", Framer)
    if _differs_in_one(start[:4], _ZSTD_MAGIC) or _ZSTD_MAGIC in start:
        return Format("zstd", Framer)
    if VERSION_LINE.search(start) is not None or ArcFramer.finds(start):
        return Format("plain", Framer if VERSION_LINE.search(start) else ArcFramer)
    if _GZIP_MAGIC.search(start):
        return Format("gzip", Framer)
    raise FormatError(f"{filename or 'the source'} is no WARC: it begins with {start[:16]!r}", offset=0, hint=HINT)


def refuse_known(start: bytes, filename: str, wrapping: str = "") -> None:
    """Raise if the bytes are plainly something else.

    Raises:
        FormatError: they are, and it says what.
    """
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for signature, name in _SIGNATURES:
        if text.startswith(signature):
            raise FormatError(
                f"{filename or 'the source'} is no WARC: it looks like {wrapping}{name}", offset=0, hint=HINT
            )


def _framer(text: bytes) -> type[Framer] | None:
    if text.startswith(VERSION):
        return Framer
    return ArcFramer if is_arc(text) else None


def _framer_in_members(start: bytes) -> type[Framer] | None:
    """Return what cuts the records of the first gzip member in ``start`` that begins with one."""
    for found in _GZIP_MAGIC.finditer(start):
        framer = _framer(_inflated(start[found.start() : found.start() + _PROBE_BYTES]))
        if framer is not None:
            return framer
    return None


def _holds_zstd(start: bytes) -> bool:
    from cctrawl.warc.zstd import holds_records  # noqa: PLC0415 - only where such a file may have come

    return holds_records(start)


def _differs_in_one(found: bytes, meant: bytes) -> bool:
    return sum(byte != right for byte, right in zip(found, meant, strict=False)) == 1


def _inflated(start: bytes) -> bytes:
    """Return the first bytes that a gzip member inflates to, up to where it is damaged."""
    inflater = zlib.decompressobj(31)
    inflated = b""
    with suppress(zlib.error):
        for at in range(0, min(len(start), _PROBE_BYTES), _STEP_BYTES):
            inflated += inflater.decompress(start[at : at + _STEP_BYTES], _PROBE_BYTES)
            if len(inflated) >= _PROBE_BYTES:
                break
    return inflated
