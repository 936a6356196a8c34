"""Sound files: every layout, read in any steps, gives back what was written."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctrawl.warc import read_records

if TYPE_CHECKING:
    from pathlib import Path

    from tests.warc.conftest import Readings, Warcs

SHAPES = ("per record", "several in a member", "across members", "one member")
LAYOUTS = (
    *SHAPES,
    "plain",
    *(f"zstd {shape}" for shape in SHAPES),
    "zstd dictionary per record",
    *(f"arc {shape}" for shape in SHAPES),
    "arc plain",
)


@pytest.mark.parametrize("kind", LAYOUTS)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 12), chunk_bytes=st.sampled_from((19, 100, 4096, 1 << 20)))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_layout_read_in_any_steps_gives_back_the_records(  # noqa: PLR0917 - fixtures and drawn values
    warcs: Warcs, readings: Readings, kind: str, seed: int, count: int, chunk_bytes: int
) -> None:
    """Records of any size and header style come back equal, in order, from any layout, in reads of any size."""
    rng = random.Random(seed)
    written = warcs.written(rng, count, kind)
    layout = warcs.layout(written, kind, rng)
    source = readings.trickle(layout.data, rng, rng.choice((1, 50, 100_000)))
    records = list(read_records(source, chunk_bytes=chunk_bytes))
    assert [(r.url, r.block) for r in records] == [(w.url, w.block) for w in written]
    for record, span in zip(records, layout.spans, strict=True):
        assert record.offset == span[0]
        assert record.length in (None, span[1] - span[0])


@pytest.mark.parametrize("kind", ["per record", "plain", "zstd per record", "arc per record", "arc plain"])
@pytest.mark.parametrize("chunk_bytes", [19, 1 << 20])
def test_offset_and_length_give_the_record_again(
    warcs: Warcs, readings: Readings, kind: str, chunk_bytes: int
) -> None:
    """``source[offset : offset + length]`` is the record, also in a plain file."""
    rng = random.Random(7)
    layout = warcs.layout(warcs.written(rng, 30, kind), kind, rng)
    records, _ = readings.read(layout.data, chunk_bytes=chunk_bytes)
    assert [(r.offset, r.offset + (r.length or 0)) for r in records] == layout.spans
    for record, (start, stop) in zip(records, layout.spans, strict=True):
        again, _ = readings.read(layout.data[start:stop])
        assert [r.block for r in again] == [record.block]


def test_a_record_that_shares_its_member_has_no_length(warcs: Warcs, readings: Readings) -> None:
    """Two records in a member both have its offset, and no length: no range holds one alone."""
    first, second = (warcs.record(b"x" * 10, f"https://{n}.example/") for n in "ab")
    records, _ = readings.read(warcs.gzip(first) + warcs.gzip(first + second))
    assert [(r.offset, r.length is None) for r in records][1:] == [(records[0].length, True)] * 2


def test_real_files_give_the_golden_counts(real_warcs: Path) -> None:
    """Where the reference readers agree, so do we; a silently shortened record is reported instead."""
    for golden in json.loads((real_warcs / "GOLDEN.json").read_text()):
        path = real_warcs / golden["file"]
        with path.open("rb") as file:
            reader = read_records(file, on_damage="skip")
            types = Counter(record.type for record in reader)
        better = max(golden["warcio_1_8_1"][0], golden["fastwarc_2_0_1"][0])
        assert types.total() + reader.damaged_count == better, golden["file"]
        if not reader.damaged_count and golden["records_by_type"]:
            assert types == golden["records_by_type"], golden["file"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_length_off_by_two_loses_no_record(warcs: Warcs, readings: Readings, *, packed: bool) -> None:
    """A Content-Length that is off by two, or an extra line end behind the block, costs no record."""
    raws = [
        warcs.record(b"long", declared=6),
        warcs.record(b"extra", end=b"\r\n\r\n\r\n"),
        warcs.record(b"sound"),
        warcs.record(b"last", declared=6),
    ]
    records, damages = readings.read(b"".join(map(warcs.gzip, raws)) if packed else b"".join(raws))
    assert [r.block for r in records] == [b"long\r\n", b"extra", b"sound", b"last\r\n"]
    assert len(damages) == (0 if packed else 2)  # without a CRC-32, two bytes may really be missing
    assert all(damage.skipped_bytes == 0 for damage in damages)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r"])
def test_a_record_without_a_blank_line_comes_out_and_is_told(warcs: Warcs, readings: Readings, end: bytes) -> None:
    """A sound member whose record ends with less than a line is a record all the same, and damage of no bytes."""
    odd, sound = warcs.gzip(warcs.record(b"odd", end=end)), warcs.gzip(warcs.record(b"sound"))
    records, damages = readings.read(sound + odd + sound)
    assert [r.block for r in records] == [b"sound", b"odd", b"sound"]
    assert [(damage.offset, damage.skipped_bytes) for damage in damages] == [(len(sound), 0)]


@pytest.mark.parametrize("data", [b"", b"\r\n", gzip.compress(b"", mtime=0), b"\r\n\r\n\r\n"])
def test_a_source_without_records_gives_none(readings: Readings, data: bytes) -> None:
    """Nothing, blank lines and an empty gzip member are no records and no damage."""
    assert readings.read(data) == ([], [])


def test_big_records_are_streamed(warcs: Warcs, readings: Readings) -> None:
    """A member longer than the fast path holds comes out whole, with its offset and length."""
    block = random.Random(0).randbytes(9 << 20)
    small = warcs.gzip(warcs.record(b"small"))
    big = warcs.gzip(warcs.record(block))
    records, _ = readings.read(small + big + small)
    assert [(r.offset, r.length) for r in records] == [
        (0, len(small)),
        (len(small), len(big)),
        (len(small) + len(big), len(small)),
    ]
    assert records[1].block == block


def test_a_gzip_header_inside_the_data_is_no_boundary(warcs: Warcs, readings: Readings) -> None:
    """A crawled gzip file stored without compression does not cut its record."""
    inner = gzip.compress(b"inner " * 100, 9)
    member = zlib.compressobj(0, zlib.DEFLATED, 31)
    outer = member.compress(warcs.record(inner * 3)) + member.flush()
    records, _ = readings.read(outer + outer, on_damage="raise")
    assert [(r.offset, r.length, r.block) for r in records] == [
        (0, len(outer), inner * 3),
        (len(outer), len(outer), inner * 3),
    ]
