"""What a source is, by its first bytes: gzip, plain WARC, or something else that deserves a clear error."""

from __future__ import annotations

import re
import zlib

from cctrawl.errors import FormatError

_VERSION_LINE = re.compile(rb"WARC/\d\.\d{1,2}[ \t]*\r?\n")
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
    if start.lstrip(b"\r\n").startswith(b"WARC/"):
        return False
    refuse_known(start, filename)
    member, version = start.find(b"\x1f\x8b\x08"), _VERSION_LINE.search(start)
    if version is None and member < 0:
        raise FormatError(
            f"{filename or 'the source'} is no WARC: it begins with {start[:16]!r}",
            offset=0,
            hint="give a .warc, .warc.gz, .warc.wet.gz or .warc.wat.gz file",
        )
    return version is None or 0 <= member < version.start()


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
        return zlib.decompressobj(31).decompress(start[:4096], 512)
    except zlib.error:
        return b""
