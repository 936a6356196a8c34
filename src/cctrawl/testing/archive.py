"""Writes one WARC file of a crawl with its WAT and WET, record by record, and keeps the books about its pages."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cctrawl.testing.corpus import LANGUAGES
from cctrawl.testing.derived import write_derived_warcinfo, write_wat_record, write_wet_record
from cctrawl.testing.sites import Site
from cctrawl.testing.writer import Fields, Member, WarcWriter, http_message, sha1_digest

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from cctrawl.testing.answer import Answer

_LANGUAGES = {language.code: language for language in LANGUAGES}
_ROBOTS = "checked via crawler-commons 1.5-SNAPSHOT (https://github.com/crawler-commons/crawler-commons)"
# Which lines of the WARC file's own warcinfo come back in those of its WAT and WET.
_WAT_ABOUT = ("hostname", "format", "conformsTo")
_WET_ABOUT = ("robots", "isPartOf", "operator", "description", "publisher")

# HTTP headers that came several times are lists in WAT since CC-MAIN-2024-51; here since this crawl, to have both.
_LISTS_SINCE = "CC-MAIN-2024-22"


@dataclass(frozen=True)
class FakePage:
    """A capture of the fake web: its row in the index, and what a reader and the ``themes`` job must find in it.

    Attributes:
        url: as it was fetched.
        time: when it was fetched, in UTC.
        status: the HTTP status.
        subset: ``warc``, ``robotstxt`` or ``crawldiagnostics``.
        mime: type that the server sent; mime_detected: type that the content shows.
        charset: the charset of the bytes, "" if it has none; declared: where the page tells it: ``header``,
            ``meta``, ``both``, ``bom`` or ``none``.
        languages: ISO 639-3 codes, the first the main one.
        title: the page's title, "" if it has none: a decoded page holds it.
        truncated: why the payload was cut, "" if it was not.
        redirect: where a redirect leads, "" if nowhere.
        server: the ``Server`` header of the answer.
        payload_digest: SHA-1 of the payload in base32.
        payload_bytes: length of the payload.
        themes: what the ``themes`` job must report of it, in order of appearance.
        warc_filename: listed path of its WARC file; warc_record_offset, warc_record_length: its gzip member.
        record_id: the UUID of its record as text, "" in ARC files.
        site: its host.
    """

    url: str
    time: datetime
    status: int
    subset: str
    mime: str
    mime_detected: str
    charset: str
    declared: str
    languages: tuple[str, ...]
    title: str
    truncated: str
    redirect: str
    server: str
    payload_digest: str
    payload_bytes: int
    themes: tuple[str, ...]
    warc_filename: str
    warc_record_offset: int
    warc_record_length: int
    record_id: str
    site: Site

    @property
    def domain(self) -> str:
        """What the ``themes`` job calls the domain: host and port as they stand in the URL."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True)
class Place:
    """Where a WARC file goes and what its first record says.

    Attributes:
        root: the folder that stands for the base URL.
        path: listed path of the file.
        crawl: id of its crawl.
        subset: ``warc``, ``robotstxt`` or ``crawldiagnostics``.
        start: the fetch times lie in the three hours after it.
        derived: whether WAT and WET are written too.
    """

    root: Path
    path: str
    crawl: str
    subset: str
    start: datetime
    derived: bool

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return self.path.rpartition("/")[2]

    def sibling(self, kind: str) -> str:
        """Return the listed path of the WAT or WET file that belongs to this one."""
        return self.path.replace("/warc/", f"/{kind}/").replace(".warc.gz", f".warc.{kind}.gz")

    def create(self, path: str) -> Path:
        """Return where ``path`` lies on disk; its folder exists afterwards."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


class ArchiveWriter:
    """Writes the records of one WARC file and of what is derived from it; a context manager.

    Args:
        place: where the file goes.
        rng: the source of ids, addresses and times.
    """

    def __init__(self, place: Place, rng: random.Random) -> None:
        self._place = place
        self._rng = rng
        self._files = ExitStack()
        self._warc = self._open(place.path)
        self._wat = self._open(place.sibling("wat")) if place.derived else None
        self._wet = self._open(place.sibling("wet")) if place.derived else None
        self._warcinfo_id = self._new_id()
        self._write_warcinfo()

    def write_answers(self, answers: Sequence[Answer]) -> list[FakePage]:
        """Write what was fetched, in order of time, and return the pages with their places."""
        step = timedelta(hours=3) / (len(answers) + 1)
        pages = []
        for number, answer in enumerate(answers, start=1):
            time = (self._place.start + number * step).replace(microsecond=0)
            pages.append(self._write_answer(answer, time))
        return pages

    def _write_answer(self, answer: Answer, time: datetime) -> FakePage:
        date = f"{time:%Y-%m-%dT%H:%M:%SZ}"
        address = f"198.51.100.{self._rng.randrange(1, 255)}"
        request_id, response_id = self._new_id(), self._new_id()
        self._record(*_request(answer, self._common("request", date, request_id, address, answer.url)))
        common = self._common(
            "revisit" if answer.status == 304 else "response", date, response_id, address, answer.url
        )
        member = self._record(*_response(answer, common, request_id), answer=answer)
        if self._place.subset != "robotstxt":
            common = self._common("metadata", date, self._new_id(), "", answer.url)
            self._record(*_metadata(answer, common, response_id, self._rng.randrange(30, 3000)))
        if self._wet is not None and answer.lines:
            write_wet_record(self._wet, self._new_id(), response_id, date, answer)
        return fake_page(answer, time, self._place, member, response_id[10:-1])  # without <urn:uuid:>

    def _record(self, fields: Fields, block: bytes, answer: Answer | None = None) -> Member:
        member = self._warc.write_fields(fields, block)
        if self._wat is not None:
            source = (fields, block, member)
            as_lists = self._place.crawl >= _LISTS_SINCE
            write_wat_record(self._wat, self._new_id(), self._place.name, source, answer, as_lists=as_lists)
        return member

    def _common(self, record_type: str, date: str, record_id: str, address: str, url: str) -> Fields:
        """The header lines that all records share; Content-Length is filled in when the block is known."""
        content_type = "application/warc-fields"
        if record_type != "metadata":
            message = "request" if record_type == "request" else "response"
            content_type = f"application/http; msgtype={message}"
        fields = [("WARC-Type", record_type), ("WARC-Date", date), ("WARC-Record-ID", record_id)]
        fields += [("Content-Length", ""), ("Content-Type", content_type), ("WARC-Warcinfo-ID", self._warcinfo_id)]
        fields += [("WARC-IP-Address", address)] if address else []
        return [*fields, ("WARC-Target-URI", url)]

    def _write_warcinfo(self) -> None:
        place = self._place
        about = {
            "isPartOf": place.crawl,
            "publisher": "Common Crawl",
            "description": f"Wide crawl of the web for {place.start:%B %Y}",
            "operator": "Common Crawl Admin (info@commoncrawl.org)",
            "hostname": "ip-10-67-67-211",
            "software": "Apache Nutch 1.19 (modified, https://github.com/commoncrawl/nutch/)",
            "robots": _ROBOTS,
            "format": "WARC File Format 1.1",
            "conformsTo": "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
        }
        block = "".join(f"{key}: {value}\r\n" for key, value in about.items()).encode()
        fields = [("WARC-Type", "warcinfo"), ("WARC-Date", f"{place.start:%Y-%m-%dT%H:%M:%SZ}")]
        fields += [("WARC-Record-ID", self._warcinfo_id), ("Content-Length", str(len(block)))]
        fields += [("Content-Type", "application/warc-fields"), ("WARC-Filename", place.name)]
        self._write_derived_warcinfo("wat", self._wat, [(key, about[key]) for key in _WAT_ABOUT])
        self._write_derived_warcinfo("wet", self._wet, [(key, about[key]) for key in _WET_ABOUT])
        self._record(fields, block)

    def _write_derived_warcinfo(self, kind: str, writer: WarcWriter | None, about: Fields) -> None:
        if writer is not None:
            name = self._place.sibling(kind).rpartition("/")[2]
            write_derived_warcinfo(writer, name, self._new_id(), self._place.start + timedelta(days=12), about)

    def _new_id(self) -> str:
        return f"<urn:uuid:{uuid.UUID(int=self._rng.getrandbits(128), version=4)}>"

    def _open(self, path: str) -> WarcWriter:
        return self._files.enter_context(WarcWriter(self._place.create(path)))

    def close(self) -> None:
        """Finish the files."""
        self._files.close()


def _filled(common: Fields, block: bytes, extra: Fields) -> Fields:
    length = str(len(block))
    return [(name, length if name == "Content-Length" else value) for name, value in common] + extra


def _request(answer: Answer, common: Fields) -> tuple[Fields, bytes]:
    parts = urlsplit(answer.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    block = (
        f"GET {path} HTTP/1.1\r\n"
        "User-Agent: CCBot/2.0 (https://commoncrawl.org/faq/)\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
        "Accept-Language: en-US,en;q=0.5\r\n"
        "Accept-Encoding: br,gzip\r\n"
        f"Host: {parts.netloc}\r\n"
        "Connection: Keep-Alive\r\n\r\n"
    ).encode()
    return _filled(common, block, []), block


def _response(answer: Answer, common: Fields, request_id: str) -> tuple[Fields, bytes]:
    block = http_message(answer.status, answer.headers, answer.payload)
    # Common Crawl puts WARC-Concurrent-To in front of the address.
    common = [*common[:6], ("WARC-Concurrent-To", request_id), *common[6:]]
    extra = [("WARC-Payload-Digest", sha1_digest(answer.payload)), ("WARC-Block-Digest", sha1_digest(block))]
    if answer.status == 304:
        extra.append(("WARC-Profile", "http://netpreserve.org/warc/1.1/revisit/server-not-modified"))
    if answer.truncated:
        extra.append(("WARC-Truncated", answer.truncated))
    if answer.mime_detected:
        extra.append(("WARC-Identified-Payload-Type", answer.mime_detected))
    return _filled(common, block, extra), block


def _metadata(answer: Answer, common: Fields, response_id: str, milliseconds: int) -> tuple[Fields, bytes]:
    lines = [f"fetchTimeMs: {milliseconds}"]
    if answer.charset:
        lines.append(f"charset-detected: {answer.charset}")
    if answer.languages:
        lines.append("languages-cld2: " + _detected_languages(answer))
    block = "\r\n".join([*lines, "", ""]).encode()
    common = [*common[:6], ("WARC-Concurrent-To", response_id), *common[6:]]
    return _filled(common, block, []), block


def _detected_languages(answer: Answer) -> str:
    languages = [
        {
            "code": _LANGUAGES[code].code2,
            "code-iso-639-3": code,
            "text-covered": 0.98 if len(answer.languages) == 1 else 0.49,
            "score": 1013.0,
            "name": _LANGUAGES[code].name,
        }
        for code in answer.languages
    ]
    text_bytes = sum(len(line.encode()) for line in answer.lines)
    found = {"reliable": len(languages) == 1, "text-bytes": text_bytes, "languages": languages}
    return json.dumps(found, separators=(",", ":"))


def fake_page(answer: Answer, time: datetime, place: Place, member: Member, record_id: str = "") -> FakePage:
    """Return the capture of an answer that was written as ``member`` of the file at ``place``, under this id."""
    return FakePage(
        url=answer.url,
        time=time,
        status=answer.status,
        subset=place.subset,
        mime=answer.mime,
        mime_detected=answer.mime_detected,
        charset=answer.charset,
        declared=answer.declared,
        languages=answer.languages,
        title=answer.title,
        truncated=answer.truncated,
        redirect=answer.redirect,
        server=dict(answer.headers)["Server"],
        payload_digest=sha1_digest(answer.payload).partition(":")[2],
        payload_bytes=len(answer.payload),
        themes=answer.themes,
        warc_filename=place.path,
        warc_record_offset=member.offset,
        warc_record_length=member.length,
        record_id=record_id,
        site=answer.site,
    )
