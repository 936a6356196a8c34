"""Is this answer what was asked for? Pure: statuses, headers and leading bytes in, a verdict out."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from cctrawl.transport.retries import IntermittentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATA_SUFFIXES = (
    ".gz", ".warc", ".arc", ".wat", ".wet", ".parquet", ".json", ".idx", ".cdx", ".cdxj", ".paths", ".zst", ".bz2",
)  # fmt: skip
_DOCUMENT_STARTS = (b"<?xml", b"<error", b"<!doctype", b"<html")
_DOCUMENT_TYPES = ("text/html", "application/xhtml+xml", "application/xml", "text/xml")


@dataclass(frozen=True)
class ContentRange:
    """What ``Content-Range`` says: bytes ``[start, stop)`` of ``size`` (``None``: not told)."""

    start: int
    stop: int
    size: int | None


def range_header(start: int, stop: int | None = None) -> str:
    """Return the ``Range`` header for ``[start, stop)``: the one place of HTTP's inclusive form."""
    return f"bytes={start}-" if stop is None else f"bytes={start}-{stop - 1}"


def parse_content_range(text: str | None) -> ContentRange:
    """Return what a 206 answer says about itself.

    Raises:
        IntermittentError: it says nothing, or nonsense.
    """
    match = re.fullmatch(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", text or "")
    if match is None:
        raise IntermittentError(f"a partial answer without a usable Content-Range ({text!r})")
    start, last = int(match[1]), int(match[2])
    size = None if match[3] == "*" else int(match[3])
    if last < start or (size is not None and last >= size):
        raise IntermittentError(f"an impossible Content-Range ({text!r})")
    return ContentRange(start, last + 1, size)


def partial(status: int, headers: Mapping[str, str]) -> ContentRange:
    """Return what the answer to a ranged request holds.

    Raises:
        IntermittentError: it is the whole file (status 200), or does not say what it holds.
    """
    if status != 206:
        raise IntermittentError(f"the server ignored the range and sent the whole file (status {status})")
    return parse_content_range(headers.get("Content-Range"))


def unsatisfied_size(text: str | None) -> int | None:
    """Return the file's size from the ``Content-Range`` of a 416 answer, if it tells."""
    match = re.fullmatch(r"\s*bytes\s+\*/(\d{1,18})\s*", text or "")
    return int(match[1]) if match else None


def content_length(headers: Mapping[str, str]) -> int | None:
    """Return ``Content-Length``, ``None`` when there is none or it is no number."""
    text = headers.get("Content-Length", "").strip()
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None


def is_delimited(headers: Mapping[str, str]) -> bool:
    """Tell whether a body's end can be told from a broken connection: it has a length, or chunks."""
    return content_length(headers) is not None or "chunked" in headers.get("Transfer-Encoding", "").lower()


def validator(headers: Mapping[str, str]) -> str | None:
    """Return what ``If-Range`` may compare: a strong ``ETag``, else ``Last-Modified``, else ``None``."""
    etag = headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    return headers.get("Last-Modified")


def retry_after_s(text: str | None, now_s: float | None = None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, given in seconds or as a date; ``None`` without."""
    if text is None:
        return None
    if seconds := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*", text):
        return float(seconds[1])
    try:
        until_s = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, until_s - (time.time() if now_s is None else now_s))


def check_document_type(path: str, headers: Mapping[str, str]) -> None:
    """Refuse an answer that calls itself HTML or XML where data was asked for.

    Raises:
        IntermittentError: it does.
    """
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _DOCUMENT_TYPES and path.endswith(_DATA_SUFFIXES):
        raise IntermittentError(f"a document of type {kind} came instead of the file")


def check_first_bytes(path: str, data: bytes) -> None:
    """Refuse a body that begins like HTML or XML where data was asked for.

    Raises:
        IntermittentError: it does.
    """
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_DOCUMENT_STARTS) and path.endswith(_DATA_SUFFIXES):
        raise IntermittentError(f"an error document came instead of the file ({summary(data)})")


def summary(body: bytes) -> str:
    """Return the code of an S3 error document, else its first words, for messages."""
    match = re.search(rb"<Code>([^<]{1,80})</Code>", body[:4096])
    text = match[1] if match else re.sub(rb"<[^>]*>", b" ", body[:300])
    words = " ".join(text.decode("utf-8", "replace").split())
    return words[:80] or "empty body"
