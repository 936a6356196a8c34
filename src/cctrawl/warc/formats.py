"""What a source is, by its first bytes: gzip, plain WARC, or something else that deserves a clear error."""

from __future__ import annotations

import re
import zlib

from cctrawl.errors import FormatError
from cctrawl.warc.framing import VERSION, VERSION_LINE

_GZIP_MAGIC = re.compile(rb"\x1f\x8b\x08")
_PROBE_BYTES = 4096
_SIGNATURES = (
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"filedesc://", "an ARC file"),
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


def is_gzip(start: bytes, filename: str) -> bool:
    """Whether the source that begins with ``start`` is compressed by gzip; else it is plain WARC.

    A damaged beginning does not decide: then the first thing that looks right does.

    Raises:
        FormatError: it looks like neither.
    """
    if start.startswith(b"\x1f\x8b"):
        refuse_known(_inflated(start), filename, "gzip of ")
        return True
    text = start.lstrip(b"\r\n")
    if not text or text.startswith(b"WARC/"):
        return False
    refuse_known(start, filename)
    if sum(got == meant for got, meant in zip(start[:3], b"\x1f\x8b\x08", strict=False)) == 2:
        return True
    members = [found.start() for found in _GZIP_MAGIC.finditer(start)]
    if any(_inflated(start[at : at + _PROBE_BYTES]).startswith(VERSION) for at in members):
        return True
    if VERSION_LINE.search(start) is None and not members:
        raise FormatError(
            f"{filename or 'the source'} is no WARC: it begins with {start[:16]!r}",
            offset=0,
            hint="give a .warc, .warc.gz, .warc.wet.gz or .warc.wat.gz file",
        )
    return VERSION_LINE.search(start) is None


def refuse_known(start: bytes, filename: str, wrapping: str = "") -> None:
    """Raise if the bytes are plainly something else.

    Raises:
        FormatError: they are, and it says what.
    """
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for signature, name in _SIGNATURES:
        if text.startswith(signature):
            raise FormatError(
                f"{filename or 'the source'} is no WARC: it looks like {wrapping}{name}",
                offset=0,
                hint="give a .warc, .warc.gz, .warc.wet.gz or .warc.wat.gz file",
            )


def _inflated(start: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(start[:_PROBE_BYTES], 512)
    except zlib.error:
        return b""
