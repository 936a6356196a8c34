"""What is wanted of a record: itself, its page, the page's text, its headers, or all that in a row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cctrawl.captures.lists import PLACE_COLUMNS
from cctrawl.captures.outputs.plain_text import page_text
from cctrawl.captures.records import Fetched
from cctrawl.errors import InvalidInputError
from cctrawl.warc import Headers, Record

VIEWS = ("warc", "text", "html", "headers", "json")
_ENDINGS = {"text": ".txt", "html": ".html", "headers": ".txt", "json": ".json"}
_STORED_ENDINGS = (".warc", ".warc.zst", ".arc.gz", ".arc")  # of files whose records are no `.warc.gz`
_ABOUT = ("crawl", "url", "fetch_time", "http_status")
_OWN = {
    "text": ("text",),
    "html": ("html",),
    "headers": ("headers",),
    "json": ("headers", "charset", "truncated", "text"),
}


def columns(view: str) -> tuple[str, ...]:
    """Return the columns of a view's rows.

    Raises:
        InvalidInputError: a record as it is stored is no row.
    """
    if view == "warc":
        raise InvalidInputError(
            "WARC records are no rows", hint="--as json, text, html or headers; or -o NAME.warc.gz"
        )
    return (*_ABOUT, *_OWN[view], *PLACE_COLUMNS)


def row(fetched: Fetched, view: str) -> tuple[Any, ...]:
    """Return a record's values for `columns`: numbers, texts, ``None``, and headers by name."""
    record = fetched.record
    about = (fetched.capture.get("crawl"), record.url, record.date, record.http_status)
    own = tuple(_value(record, name) for name in _OWN[view])
    return (*about, *own, *(fetched.capture.get(name) for name in PLACE_COLUMNS))


def stored_form(fetched: Fetched, view: str) -> bytes:
    """Return a record as a file of its own has it; all but ``warc`` and ``html`` end with a line end."""
    record = fetched.record
    if view == "warc":
        return fetched.data
    if view == "html":
        return record.payload
    if view == "json":
        return _encoded(json.dumps(dict(zip(columns(view), row(fetched, view), strict=True)), ensure_ascii=False))
    if view == "headers":
        return _head(record)
    return _encoded(page_text(record))


def _head(record: Record) -> bytes:
    """Return the HTTP head of a record as it is stored, or WARC's header fields if it holds no HTTP message."""
    if len(record.http_headers):
        block = record.block
        return block[: len(block) - len(record.stored_payload)].rstrip(b"\r\n") + b"\n"
    return _encoded("\n".join(f"{name}: {value}" for name, value in record.headers.fields))


def headers_of(record: Record) -> dict[str, Any]:
    """Return a record's HTTP header fields, or WARC's without HTTP; a list where a name stands more than once."""
    fields = record.http_headers or record.headers
    return {name: _one_or_many(fields, name) for name in fields}


def _one_or_many(fields: Headers, name: str) -> Any:  # noqa: ANN401 - a text or a list of them
    values = fields.get_all(name)
    return values[0] if len(values) == 1 else values


def _value(record: Record, name: str) -> Any:  # noqa: ANN401 - a text, ``None``, or headers by name
    if name == "text":
        return page_text(record)
    if name == "html":
        return record.text
    if name == "charset":
        return record.charset
    if name == "truncated":
        return record.truncated or None
    return headers_of(record)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace") + b"\n"


def page_ending(capture: Mapping[str, Any], view: str) -> str:
    """Return the ending of a record's file; of one as it is stored, that of the file which it is cut out of."""
    if view != "warc":
        return _ENDINGS[view]
    return next((one for one in _STORED_ENDINGS if str(capture["warc_filename"]).endswith(one)), ".warc.gz")


def page_name(capture: Mapping[str, Any], record: Record, ending: str) -> str:
    """Return a name for a record's file: host, time and place of the record, so that no two have the same.

    Files of one name lie in several folders (``warc``, ``robotstxt``), and long or odd names lose letters here:
    eight digits of the whole path's digest tell them apart.
    """
    host = record.url.partition("://")[2].partition("/")[0].rpartition("@")[2] or record.type or "record"
    kept = _plain(host.lower())[:100].strip(".") or "_"
    time = "".join(char for char in record.date if char.isdigit())[:14]
    path = str(capture["warc_filename"])
    file = path.rpartition("/")[2].partition(".warc")[0][-40:]
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{kept}-{time}-{_plain(file)}-{digest}-{capture['warc_record_offset']}{ending}"


def _plain(text: str) -> str:
    """Return a text in ASCII: names have at most 255 bytes, and letters up to four."""
    return "".join(char if char.isascii() and (char.isalnum() or char in ".-") else "_" for char in text)
