"""ARC: records come out as a WARC's would."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

from cctrawl.warc.arc import MAX_LINE_BYTES, ArcLine, parse_line

if TYPE_CHECKING:
    from pathlib import Path

    from tests.warc.conftest import Readings, Warcs

FILEDESC = (
    b"filedesc://1281356492042_45.arc.gz 0.0.0.0 20100809123051 text/plain 72\n"
    b"1 0 CommonCrawl\nURL IP-address Archive-date Content-type Archive-length\n\n"
)
HTTP = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(
    b"<p>none", mtime=0
)


@pytest.mark.parametrize("packed", [False, True])
def test_a_record_has_what_a_warc_record_has(warcs: Warcs, readings: Readings, *, packed: bool) -> None:
    """Type, URL, date as ISO, HTTP status, headers and decoded payload, offset and length: as from a WARC."""
    pack = warcs.gzip if packed else bytes
    pieces = [pack(FILEDESC), pack(warcs.arc_record(HTTP, "http://example.org/a b"))]
    (about, page), damages = readings.read(b"".join(pieces))
    assert not damages
    assert (about.type, about.url, about.headers["WARC-Filename"]) == ("warcinfo", "", "1281356492042_45.arc.gz")
    assert about.text.startswith("1 0 CommonCrawl")
    assert (page.type, page.url, page.date) == ("response", "http://example.org/a b", "2010-01-02T03:04:05Z")
    assert (page.http_status, page.http_headers["content-type"], page.payload) == (404, "text/html", b"<p>none")
    assert page.headers["WARC-IP-Address"] == "192.0.2.1"
    assert (page.offset, page.length) == (len(pieces[0]), len(pieces[1]))
    assert page.find(b"none") == 3


def test_heads_are_named_as_warcio_names_them(warcs: Warcs, readings: Readings) -> None:
    """Field names and values are those of warcio's ``arc2warc``, but for the id that it makes up."""
    data = warcs.gzip(FILEDESC) + warcs.gzip(warcs.arc_record(HTTP))
    records, _ = readings.read(data)
    for record, other in zip(records, WarcioIterator(io.BytesIO(data), arc2warc=True), strict=True):
        theirs = dict(other.rec_headers.headers)
        del theirs["WARC-Record-ID"]
        theirs["Content-Type"] = theirs["Content-Type"].replace(";msgtype", "; msgtype")
        if record.type != "warcinfo":  # of which warcio takes two lines of the block for the head
            assert dict(record.headers) == theirs
            assert (record.http_status, record.payload) == (404, other.content_stream().read())


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (
            "http://a.de/ 1.2.3.4 20100102030405 text/html 12",
            "http://a.de/|1.2.3.4|2010-01-02T03:04:05Z|text/html|12",
        ),
        ("dns:a.de 1.2.3.4 20100102030405 text/dns 12\r", "dns:a.de|1.2.3.4|2010-01-02T03:04:05Z|text/dns|12"),
        ("http://a.de/ ::1 20100102 text/html 1", "http://a.de/|::1|2010-01-02T00:00:00Z|text/html|1"),
        ("http://a/ b 1.2.3.4 20100102030405 t/h; x=y 1", "http://a/ b|1.2.3.4|2010-01-02T03:04:05Z|t/h; x=y|1"),
        (
            "http://a/ 1.2.3.4 20100102030405 t/h 200 QUJD - 99 a.arc 1",
            "http://a/|1.2.3.4|2010-01-02T03:04:05Z|t/h|1",
        ),
        ("http://a/ 1.2.3.4 20100102030405 1", "http://a/|1.2.3.4|2010-01-02T03:04:05Z||1"),
        ("http://a/ 1.2.3.4 20101302030405 t/h 1", None),
        ("http://a/ 1.2.3.4 20100102030405 t/h x", None),
        ("http://a/ 20100102030405 t/h 1", None),
        ("", None),
    ],
)
def test_header_lines(line: str, fields: str | None) -> None:
    """Header lines of both versions are read; spaces in URL and type are survived; what is none is none."""
    found = parse_line(line.encode())
    assert (found and "|".join(x.decode() if isinstance(x, bytes) else str(x) for x in found)) == fields


@given(st.binary(max_size=80) | st.text("http:/ 0123456789.-\n", max_size=80).map(str.encode))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_bytes_may_be_asked_for_a_header_line(line: bytes) -> None:
    """Whatever stands there, it is a header line or it is not; nothing fails."""
    assert parse_line(line) is None or isinstance(parse_line(line), ArcLine)


@pytest.mark.parametrize("declared", [5, 40, 4000, 10**9, 10**17])
@pytest.mark.parametrize("packed", [False, True])
def test_a_wrong_length_costs_one_record(warcs: Warcs, readings: Readings, declared: int, *, packed: bool) -> None:
    """A length too small, too large or absurd is damage of its own record alone."""
    pack = warcs.gzip if packed else bytes
    sound = warcs.arc_record(b"sound " * 9)
    wrong = warcs.arc_record(b"wrong " * 9).replace(b" 54\n", b" %d\n" % declared)
    records, damages = readings.read(b"".join(map(pack, (sound, wrong, sound, sound))))
    assert [record.block[:5] for record in records] == [b"sound"] * 3
    assert [(d.offset, d.skipped_bytes) for d in damages] == [(len(pack(sound)), len(pack(wrong)))]


@pytest.mark.parametrize("packed", [False, True])
def test_a_length_that_ends_before_a_line_end_by_chance_costs_one_record(
    warcs: Warcs, readings: Readings, *, packed: bool
) -> None:
    """A length so wrong that it ends at a line's end within a later record does not swallow that one."""
    sound, later = warcs.arc_record(b"sound"), warcs.arc_record(b"later\nblock", "http://later.example/")
    reaching = len(b"wrong\n") + later.index(b"\nblock")
    wrong = warcs.arc_record(b"wrong").replace(b" 5\n", b" %d\n" % reaching)
    stream = sound + wrong + later + sound
    records, damages = readings.read(warcs.gzip(stream) if packed else stream)
    assert [record.block[:5] for record in records] == [b"sound", b"later", b"sound"]
    assert len(damages) == 1


@pytest.mark.parametrize("gone", [b"", b"x"])
def test_a_record_whose_line_end_is_gone_comes_out_and_is_told(
    warcs: Warcs, readings: Readings, gone: bytes
) -> None:
    """Where the next header line follows at once, or behind one odd byte, no record is lost."""
    sound, odd = warcs.arc_record(b"sound"), warcs.arc_record(b"odd")[:-1] + gone
    records, damages = readings.read(sound + odd + sound)
    assert [record.block for record in records] == [b"sound", b"odd", b"sound"]
    assert [(damage.offset, damage.skipped_bytes) for damage in damages] == [(len(sound), 0)]


@pytest.mark.parametrize("packed", [False, True])
def test_a_record_cut_out_of_a_file_is_recognized(warcs: Warcs, readings: Readings, *, packed: bool) -> None:
    """A byte range that holds one record is ARC, too, without the first record of the file."""
    record = warcs.arc_record(b"alone", "http://example.org/" + "long" * 300)
    records, _ = readings.read(warcs.gzip(record) if packed else record, on_damage="raise")
    assert [found.block for found in records] == [b"alone"]


def test_the_final_line_end_may_be_missing(warcs: Warcs, readings: Readings) -> None:
    """Some writers put the line end before a record: the last one, or each member, then ends with its block."""
    record = warcs.arc_record(b"block")[:-1]
    for data in (warcs.gzip(record) * 3, b"\n".join([record] * 3)):
        records, damages = readings.read(data)
        assert [found.block for found in records] == [b"block"] * 3
        assert not damages


def test_an_arc_inside_a_record_is_its_block(warcs: Warcs, readings: Readings) -> None:
    """Header lines within a block are no records."""
    outer = warcs.arc_record(warcs.arc_record(b"inner") * 3)
    records, damages = readings.read(outer + outer)
    assert [record.block for record in records] == [warcs.arc_record(b"inner") * 3] * 2
    assert not damages


def test_a_damaged_begin_is_passed_over(warcs: Warcs, readings: Readings) -> None:
    """A file whose first record is gone is ARC all the same."""
    sound = warcs.arc_record(b"sound " * 9)
    for data in (b"\0" * 20 + warcs.gzip(FILEDESC)[20:] + warcs.gzip(sound), b"\0" * 20 + FILEDESC[20:] + sound):
        records, damages = readings.read(data)
        assert [record.block for record in records] == [b"sound " * 9]
        assert [damage.offset for damage in damages] == [0]


@pytest.mark.parametrize("url_bytes", [*range(MAX_LINE_BYTES - 45, MAX_LINE_BYTES + 20, 3), 3 * MAX_LINE_BYTES])
def test_a_header_line_of_the_greatest_length(warcs: Warcs, readings: Readings, url_bytes: int) -> None:
    """A header line just short enough is read, a longer one is damage; either way the next record comes out."""
    long = warcs.arc_record(b"long", "http://" + "a" * (url_bytes - 7))
    records, damages = readings.read(FILEDESC + long + warcs.arc_record(b"next"))
    is_short = long.index(b"\n") < MAX_LINE_BYTES
    assert [record.block for record in records[1:]] == ([b"long"] if is_short else []) + [b"next"]
    assert len(damages) == (not is_short)


def test_the_real_file(real_warcs: Path) -> None:
    """The one real ARC gives the two records that warcio finds."""
    with (real_warcs / "webrecorder-warcio--example.arc.gz").open("rb") as file:
        others = [record.rec_headers.get_header("WARC-Type") for record in WarcioIterator(file, arc2warc=True)]
    from cctrawl.warc import read_records  # noqa: PLC0415 - the only test that reads a path

    found = list(read_records(real_warcs / "webrecorder-warcio--example.arc.gz"))
    assert [record.type for record in found] == others == ["warcinfo", "response"]
    assert found[1].http_status == 200
    assert "Example Domain" in found[1].text
