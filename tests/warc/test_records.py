"""What a record tells: heads, payloads, text; and what ``want`` and the source see of the reading."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from typing import TYPE_CHECKING

import brotli
import pytest

from cctrawl.errors import FormatError, NotFoundError
from cctrawl.settings import Settings
from cctrawl.warc import Headers, Record, RecordHead, members, read_records
from cctrawl.warc.payload import MAX_ENCODINGS, decode_payload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.warc.conftest import Readings, Warcs

PAGE = "<html><title>Käse</title><p>wp-content/themes/twenty</p></html>".encode() * 20


def http(body: bytes, *headers: str, eol: bytes = b"\r\n") -> bytes:
    """Return an HTTP response."""
    return eol.join((b"HTTP/1.1 200 OK", *(h.encode("latin-1") for h in headers), b"", body))


def only(warcs: Warcs, readings: Readings, block: bytes, kind: str = "response", extra: bytes = b"") -> Record:
    """Return the one record that holds ``block``."""
    records, damages = readings.read(warcs.gzip(warcs.record(block, kind=kind, extra=extra)))
    assert not damages
    return records[0]


def test_headers_forgive_and_forget_nothing() -> None:
    """Names are compared without case, the first value wins, all are kept, folded lines are joined."""
    headers = Headers(
        b"Set-Cookie: a\r\nX-Odd :  b \r\nset-cookie: c\r\nLong: one\r\n\ttwo\r\nno colon\r\nLast: \xe4"
    )
    assert headers["SET-COOKIE"] == "a"
    assert headers.get_all("Set-Cookie") == ["a", "c"]
    assert headers["x-odd"] == "b"
    assert headers["Long"] == "one two"
    assert headers["last"] == "ä"
    assert list(headers) == ["Set-Cookie", "X-Odd", "Long", "Last"]
    assert len(headers) == 4
    assert "LONG" in headers
    assert headers.get("absent") is None
    with pytest.raises(KeyError):
        headers["absent"]


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
def test_a_record_tells_what_its_head_says(warcs: Warcs, readings: Readings, eol: bytes) -> None:
    """Type, URL, id, date and truncation are read whatever the case of names and the line ends."""
    extra = b"warc-record-id: <urn:uuid:1>" + eol + b"WARC-TRUNCATED: length" + eol
    raw = warcs.record(b"x", "<https://e.example/ä>", "Response", eol, extra=extra, spell=str.lower)
    (record,), _ = readings.read(raw)
    assert (record.type, record.url, record.id) == ("response", "https://e.example/ä", "urn:uuid:1")
    assert (record.date, record.truncated, record.http_status) == ("2024-05-18T01:58:10Z", "length", None)
    assert record.headers["warc-type"] == "Response"


def test_a_record_without_fields_has_empty_ones(readings: Readings) -> None:
    """What is missing is the empty string, never an error."""
    (record,), _ = readings.read(b"WARC/1.0\r\nContent-Length: 2\r\n\r\nab\r\n\r\n")
    assert (record.type, record.url, record.id, record.date, record.truncated) == ("",) * 5
    assert (record.payload, record.text, record.charset, len(record.http_headers)) == (b"ab", "ab", "utf-8", 0)


def test_a_folded_field_is_read_whole(warcs: Warcs, readings: Readings) -> None:
    """A URL folded over two lines is not cut at the first."""
    raw = warcs.record(b"x", "", extra=b"WARC-Target-URI: https://e.example/\r\n  path\r\n")
    (record,), _ = readings.read(raw)
    assert record.url == "https://e.example/ path"


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
def test_the_http_message_is_taken_apart(warcs: Warcs, readings: Readings, eol: bytes) -> None:
    """Status, header fields and body come apart, whatever the line ends."""
    record = only(warcs, readings, http(PAGE, "Content-Type: text/html", "X-A: 1", "X-a: 2", eol=eol))
    assert (record.http_status, record.payload) == (200, PAGE)
    assert record.http_headers.get_all("x-A") == ["1", "2"]
    assert record.block.endswith(PAGE)


@pytest.mark.parametrize(
    ("kind", "block", "payload"),
    [
        ("response", b"HTTP/1.1 200 OK\r\nServer: x", b""),
        ("response", b"HTTP/1.1 200 OK\r\n\r\n", b""),
        ("request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nbody", b"body"),
        ("metadata", b"fetchTimeMs: 1\r\n\r\n", b"fetchTimeMs: 1\r\n\r\n"),
        ("resource", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
)
def test_the_payload_is_behind_the_http_head_if_there_is_one(
    warcs: Warcs, readings: Readings, kind: str, block: bytes, payload: bytes
) -> None:
    """Captures give what is behind their HTTP head, other records their block."""
    assert only(warcs, readings, block, kind).payload == payload


@pytest.mark.parametrize("headers", [[], ["Content-Encoding: gzip"]])
@pytest.mark.parametrize("needle", [b"<html", b"</html>", b"not there", b"HTTP/1.1", b""])
def test_find_finds_what_the_payload_holds(
    warcs: Warcs, readings: Readings, headers: list[str], needle: bytes
) -> None:
    """Searching a record is searching its payload, encoded or not, read before or not, never its HTTP head."""
    body = gzip.compress(PAGE, mtime=0) if headers else PAGE
    for kind in ("response", "resource"):
        record = only(warcs, readings, http(body, *headers) if kind == "response" else PAGE, kind)
        assert record.find(needle) == PAGE.find(needle)
        assert record.payload.find(needle) == record.find(needle)


def test_a_dns_response_is_no_http(warcs: Warcs, readings: Readings) -> None:
    """A response whose content type is another protocol's is given whole."""
    block = b"20240101\n\nexample.org. 1 IN A 1.2.3.4"
    assert only(warcs, readings, block, extra=b"Content-Type: text/dns\r\n").payload == block


def chunked(body: bytes) -> bytes:
    """Return the body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    """Return the body as a deflate stream without zlib's head, as many servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("stored", "headers"),
    [
        (gzip.compress(PAGE, mtime=0), ["Content-Encoding: gzip"]),
        (gzip.compress(PAGE[:9], mtime=0) + gzip.compress(PAGE[9:], mtime=0), ["content-encoding: x-gzip"]),
        (gzip.compress(PAGE, mtime=0) + b"\0\0", ["Content-Encoding: gzip"]),
        (zlib.compress(PAGE), ["Content-Encoding: deflate"]),
        (raw_deflate(PAGE), ["Content-Encoding: deflate"]),
        (brotli.compress(PAGE), ["Content-Encoding: br"]),
        (zlib.compress(gzip.compress(PAGE, mtime=0)), ["Content-Encoding: gzip, deflate"]),
        (chunked(PAGE), ["Transfer-Encoding: chunked"]),
        (chunked(gzip.compress(PAGE, mtime=0)), ["Transfer-Encoding: chunked", "Content-Encoding: gzip"]),
        *((PAGE, [f"Content-Encoding: {name}"]) for name in ("gzip", "deflate", "br", "identity", "nonsense")),
        (PAGE, ["Transfer-Encoding: chunked"]),
        (PAGE, ["X-Crawler-Content-Encoding: gzip"]),
    ],
)
def test_encodings_are_undone_where_they_are(
    warcs: Warcs, readings: Readings, stored: bytes, headers: list[str]
) -> None:
    """A body is decoded if it really is encoded, and left alone if its headers only say so."""
    assert only(warcs, readings, http(stored, *headers)).payload == PAGE


@pytest.mark.parametrize(
    "stored", [gzip.compress(PAGE, mtime=0)[:-20], chunked(PAGE)[:-40]], ids=["gzip", "chunked"]
)
def test_what_a_truncated_body_holds_comes_out(stored: bytes) -> None:
    """An encoded body that the crawler cut is decoded as far as it goes, else left as stored."""
    headers = Headers(b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked")
    cut = decode_payload(stored, headers, cut=True)
    assert cut
    assert PAGE.startswith(cut)
    assert decode_payload(stored, headers) == stored


@pytest.mark.parametrize(
    ("name", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)]
)
def test_an_encoded_bomb_stays_encoded(name: str, encode: object) -> None:
    """A body that decodes to more than the limit is left as stored."""
    bomb = encode(bytes(1 << 22))  # type: ignore[operator]
    assert decode_payload(bomb, Headers(f"Content-Encoding: {name}".encode()), max_bytes=1 << 20) == bomb


@pytest.mark.parametrize("kind", ["per record", "plain"])
@pytest.mark.parametrize(
    ("date", "headers", "dropped"),
    [
        (b"2018-08-16T01:58:10Z", [f"Content-Length: {len(PAGE)}"], True),
        (b"2018-08-16T01:58:10Z", ["Server: x"], True),
        (b"2018-08-16T01:58:10Z", [f"Content-Length: {len(PAGE) + 2}"], False),
        (b"2018-09-20T01:58:10Z", [f"Content-Length: {len(PAGE)}"], False),
    ],
)
def test_the_line_too_many_of_2018_34_is_no_payload(  # noqa: PLR0917 - a parameter for each column of the table
    warcs: Warcs,
    readings: Readings,
    kind: str,
    date: bytes,
    headers: list[str],
    dropped: bool,  # noqa: FBT001 - a parameter
) -> None:
    """In the crawl of August 2018 an empty line too many stands before each page, which is not the page's."""
    raw = warcs.record(http(b"\r\n" + PAGE, *headers)).replace(b"2024-05-18T01:58:10Z", date)
    records, damages = readings.read(raw if kind == "plain" else warcs.gzip(raw))
    payload = PAGE if dropped else b"\r\n" + PAGE
    assert not damages
    assert records[0].payload == bytes(records[0].payload_view) == records[0].text.encode() == payload
    assert records[0].find(b"<html>") == payload.find(b"<html>")
    assert records[0].block.endswith(b"\r\n\r\n\r\n" + PAGE)
    assert records[0].http_status == 200


def test_a_body_encoded_over_and_over_stays_encoded() -> None:
    """Encodings around encodings, each of which costs as much as the body, are not all undone; a few are."""
    stored = PAGE
    for _ in range(MAX_ENCODINGS):
        stored = gzip.compress(stored, 0, mtime=0)
    names = ["gzip"] * MAX_ENCODINGS
    assert decode_payload(stored, Headers(f"Content-Encoding: identity, {', '.join(names)}".encode())) == PAGE
    once_more = gzip.compress(stored, 0, mtime=0)
    assert decode_payload(once_more, Headers(f"Content-Encoding: gzip, {', '.join(names)}".encode())) == once_more


@pytest.mark.parametrize("big", [False, True])
def test_want_is_asked_before_the_body_is_inflated(
    warcs: Warcs, readings: Readings, monkeypatch: pytest.MonkeyPatch, *, big: bool
) -> None:
    """Each head is shown once, in order, as a ``RecordHead``; bodies of big records left out are not inflated."""
    inflated: list[int] = []
    whole = members.inflate_whole

    def counted(buf: bytes, start: int, stop: int, max_bytes: int) -> bytearray | None:
        inflated.append(stop - start)
        return whole(buf, start, stop, max_bytes)

    monkeypatch.setattr(members, "inflate_whole", counted)
    rng = random.Random(1)
    raws = [warcs.record(warcs.block(rng, 50_000 if big else 50), f"https://{n}.example/") for n in range(20)]
    heads: list[RecordHead] = []

    def want(head: RecordHead) -> bool:
        heads.append(head)
        return head.url == "https://7.example/"

    records, damages = readings.read(b"".join(map(warcs.gzip, raws)), want=want)
    assert [r.url for r in records] == ["https://7.example/"]
    assert [h.url for h in heads] == [f"https://{n}.example/" for n in range(20)]
    assert {type(h) for h in heads} == {RecordHead}
    assert not damages
    assert len(inflated) == (1 if big else 20)


@pytest.mark.parametrize("kind", ["per record", "several in a member", "across members", "one member", "plain"])
def test_want_sees_every_record_of_every_layout(warcs: Warcs, readings: Readings, kind: str) -> None:
    """What ``want`` chooses is what comes out, from any layout."""
    rng = random.Random(5)
    written = warcs.records(rng, 15)
    data = warcs.layout(written, kind, rng).data
    records, _ = readings.read(data, want=lambda head: head.url.startswith("https://host1"))
    assert [r.block for r in records] == [w.block for w in written if w.url.startswith("https://host1")]


def test_an_error_of_want_is_the_users_own(warcs: Warcs, readings: Readings) -> None:
    """What ``want`` raises comes through as it is."""

    def want(head: RecordHead) -> bool:
        raise LookupError(head.url)

    with pytest.raises(LookupError, match=r"example\.org"):
        readings.read(warcs.gzip(warcs.record(b"x")), want=want)


def test_a_path_is_opened_and_closed(warcs: Warcs, tmp_path: Path) -> None:
    """A path gives records that know the file's name; the end, an error and ``with`` close it."""
    path = tmp_path / "a.warc.gz"
    path.write_bytes(warcs.gzip(warcs.record(b"x")) * 3 + b"garbage")
    settings = Settings(data_dir=tmp_path)
    with read_records(path, settings=settings) as reader:
        assert next(reader).filename == "a.warc.gz"
    assert list(reader) == []
    reader = read_records(str(path), on_damage="skip", settings=settings)
    assert len(list(reader)) == 3
    with pytest.raises(FormatError, match=r"a\.warc\.gz"):
        list(read_records(path, settings=settings))


def test_a_missing_path_is_not_found(tmp_path: Path) -> None:
    """A path that is not there is told at once."""
    with pytest.raises(NotFoundError):
        read_records(tmp_path / "absent.warc.gz", settings=Settings(data_dir=tmp_path))


def test_a_users_own_source_is_left_open(warcs: Warcs) -> None:
    """A file object is read to its end and not closed."""
    source = io.BytesIO(warcs.gzip(warcs.record(b"x")))
    assert len(list(read_records(source))) == 1
    assert not source.closed


@pytest.mark.parametrize("headers", [[], ["Content-Encoding: gzip"]])
def test_find_goes_on_behind_a_find(warcs: Warcs, readings: Readings, headers: list[str]) -> None:
    """Every occurrence is found one after the other, as in the payload; a start below 0 is refused."""
    body = gzip.compress(PAGE, mtime=0) if headers else PAGE
    record = only(warcs, readings, http(body, *headers))
    for start in range(len(PAGE) + 3):
        assert record.find(b"t", start) == PAGE.find(b"t", start)
    with pytest.raises(ValueError, match="below 0"):
        record.find(b"t", -1)


@pytest.mark.parametrize("kind", ["per record", "plain"])
@pytest.mark.parametrize("headers", [[], ["Content-Encoding: gzip"]])
def test_the_view_of_a_payload_is_the_payload(
    warcs: Warcs, readings: Readings, kind: str, headers: list[str]
) -> None:
    """The view holds the payload's bytes, cannot be written to, and outlives its record."""
    raw = warcs.record(http(gzip.compress(PAGE, mtime=0) if headers else PAGE, *headers))
    data = raw if kind == "plain" else warcs.gzip(raw)
    view = readings.read(data)[0][0].payload_view
    assert bytes(view) == PAGE
    assert view.readonly
