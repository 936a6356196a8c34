from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from cctrawl.errors import InvalidInputError
from cctrawl.testing import WarcWriter, gzip_member, http_message

PAYLOADS = st.lists(st.binary(max_size=300), min_size=1, max_size=4)


def payloads_by_warcio(data: bytes) -> list[tuple[str, bytes]]:
    """Return URL and payload of each response, digests checked, by another reader."""
    records = ArchiveIterator(io.BytesIO(data), check_digests="raise")
    return [(record.rec_headers["WARC-Target-URI"], record.content_stream().read()) for record in records]


@given(PAYLOADS, st.sampled_from(["members", "plain"]))
def test_another_reader_reads_what_was_written(payloads: list[bytes], layout: str) -> None:
    """Each record comes back with its URL and payload, and its digests are right."""
    stream = io.BytesIO()
    with WarcWriter(stream, layout=layout) as writer:  # type: ignore[arg-type]  # drawn from the literals
        for number, payload in enumerate(payloads):
            writer.write_response(f"http://example.com/{number}", payload)
    assert payloads_by_warcio(stream.getvalue()) == [
        (f"http://example.com/{number}", payload) for number, payload in enumerate(payloads)
    ]


@given(PAYLOADS)
def test_all_layouts_inflate_to_the_same_bytes(payloads: list[bytes]) -> None:
    """One gzip member, one for each record and none at all hold the same records."""
    plain = []
    for layout in ("members", "one-member", "plain"):
        stream = io.BytesIO()
        with WarcWriter(stream, layout=layout) as writer:
            for payload in payloads:
                writer.write_response("http://example.com/", payload)
        data = stream.getvalue()
        plain.append(data if layout == "plain" else gzip.decompress(data))
    assert plain[0] == plain[1] == plain[2]


def test_a_record_is_exactly_the_bytes_at_its_offset(tmp_path: Path) -> None:
    """What `write` returns is where the member stands, how long it is, and what is in it."""
    with WarcWriter(tmp_path / "a.warc.gz") as writer:
        members = [writer.write_response(f"http://example.com/{n}", b"x" * n) for n in range(5)]
    data = (tmp_path / "a.warc.gz").read_bytes()
    assert sum(member.length for member in members) == len(data)
    for number, member in enumerate(members):
        record = gzip.decompress(data[member.offset : member.offset + member.length])
        assert f"WARC-Target-URI: http://example.com/{number}\r\n".encode() in record[: member.header_length]
        assert record[: member.header_length].endswith(b"\r\n\r\n")
        assert (len(record), zlib.crc32(record)) == (member.inflated_length, member.crc32)


def test_broken_records_can_be_written() -> None:
    """Neither `write_fields` nor `write_bytes` adds or checks anything."""
    stream = io.BytesIO()
    with WarcWriter(stream, layout="plain") as writer:
        writer.write_fields([("content-LENGTH", "7")], b"x")
        member = writer.write_bytes(b"garbage")
    assert stream.getvalue() == b"WARC/1.0\r\ncontent-LENGTH: 7\r\n\r\nx\r\n\r\ngarbage"
    assert (member.offset, member.length) == (36, 7)


def test_any_type_and_header_of_a_record() -> None:
    """`write` takes any type, and puts further headers behind its own."""
    stream = io.BytesIO()
    with WarcWriter(stream, layout="plain") as writer:
        writer.write("metadata", b"a: b\r\n", content_type="application/warc-fields", headers=[("X-Own", "1")])
    head = stream.getvalue().split(b"\r\n\r\n")[0]
    assert b"WARC-Target-URI" not in head
    assert head.endswith(b"\r\nX-Own: 1")


def test_closing_twice_writes_once() -> None:
    """A second close changes nothing, and a stream that was handed in stays open."""
    stream = io.BytesIO()
    writer = WarcWriter(stream, layout="one-member")
    writer.write_response("http://example.com/", b"x")
    writer.close()
    once = stream.getvalue()
    writer.close()
    assert stream.getvalue() == once
    assert not stream.closed


def test_equal_data_give_equal_members() -> None:
    """A member holds no time stamp and no name of a system."""
    assert gzip_member(b"x")[:10] == b"\x1f\x8b\x08" + bytes(7)
    assert gzip.decompress(gzip_member(b"x") + gzip_member(b"y")) == b"xy"


def test_an_unknown_status_has_no_reason() -> None:
    """A status line is well formed without a reason, too."""
    assert http_message(299, [], b"") == b"HTTP/1.1 299\r\n\r\n"


def test_an_unknown_layout_is_refused() -> None:
    """A layout that is none is an error with a hint, before anything is written."""
    with pytest.raises(InvalidInputError) as caught:
        WarcWriter(io.BytesIO(), layout="zip")  # type: ignore[arg-type]  # that is the point
    assert caught.value.hint
