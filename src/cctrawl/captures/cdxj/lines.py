"""A line of the CDXJ index is a capture: key, time, a JSON object of texts. Pure: lines in, values out, and back.

What each field is called as a column, and how a value becomes the column's, is that of Common Crawl's converter
(``CCIndex2Table`` in commoncrawl/cc-index-table), so that both indexes tell the same of a capture: a field that is
absent is null, a status that is absent or no number is -1, crawl, subset and segment stand in the file's path.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from cctrawl.errors import FormatError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Fields of the JSON object that are columns as they stand, in the order that real lines have them.
TEXT_FIELDS = {
    "url": "url",
    "mime": "content_mime_type",
    "mime-detected": "content_mime_detected",
    "digest": "content_digest",
    "filename": "warc_filename",
    "charset": "content_charset",
    "languages": "content_languages",
    "truncated": "content_truncated",
    "redirect": "fetch_redirect",
}
NO_STATUS = -1  # what the columnar index has where a line tells none
_ORDER = (
    "url", "mime", "mime-detected", "status", "digest", "length", "offset", "filename", "charset", "languages",
    "truncated", "redirect",
)  # fmt: skip
# All fields, the numbers among them.
FIELD_COLUMNS = {
    **TEXT_FIELDS,
    "status": "fetch_status",
    "length": "warc_record_length",
    "offset": "warc_record_offset",
}
_REQUIRED = ("url", "filename")
_TIME = re.compile(r"[0-9]{14}")
_STATUS = re.compile(r"-?[0-9]{1,5}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_PATH = re.compile(r"(?:common-crawl/)?crawl-data/([^/]+)/segments/([^/]+)/(crawldiagnostics|robotstxt|warc)/")
_HINT = "a line of the CDXJ index is `key time {json}`, with url, filename, offset and length"
# What every line tells.
LINE_COLUMNS = ("url_surtkey", "fetch_time", "url", "warc_filename", "warc_record_offset", "warc_record_length")


class PathParts(NamedTuple):
    """What the path of a WARC file tells of its captures; ``None`` where it does not (files of ARC crawls)."""

    crawl: str | None
    segment: str | None
    subset: str | None


class Entry(NamedTuple):
    """A line, taken apart.

    Attributes:
        key: the SURT key.
        time: when it was fetched, in UTC.
        fields: the JSON object; the values of ``url`` and ``filename`` are there, and those of `TEXT_FIELDS` are
            text that can be encoded, if they are there.
        offset: of its record; length: in bytes.
    """

    key: str
    time: datetime
    fields: dict[str, Any]
    offset: int
    length: int

    @property
    def status(self) -> int:
        """The HTTP status, -1 where there is none."""
        text = str(self.fields.get("status", ""))
        status = int(text) if _STATUS.fullmatch(text) else NO_STATUS
        return status if -(2**15) <= status < 2**15 else NO_STATUS


def parse_entry(line: bytes) -> Entry:
    """Take a line apart.

    Raises:
        FormatError: it is no line of the index.
    """
    try:
        key, time, text = line.decode().split(" ", 2)
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise TypeError("no JSON object")  # noqa: TRY301 - told as the other ways to be no line
        for name in TEXT_FIELDS:
            if name in fields:
                fields[name] = _text(fields[name])
        if not all(fields.get(name) for name in _REQUIRED):
            raise ValueError(f"no {' or '.join(_REQUIRED)}")  # noqa: TRY301 - the same
        return Entry(key, _time(time), fields, _number(fields["offset"]), _number(fields["length"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(f"no line of the CDXJ index: {line[:100]!r}: {error!r:.200}", hint=_HINT) from error


def parse_line(line: str | bytes) -> dict[str, Any]:
    """Return the capture that a line tells of, by the names of the index's columns.

    Columns: ``crawl``, ``subset`` and ``warc_segment`` (``None`` where the file's path does not tell),
    ``url_surtkey``, ``fetch_time`` (in UTC), ``fetch_status``, ``warc_record_offset``, ``warc_record_length`` and
    those of `TEXT_FIELDS`, ``None`` if absent.

    Raises:
        FormatError: it is no line of the index.
    """
    entry = parse_entry(line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line)
    parts = path_parts(entry.fields["filename"])
    return {
        "crawl": parts.crawl,
        "subset": parts.subset,
        "url_surtkey": entry.key,
        "fetch_time": entry.time,
        "fetch_status": entry.status,
        **{column: entry.fields.get(name) for name, column in TEXT_FIELDS.items()},
        "warc_record_offset": entry.offset,
        "warc_record_length": entry.length,
        "warc_segment": parts.segment,
    }


def format_line(capture: Mapping[str, Any]) -> str:
    """Return the line of a capture, without a line end; `parse_line` gives the same values back.

    Args:
        capture: values by column; what is null or not there is left out, as in the index.

    Raises:
        InvalidInputError: a column is missing that every line tells.
    """
    missing = [name for name in LINE_COLUMNS if capture.get(name) is None]
    if missing:
        raise InvalidInputError(
            f"no CDXJ line without {', '.join(missing)}", hint=f"cdxj needs the columns {', '.join(LINE_COLUMNS)}"
        )
    fields = {name: str(value) for name in _ORDER if (value := capture.get(FIELD_COLUMNS[name])) is not None}
    if fields.get("status") == str(NO_STATUS):
        del fields["status"]
    return f"{capture['url_surtkey']} {capture['fetch_time']:%Y%m%d%H%M%S} {json.dumps(fields)}"


def path_parts(filename: str) -> PathParts:
    """Return crawl, segment and subset that the path of a WARC file names."""
    match = _PATH.match(filename)
    return PathParts(match[1], match[2], match[3]) if match else PathParts(None, None, None)


def _time(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError(f"no time: {text!r:.40}")
    return datetime(
        int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[8:10]), int(text[10:12]), int(text[12:]),
        tzinfo=timezone.utc,
    )  # fmt: skip


def _text(value: object) -> str | None:
    """A field as the columnar index has it: text, with a question mark where no character can be."""
    if value is None:
        return None
    if isinstance(value, (dict, list)):
        raise TypeError(f"no text: {value!r:.40}")
    return str(value).encode("utf-8", "replace").decode()


def _number(value: object) -> int:
    text = str(value)
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"no number: {value!r:.40}")
    return int(text)
