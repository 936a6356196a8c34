"""``.warc.zst``: frames of any kind, with and without a dictionary."""

from __future__ import annotations

import random
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import zstandard

from cctrawl.errors import FormatError
from cctrawl.warc import zstd

if TYPE_CHECKING:
    from tests.warc.conftest import Readings, Warcs

    from cctrawl.warc import RecordHead

SKIPPED = b"\x53\x2a\x4d\x18\x07\x00\x00\x00skipped"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("chunk_bytes", [19, 1 << 20])
def test_the_dictionary_at_the_begin_is_used(
    warcs: Warcs, readings: Readings, chunk_bytes: int, *, packed: bool
) -> None:
    """Frames packed with the dictionary in the leading frame, packed itself or not, are read; offsets stay true."""
    raws = [warcs.record(b"page %d" % number) for number in range(3)]
    dictionary, leading = warcs.dictionary(raws, packed=packed)
    frames = [warcs.zstd(raw, None, dictionary) for raw in raws]
    records, damages = readings.read(leading + b"".join(frames), chunk_bytes=chunk_bytes)
    assert not damages
    assert [record.block for record in records] == [b"page 0", b"page 1", b"page 2"]
    assert [(record.offset, record.length) for record in records] == [
        (len(leading) + sum(map(len, frames[:number])), len(frame)) for number, frame in enumerate(frames)
    ]


def test_a_frame_without_its_dictionary_is_named(warcs: Warcs, readings: Readings) -> None:
    """A frame cut out of a file with a dictionary says what is missing."""
    dictionary, _ = warcs.dictionary([])
    with pytest.raises(FormatError, match="needs the dictionary at the begin of the file"):
        readings.read(warcs.zstd(warcs.record(b"x"), None, dictionary))


def test_a_broken_dictionary_is_a_clear_error(warcs: Warcs, readings: Readings) -> None:
    """A dictionary that is cut, absurdly large, inflates to too much or is damaged fails at once, with a hint."""
    dictionary, leading = warcs.dictionary([], packed=True)
    frame = warcs.zstd(warcs.record(b"x"), None, dictionary)
    bomb = zstandard.compress(bytes(zstd.MAX_DICTIONARY_BYTES + 1))
    for data, message in (
        (leading[:-9], "cut short"),
        (b"\x5d\x2a\x4d\x18" + b"\xff" * 4, "more than 16777216"),
        (b"\x5d\x2a\x4d\x18" + len(bomb).to_bytes(4, "little") + bomb, "inflates to more"),
        (leading[:8] + b"\0" + leading[9:] + frame, "is no zstd dictionary"),
        (leading[:20] + bytes(40) + leading[60:] + frame, "[Dd]ictionary"),
    ):
        with pytest.raises(FormatError, match=message) as caught:
            readings.read(data, on_damage="skip")
        assert caught.value.hint


@pytest.mark.parametrize("chunk_bytes", [19, 1 << 20])
def test_frames_to_be_skipped_are(warcs: Warcs, readings: Readings, chunk_bytes: int) -> None:
    """Skippable frames before, between and behind records are neither records nor damage."""
    frame = warcs.zstd(warcs.record(b"x"))
    records, damages = readings.read(SKIPPED + frame + SKIPPED + frame + SKIPPED, chunk_bytes=chunk_bytes)
    assert [record.offset for record in records] == [15, 30 + len(frame)]
    assert not damages


def test_big_frames_are_streamed(warcs: Warcs, readings: Readings) -> None:
    """A frame longer than is held in one piece comes out whole, with its offset and length."""
    rng = random.Random(0)
    small, big = warcs.record(b"small"), warcs.record(rng.randbytes(9 << 20))
    frames = [warcs.zstd(raw) for raw in (small, big, small)]
    records, _ = readings.read(b"".join(frames), on_damage="raise")
    assert [record.length for record in records] == [len(frame) for frame in frames]
    assert records[1].block == big[-(9 << 20) - 4 : -4]


@pytest.mark.parametrize("garbage", [b"\0" * 300, b"x" * 5, b"\x28\xb5\x2f\xfd\0abc", b"\x28\xb5\x2f\xfd" * 20])
def test_garbage_between_and_behind_frames_is_damage(warcs: Warcs, readings: Readings, garbage: bytes) -> None:
    """Garbage is reported with its offset and size; no record is lost."""
    frame = warcs.zstd(warcs.record(b"sound"))
    records, damages = readings.read(frame + garbage + frame + garbage)
    assert [record.block for record in records] == [b"sound", b"sound"]
    assert [(damage.offset, damage.skipped_bytes) for damage in damages] == [
        (len(frame), len(garbage)),
        (2 * len(frame) + len(garbage), len(garbage)),
    ]


def test_a_cut_file_reports_its_last_record(warcs: Warcs, readings: Readings) -> None:
    """A file cut anywhere in its last frame gives the others and one damage that reaches to the end."""
    first, last = warcs.zstd(warcs.record(b"first")), warcs.zstd(warcs.record(b"last"))
    for kept in range(1, len(last)):
        records, damages = readings.read(first + last[:kept])
        assert records[0].block == b"first"
        assert [damage.offset for damage in damages] == [len(first)], kept


def test_want_leaves_bodies_out_uninflated(
    warcs: Warcs, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a frame with several blocks, only the first is inflated where the record is not wanted."""
    rng = random.Random(1)
    frames = [warcs.zstd(warcs.record(rng.randbytes(400_000), f"https://{name}.example/")) for name in "abc"]
    inflated: list[int] = []
    whole = zstd.Frames._inflated

    def counted(self: zstd.Frames, stored: memoryview, extent: zstd.Extent) -> bytes | None:
        inflated.append(len(stored))
        return whole(self, stored, extent)

    monkeypatch.setattr(zstd.Frames, "_inflated", counted)
    asked: list[str] = []

    def want(head: RecordHead) -> bool:
        asked.append(head.url)
        return head.url == "https://b.example/"

    records, _ = readings.read(b"".join(frames), want=want)
    assert [record.url for record in records] == ["https://b.example/"]
    assert asked == [f"https://{name}.example/" for name in "abc"]
    assert inflated == [len(frames[1])]


def bomb(size: int, *, with_size: bool = True) -> bytes:
    """Return a frame of zeros."""
    packer = zstandard.ZstdCompressor(write_content_size=with_size, write_checksum=True)
    stream = packer.compressobj(size=size if with_size else -1)
    pieces = [stream.compress(b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 9999999999\r\n\r\n")]
    size -= len(b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 9999999999\r\n\r\n")
    pieces += [stream.compress(bytes(min(1 << 20, size - at))) for at in range(0, size, 1 << 20)]
    return b"".join(pieces) + stream.flush()


@pytest.mark.parametrize("with_size", [True, False])
def test_a_bomb_is_refused_in_bounded_memory(warcs: Warcs, readings: Readings, *, with_size: bool) -> None:
    """A frame that inflates to much more than a record may have is one damage; its neighbours come out."""
    sound = warcs.zstd(warcs.record(b"sound"))
    data = sound + bomb(256 << 20, with_size=with_size) + sound
    tracemalloc.start()
    records, damages = readings.read(data, max_record_bytes=1 << 20)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [record.block for record in records] == [b"sound", b"sound"]
    assert [damage.offset for damage in damages] == [len(sound)]
    assert peak_bytes < 16 << 20


@pytest.mark.parametrize("block", [b"\x00\x00\x00", b"\x0a\x00\x00A"])
def test_blocks_without_end_cost_time_in_proportion(block: bytes) -> None:
    """Blocks that hold nothing, or one byte, are not gone through again for each that follows."""
    inflater = zstd.Zstd().inflater()
    piece, taken_bytes = inflater.inflate(b"\x28\xb5\x2f\xfd\x00\x58" + block * 20_000, 1 << 18)
    assert taken_bytes == 6 + 20_000 * len(block)
    assert piece in {b"", b"A" * 20_000}
    assert len(inflater._pieces) in {0, 20_000}


def test_an_absurd_window_or_size_costs_no_memory(warcs: Warcs, readings: Readings) -> None:
    """A header that asks for a window, or declares a size, beyond measure is damage, and nothing is reserved."""
    sound = warcs.zstd(warcs.record(b"sound"))
    block = b"\x01\x00\x00"  # the last, raw, empty
    window = b"\x28\xb5\x2f\xfd\x00\xff" + block
    size = b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 7 + b"\x0f" + block
    tracemalloc.start()
    records, damages = readings.read(sound + window + sound + size + sound)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(records) == 3
    assert [damage.offset for damage in damages] == [len(sound), 2 * len(sound) + len(window)]
    assert peak_bytes < 4 << 20


def test_extents_are_those_of_the_frames(warcs: Warcs) -> None:
    """Where a frame ends is known without inflating it, for frames of every style."""
    rng = random.Random(5)
    frames = [warcs.zstd(rng.randbytes(rng.choice((0, 10, 300_000))), rng) for _ in range(30)] + [SKIPPED]
    data = b"".join(frames)
    ends = [0]
    while ends[-1] < len(data):
        extent = zstd.whole_frame(data, ends[-1])
        assert extent is not None
        ends.append(extent.stop)
    assert [stop - start for start, stop in pairwise(ends)] == [len(frame) for frame in frames]
