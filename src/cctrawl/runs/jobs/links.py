"""Who links to whom? From WAT files, whose JSON lists the links of each page as they stand in its HTML."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from cctrawl.runs.jobs.job import job
from cctrawl.runs.jobs.tally import tally

if TYPE_CHECKING:
    from cctrawl.warc import Record, RecordHead

    Row = tuple[str, str, str, str]

_NEEDLE = b'"HTML-Metadata"'

# What needs no joining: an absolute URL, or a path from the root, without anything that browsers change.
_AS_IT_IS = re.compile(r"https?://[a-zA-Z0-9][a-zA-Z0-9.\-]*(?::\d+)?(?:[/?#][^\\\s\x00-\x1f]*)?")
_FROM_ROOT = re.compile(r"/(?![/.])(?:(?!/\.)[^\\\s\x00-\x1f])*")
_ORIGIN = re.compile(r"(https?://[^/?#\\\s]+)")
_WITH_HOST = re.compile(r"(?:https?|ftp)://[^/?#\s]", re.IGNORECASE)

# What the HTML parser of a browser does with an attribute, and its URL parser with what is left.
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]*);")
_OTHER_SCHEME = re.compile(r"(?!(?:https?|ftp):)[a-zA-Z][a-zA-Z0-9+.\-]*:", re.IGNORECASE)
_LINE_ENDS = re.compile(r"[\t\n\r]")
_AROUND = "".join(map(chr, range(0x21)))


def _metadata(head: RecordHead) -> bool:
    return head.type == "metadata"


@job("source", "target", "rel", "text", want=_metadata, kind="wat")
def links(records: Iterator[Record]) -> Iterator[Row]:
    """One row per link of a page: the page, where it leads, its rel (of LINK elements) and its text."""
    for record in records:
        if record.find(_NEEDLE) >= 0:
            found = _html_metadata(record.payload)
            if found is not None:
                yield from _links(record.url, found)


def _html_metadata(document: bytes) -> dict[str, Any] | None:
    """Return the part about HTML of a WAT record's JSON, or None."""
    try:
        found = json.loads(document)["Envelope"]["Payload-Metadata"]["HTTP-Response-Metadata"]["HTML-Metadata"]
    except (LookupError, TypeError):  # the name stands elsewhere: in an HTTP header, or a text
        return None
    except (ValueError, RecursionError):
        tally("WAT records that cannot be read")
        return None
    return found if isinstance(found, dict) else None


def _links(page: str, metadata: dict[str, Any]) -> Iterator[Row]:
    head = metadata.get("Head")
    head = head if isinstance(head, dict) else {}
    join = _Joiner(page, head.get("Base"))
    for entry in (*_entries(head, "Link"), *_entries(metadata, "Links")):
        url = entry.get("url")
        if isinstance(url, str):
            target = join(url)
            if target:
                yield page, target, _text(entry.get("rel")), _text(entry.get("text"))


def _entries(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    entries = holder.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _text(value: object) -> str:
    """Return an attribute as text; one that was given several times may be a list."""
    if isinstance(value, list):
        return " ".join(_unescaped(item) for item in value if isinstance(item, str))
    return _unescaped(value) if isinstance(value, str) else ""


def _unescaped(text: str) -> str:
    """Replace whole entities; ``&copy=1`` in a URL is none."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    try:
        return html.unescape(entity[0])
    except ValueError:  # Python reads no number of thousands of digits; no character has one
        return "\N{REPLACEMENT CHARACTER}"


class _Joiner:
    """Makes the links of one page absolute; "" for those that lead nowhere, which are counted.

    Args:
        page: the page's URL.
        base: what its BASE element says, if it has one.
    """

    def __init__(self, page: str, base: object) -> None:
        self._base = page
        if isinstance(base, str):
            self._base = self._joined(_unescaped(base)) or page
        origin = _ORIGIN.match(self._base)
        self._origin = origin[1] if origin else ""

    def __call__(self, link: str) -> str:
        link = _unescaped(link)
        if _AS_IT_IS.fullmatch(link):
            return link
        if self._origin and _FROM_ROOT.fullmatch(link):
            return self._origin + link
        target = self._joined(link)
        if not target:
            tally("links that cannot be resolved")
        elif not _WITH_HOST.match(target):
            tally("links that lead to no host (javascript:, mailto: and the like)")
            return ""
        return target

    def _joined(self, link: str) -> str:
        link = _LINE_ENDS.sub("", link.strip(_AROUND))
        if "\\" in link and not _OTHER_SCHEME.match(link):
            path, mark, rest = link.partition("?")
            link = path.replace("\\", "/") + mark + rest
        try:
            scheme, colon, rest = urljoin(self._base, link).partition(":")
        except ValueError:  # a bracket that opens no IPv6 address
            return ""
        return scheme.lower() + colon + rest
