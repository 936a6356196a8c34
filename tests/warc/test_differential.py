"""Sound files, as fastwarc and warcio read them: where they understand a file, they see what we see."""

from __future__ import annotations

import gzip
import io
import random
from typing import TYPE_CHECKING, NamedTuple

import pytest
import zstandard
from fastwarc.warc import ArchiveIterator as FastIterator
from fastwarc.warc import WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

from cctrawl.warc import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.warc.conftest import Readings, Warcs

SHAPES = ("per record", "several in a member", "across members", "one member")
SEEDS = st.integers(0, 2**32)
STATUSES = (200, 200, 301, 404, 500)


class Seen(NamedTuple):
    """A record as any of the readers sees it."""

    type: str
    url: str
    date: str
    status: int | None
    headers: list[tuple[str, str]]
    content: bytes


def http_block(warcs: Warcs, rng: random.Random) -> bytes:
    """Return an HTTP response, its body plain, packed or in chunks."""
    body = warcs.block(rng, rng.choice((0, 1, 900, 20_000)))
    fields = ["Content-Type: text/html", f"X-Odd:{rng.random()}", "Set-Cookie: a=1", "Set-Cookie: b=2"]
    if rng.random() < 0.3:
        body = gzip.compress(body, mtime=0)
        fields.append("Content-Encoding: gzip")
    if rng.random() < 0.3:
        at = rng.randrange(len(body) + 1)
        pieces = [piece for piece in (body[:at], body[at:]) if piece]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        fields.append("Transfer-Encoding: chunked")
    head = "\r\n".join([f"HTTP/1.1 {rng.choice(STATUSES)} Some Reason", *fields, "", ""])
    return head.encode() + body


def warc_stream(warcs: Warcs, rng: random.Random) -> list[bytes]:
    """Return records such as crawlers write, in the subset of WARC that all readers understand."""
    raws = [warcs.record(b"software: x\r\n", "", "warcinfo")]
    for number in range(rng.randrange(1, 12)):
        url = f"https://host{number}.example/{rng.random()}"
        request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
        http = b"Content-Type: application/http; msgtype=%b\r\n"
        raws.append(warcs.record(request, url, "request", extra=http % b"request"))
        raws.append(
            warcs.record(
                http_block(warcs, rng), url, version=rng.choice((b"WARC/1.0", b"WARC/1.1")),
                extra=http % b"response",
            )
        )  # fmt: skip
        raws.append(warcs.record(b"fetchTimeMs: 3\r\n\r\n", url, "metadata"))
    return raws


def packed(warcs: Warcs, raws: list[bytes], shape: str, rng: random.Random) -> bytes:
    """Return the records as a gzip file of one of the shapes."""
    stream = b"".join(raws)
    if shape == "per record":
        return b"".join(warcs.gzip(raw, rng) for raw in raws)
    if shape == "several in a member":
        return b"".join(warcs.gzip(b"".join(raws[at : at + 3]), rng) for at in range(0, len(raws), 3))
    step = rng.randrange(500, 5000) if shape == "across members" else len(stream)
    return b"".join(warcs.gzip(stream[at : at + step], rng) for at in range(0, len(stream), step))


def ours(data: bytes, readings: Readings, rng: random.Random, *, decoded: bool) -> Iterator[Seen]:
    """Yield what we see, in reads of any size; any damage is an error."""
    source = readings.trickle(data, rng, rng.choice((1, 50, 100_000)))
    for record in read_records(source, chunk_bytes=rng.choice((19, 1000, 1 << 20))):
        headers = list(record.http_headers.fields)
        content = record.payload if decoded else record.block
        yield Seen(record.type, record.url, record.date, record.http_status, headers, content)


def fastwarcs(data: bytes) -> Iterator[Seen]:
    """Yield what fastwarc sees; the block as it is stored."""
    for record in FastIterator(io.BytesIO(data), parse_http=False, record_types=WarcRecordType.any_type):
        block = record.reader.read()
        status, headers = None, []
        if record.is_http:
            head = block.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
            headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:])]
            status = int(head[0].split(" ")[1]) if head[0].startswith("HTTP/") else None
        url = record.headers.get("WARC-Target-URI", "")
        yield Seen(record.headers["WARC-Type"], url, record.headers["WARC-Date"], status, headers, block)


def warcios(data: bytes) -> Iterator[Seen]:
    """Yield what warcio sees; the content decoded."""
    for record in WarcioIterator(io.BytesIO(data), arc2warc=True):
        http = record.http_headers
        status = None
        if http and http.protocol.startswith("HTTP/"):
            status = int(http.get_statuscode())
        date = record.rec_headers.get_header("WARC-Date")
        url = record.rec_headers.get_header("WARC-Target-URI") or ""
        headers = list(http.headers) if http else []
        yield Seen(record.rec_type, url, date, status, headers, record.content_stream().read())


@pytest.mark.parametrize("shape", [*SHAPES, "plain"])
@given(seed=SEEDS)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_fastwarc_sees_the_same(warcs: Warcs, readings: Readings, shape: str, seed: int) -> None:
    """Types, URLs, dates, statuses, HTTP headers and blocks are those that fastwarc reads, in every gzip layout."""
    rng = random.Random(seed)
    raws = warc_stream(warcs, rng)
    data = b"".join(raws) if shape == "plain" else packed(warcs, raws, shape, rng)
    assert list(ours(data, readings, rng, decoded=False)) == list(fastwarcs(data))


@pytest.mark.parametrize("shape", ["per record", "plain"])
@given(seed=SEEDS)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_warcio_sees_the_same(warcs: Warcs, readings: Readings, shape: str, seed: int) -> None:
    """The same goes for warcio, which also decodes contents; it refuses the other layouts."""
    rng = random.Random(seed)
    raws = warc_stream(warcs, rng)
    data = b"".join(raws) if shape == "plain" else packed(warcs, raws, shape, rng)
    assert list(ours(data, readings, rng, decoded=True)) == list(warcios(data))


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=SEEDS)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_zstd_gives_what_its_inflated_bytes_give(warcs: Warcs, readings: Readings, shape: str, seed: int) -> None:
    """A .warc.zst holds what fastwarc finds in the bytes that the zstd library inflates it to."""
    rng = random.Random(seed)
    raws = warc_stream(warcs, rng)
    stream = b"".join(raws)
    steps = {"per record": raws, "one member": [stream]}.get(shape) or [
        stream[at : at + 1777] for at in range(0, len(stream), 1777)
    ]
    if shape == "several in a member":
        steps = [b"".join(raws[at : at + 3]) for at in range(0, len(raws), 3)]
    data = b"".join(warcs.zstd(step, rng) for step in steps)
    inflated = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    assert list(ours(data, readings, rng, decoded=False)) == list(fastwarcs(inflated))


@pytest.mark.parametrize("shape", ["per record", "plain"])
@given(seed=SEEDS)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_warcio_sees_the_same_in_arc(warcs: Warcs, readings: Readings, shape: str, seed: int) -> None:
    """ARC records are those that warcio makes WARC of."""
    rng = random.Random(seed)
    raws = [warcs.arc_record(http_block(warcs, rng), f"http://a.example/{number}") for number in range(9)]
    data = b"".join(raws) if shape == "plain" else b"".join(warcs.gzip(raw, rng) for raw in raws)
    assert list(ours(data, readings, rng, decoded=True)) == list(warcios(data))


@pytest.mark.parametrize("arc", [False, True])
def test_places_are_those_of_warcio(warcs: Warcs, *, arc: bool) -> None:
    """Offset and length of a record are those that warcio gives, to which indexes are made."""
    rng = random.Random(11)
    raws = [warcs.arc_record(b"x" * n) for n in range(9)] if arc else warc_stream(warcs, rng)
    data = b"".join(warcs.gzip(raw, rng) for raw in raws)
    theirs, places = WarcioIterator(io.BytesIO(data)), []
    for record in theirs:
        record.content_stream().read()
        places.append((theirs.get_record_offset(), theirs.get_record_length()))
    assert [(record.offset, record.length) for record in read_records(io.BytesIO(data))] == places
