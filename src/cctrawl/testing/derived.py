"""WAT and WET: what is derived from each record of a WARC file, in the form that ia-web-commons gives it."""

from __future__ import annotations

import json
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from cctrawl.testing.writer import sha1_digest

if TYPE_CHECKING:
    from datetime import datetime

    from cctrawl.testing.answer import Answer
    from cctrawl.testing.writer import Fields, Member, WarcWriter

_EMPTY_DIGEST = sha1_digest(b"")


def write_derived_warcinfo(writer: WarcWriter, name: str, record_id: str, date: datetime, about: Fields) -> None:
    """Write the first record of a WAT or WET file; ``about`` holds the lines behind the extractor's own."""
    lines: Fields = [
        ("Software-Info", "ia-web-commons.1.1.10-SNAPSHOT-20240513074037"),
        ("Extracted-Date", format_datetime(date, usegmt=True)),
        *about,
    ]
    block = ("".join(f"{key}: {value}\r\n" for key, value in lines) + "\r\n").encode()
    fields: Fields = [
        ("WARC-Type", "warcinfo"),
        ("WARC-Date", f"{date:%Y-%m-%dT%H:%M:%SZ}"),
        ("WARC-Filename", name),
        ("WARC-Record-ID", record_id),
        ("Content-Type", "application/warc-fields"),
        ("Content-Length", str(len(block))),
    ]
    writer.write_fields(fields, block)


def write_wat_record(
    writer: WarcWriter,
    record_id: str,
    warc_name: str,
    source: tuple[Fields, bytes, Member],
    answer: Answer | None,
    *,
    as_lists: bool,
) -> None:
    """Write the JSON about one WARC record: ``source`` is its header, its block and where it stands.

    ``as_lists``: HTTP headers that came several times are lists, else the last value stands.
    """
    fields, block, member = source
    header = dict(fields)
    envelope = {
        "Payload-Metadata": _payload_metadata(header, block, answer, as_lists=as_lists),
        "Format": "WARC/1.0",
        "WARC-Header-Length": str(member.header_length),
        "WARC-Header-Metadata": header,
    }
    gzip_metadata = {
        "Deflate-Length": str(member.length),
        "Header-Length": "10",
        "Footer-Length": "8",
        "Inflated-CRC": str(member.crc32),
        "Inflated-Length": str(member.inflated_length),
    }
    container = {
        "Filename": warc_name,
        "Compressed": True,
        "Offset": str(member.offset),
        "Gzip-Metadata": gzip_metadata,
    }
    document = {"Container": container, "Envelope": envelope}
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    out: Fields = [
        ("WARC-Type", "metadata"),
        ("WARC-Target-URI", header.get("WARC-Target-URI", warc_name)),
        ("WARC-Date", header["WARC-Date"]),
        ("WARC-Record-ID", record_id),
        ("WARC-Refers-To", header["WARC-Record-ID"]),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(data))),
    ]
    writer.write_fields(out, data)


def _payload_metadata(
    header: dict[str, str], block: bytes, answer: Answer | None, *, as_lists: bool
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"Actual-Content-Type": header["Content-Type"]}
    if header["WARC-Type"] == "request":
        metadata["HTTP-Request-Metadata"] = _http_metadata(block, "Request-Message", as_lists=as_lists)
    elif header["WARC-Type"] == "response":
        metadata["HTTP-Response-Metadata"] = _http_metadata(block, "Response-Message", as_lists=as_lists)
        if answer is not None and "html" in answer.mime_detected and answer.payload:
            metadata["HTTP-Response-Metadata"]["HTML-Metadata"] = answer.html_metadata()
    else:
        pairs = [line.partition(": ")[::2] for line in block.decode().split("\r\n") if line]
        if header["WARC-Type"] == "warcinfo":
            metadata["WARC-Info-Metadata"] = dict(pairs)
        else:
            metadata["Actual-Content-Type"] = "application/metadata-fields"
            records = [{"Name": name, "Value": value} for name, value in pairs]
            metadata["WARC-Metadata-Metadata"] = {"Metadata-Records": records}
    metadata["Actual-Content-Length"] = header["Content-Length"]
    metadata["Trailing-Slop-Length"] = "4"
    metadata["Block-Digest"] = header.get("WARC-Block-Digest", sha1_digest(block))
    return metadata


def _http_metadata(block: bytes, message: str, *, as_lists: bool) -> dict[str, Any]:
    head, _, entity = block.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    words = first.split(" ", 2)
    headers: dict[str, Any] = {}
    for name, value in (line.split(": ", 1) for line in lines):
        if as_lists and name in headers:
            before = headers[name]
            headers[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            headers[name] = value
    names = ("Method", "Path", "Version") if message == "Request-Message" else ("Version", "Status", "Reason")
    # The extractor counts the blank line of an answer, but not that of a request.
    blank = 2 if message == "Request-Message" else 4
    return {
        message: dict(zip(names, words, strict=False)),
        "Headers-Length": str(len(head) + blank),
        "Headers": headers,
        "Entity-Length": str(len(entity)),
        "Entity-Digest": sha1_digest(entity) if entity else _EMPTY_DIGEST,
        "Entity-Trailing-Slop-Length": "0",
    }


def write_wet_record(writer: WarcWriter, record_id: str, refers_to: str, date: str, answer: Answer) -> None:
    """Write the text of a page, one line per block of text."""
    text = "".join(line + "\n" for line in answer.lines).encode()
    fields: Fields = [
        ("WARC-Type", "conversion"),
        ("WARC-Target-URI", answer.url),
        ("WARC-Date", date),
        ("WARC-Record-ID", record_id),
        ("WARC-Refers-To", refers_to),
        ("WARC-Block-Digest", sha1_digest(text)),
        ("WARC-Identified-Content-Language", ",".join(answer.languages)),
        ("Content-Type", "text/plain"),
        ("Content-Length", str(len(text))),
    ]
    writer.write_fields(fields, text)
