"""Sources made to cost time, memory or records: none of them succeeds."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import FormatError
from cctrawl.warc import framing, read_records, streaming
from cctrawl.warc.heads import MAX_HEAD_BYTES, Headers, find_blank_line
from cctrawl.warc.packing import GzipInflater, inflates
from cctrawl.warc.payload import decode_payload
from cctrawl.warc.zstd import ZstdInflater

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.warc.conftest import Readings, Warcs

    from cctrawl.warc import RecordHead
    from cctrawl.warc.packing import Packing


def test_a_lost_header_behind_a_member_left_out_is_damage(warcs: Warcs, readings: Readings) -> None:
    """A member that lost its header is told, even behind one of equal size that ``want`` leaves out."""
    rng = random.Random(1)
    first, second, third = (
        warcs.gzip(warcs.record(rng.randbytes(9000), f"https://{name}.example/")) for name in "abc"
    )
    data = first + b"\0\0\0" + second[3:] + third
    records, damages = readings.read(data, want=lambda head: head.url != "https://a.example/")
    assert [record.url for record in records] == ["https://c.example/"]
    assert [(damage.offset, damage.skipped_bytes) for damage in damages] == [(len(first), len(second))]


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_each_byte_is_searched_once_for_the_end_of_a_head(
    readings: Readings, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    """Version lines without fields cost time in proportion to their bytes, not to their square."""
    data = b"WARC/1.0\r\n" * 6000 + end
    searched_bytes = 0

    def counted(raw: bytes, start: int, stop: int) -> tuple[int, int] | None:
        nonlocal searched_bytes
        searched_bytes += min(stop, len(raw)) - start
        return find_blank_line(raw, start, stop)

    monkeypatch.setattr(framing, "find_blank_line", counted)
    with suppress(FormatError):  # no record was recognized
        readings.read(data)
    assert searched_bytes < 3 * len(data)


def test_a_sound_head_inside_an_endless_one_is_found(warcs: Warcs, readings: Readings) -> None:
    """A record whose head begins before an endless head is given up is not lost with it."""
    data = b"WARC/1.0\r\n" + b"X-Fill: x\r\n" * ((MAX_HEAD_BYTES - 30) // 11) + warcs.record(b"sound")
    records, damages = readings.read(data, on_damage="skip")
    assert [record.block for record in records] == [b"sound"]
    assert not damages


@pytest.mark.parametrize("head", [b"WARC/1.0\r\n\r\n", b"WARC/1.0\r\na: b\r\n\r\n"])
def test_many_heads_without_a_record_are_one_damage_in_flat_memory(
    warcs: Warcs, readings: Readings, head: bytes
) -> None:
    """Heads that are no records' are forgotten one by one, however many a member holds."""
    data = warcs.gzip(head * 200_000)
    tracemalloc.start()
    records, damages = readings.read(data, max_record_bytes=1 << 20)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not records
    assert [damage.offset for damage in damages] == [0]
    assert peak_bytes < 8 << 20


def test_each_record_is_asked_about_once_and_counted_if_sound(warcs: Warcs) -> None:
    """Whatever becomes of its member, a record is asked about at most once; damaged ones are not counted."""
    rng = random.Random(1)
    first, second = (warcs.gzip(warcs.record(rng.randbytes(9000), f"https://{name}.example/")) for name in "ab")
    odd_end = warcs.gzip(warcs.record(rng.randbytes(9000), "https://a.example/", end=b"\n\n\n\n"))
    broken = first[:-8] + b"\0\0\0\0" + first[-4:]
    sound = ["https://a.example/", "https://b.example/"]
    for data, max_record_bytes, expected in (
        (first + first[-20:] + second, 1 << 20, sound),
        (first + second, 9000, sound),
        (odd_end + second, 1 << 20, sound),
        (broken + second, 1 << 20, sound[1:]),
    ):
        asked: list[str] = []

        def want(head: RecordHead, asked: list[str] = asked) -> bool:
            asked.append(head.url)
            return True

        reader = read_records(io.BytesIO(data), want, "skip", max_record_bytes=max_record_bytes)
        assert [record.url for record in reader] == expected
        assert asked == sound
        assert reader.records_read == len(expected)


def test_members_faked_inside_each_other_are_read_a_bounded_number_of_times(
    warcs: Warcs, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gzip headers every 15 bytes that each inflate to the end cost one damage, told exactly, and bounded work."""
    monkeypatch.setattr(streaming, "_MOST_REREAD_BYTES", 1 << 20)
    begun = 0

    def counted(gzip: Packing, start: bytes) -> bool:
        nonlocal begun
        begun += 1
        return inflates(gzip, start)

    monkeypatch.setattr(streaming, "inflates", counted)
    stored_bytes = 45_000 - 5
    unit = bytes.fromhex("1f8b0800000000000003") + b"\0" + stored_bytes.to_bytes(2, "little")
    unit += (stored_bytes ^ 0xFFFF).to_bytes(2, "little")
    fakes = unit * 20_000
    first = warcs.gzip(warcs.record(b"first"))
    records, damages = readings.read(first + fakes)
    assert [record.block for record in records] == [b"first"]
    assert [(damage.offset, damage.skipped_bytes) for damage in damages] == [(len(first), len(fakes))]
    assert begun < 5000


def test_many_small_members_in_a_body_are_joined() -> None:
    """A body of many gzip streams is inflated whole."""
    stream = gzip.compress(b"x", mtime=0)
    body = decode_payload(stream * 20_000, Headers(b"Content-Encoding: gzip\r\n"))
    assert body == b"x" * 20_000


def test_a_plain_head_with_control_bytes_is_damage(warcs: Warcs, readings: Readings) -> None:
    """What damage merged into a head is no record; the records around it come out."""
    sound = warcs.record(b"sound")
    records, damages = readings.read(sound + warcs.record(b"odd", "https://a\x07b.example/") + sound)
    assert [record.block for record in records] == [b"sound", b"sound"]
    assert [damage.offset for damage in damages] == [len(sound)]


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n", b"\r\nContent-Length: 99\r\n\r\n"])
def test_heads_inside_a_head_are_not_tried_one_by_one(
    warcs: Warcs, readings: Readings, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    """Version lines that share one end are looked at a few times, and a sound record behind is found."""
    begun = 0

    def counted(raw: bytes, start: int, stop: int) -> tuple[int, int] | None:
        nonlocal begun
        begun += 1
        return find_blank_line(raw, start, stop)

    monkeypatch.setattr(framing, "find_blank_line", counted)
    records, damages = readings.read(
        warcs.gzip(b"WARC/1.0\r\nfoo" * 200_000 + end) + warcs.gzip(warcs.record(b"x"))
    )
    assert [record.block for record in records] == [b"x"]
    assert len(damages) == 1
    assert begun < 200


def zstd_zeros(size: int) -> bytes:
    """Return a frame that inflates to zeros, made of blocks of four bytes that give 128 KiB each."""
    run = (128 << 10) << 3 | 1 << 1
    blocks = [(run | (at == 1)).to_bytes(3, "little") + b"\0" for at in range(size >> 17, 0, -1)]
    return b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(blocks)


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize(
    "start", [b"", b"WARC/1.0\r\nContent-Length: 9999999999\r\n\r\n", b"WARC/1.0\r\nX: ", b"\r\n"]
)
def test_what_inflates_without_a_record_is_given_up(
    warcs: Warcs, readings: Readings, monkeypatch: pytest.MonkeyPatch, packing: str, start: bytes
) -> None:
    """Of a member without records little more than a record's limit is inflated, in flat memory, once."""
    pack = warcs.gzip if packing == "gzip" else warcs.zstd
    inflater = GzipInflater if packing == "gzip" else ZstdInflater
    inflate: Callable[[object, bytes, int], tuple[bytes, int]] = inflater.inflate  # type: ignore[assignment]
    inflated_bytes = 0

    def counted(self: object, given: bytes, most_bytes: int) -> tuple[bytes, int]:
        nonlocal inflated_bytes
        piece, taken_bytes = inflate(self, given, most_bytes)
        inflated_bytes += len(piece)
        return piece, taken_bytes

    monkeypatch.setattr(inflater, "inflate", counted)
    zeros = zstd_zeros(64 << 20) if packing == "zstd" and not start else pack(start + bytes(64 << 20))
    sound = pack(warcs.record(b"sound"))
    tracemalloc.start()
    records, damages = readings.read(sound + zeros * 3 + sound, max_record_bytes=4 << 20)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [record.block for record in records] == [b"sound", b"sound"]
    assert [damage.offset for damage in damages] == [len(sound)]
    assert inflated_bytes < 3 * (8 << 20)
    assert peak_bytes < 20 << 20
