"""Files that are not compressed: the fast way and the careful way, and records that lie in the reader's memory."""

from __future__ import annotations

import copy
import io
import pickle
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctrawl.errors import FormatError
from cctrawl.warc import framing, plain, read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.warc.conftest import Readings, Warcs

    from cctrawl.warc import Damage, Record


def seen(records: list[Record]) -> list[tuple[object, ...]]:
    """Return all that tells records apart."""
    return [(r.offset, r.length, r.type, r.url, list(r.headers.items()), r.block) for r in records]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Damage the data in one to three places."""
    for _ in range(rng.randint(0, 3)):
        start = rng.randrange(len(data))
        stop = min(len(data), start + rng.choice((1, 2, 7, 40, 900)))
        middle = rng.choice(
            (b"", rng.randbytes(stop - start), bytes(stop - start), data[start:stop] * 2, b"\r\n", b"\n")
        )
        data = data[:start] + middle + data[stop:]
    return data


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_fast_way_gives_what_the_careful_way_gives(warcs: Warcs, readings: Readings, seed: int) -> None:
    """Sound or damaged, in chunks of any size and any short reads: the same records, and the same damage."""
    rng = random.Random(seed)
    data = mutated(warcs.layout(warcs.records(rng, 8), "plain", rng).data, rng)
    chunk_bytes = rng.choice((19, 64, 333, 1000, 5000, 1 << 20))

    def read(source: io.IOBase) -> tuple[list[tuple[object, ...]], list[tuple[int, int]]] | str:
        damages: list[Damage] = []
        try:
            records = list(read_records(source, on_damage=damages.append, chunk_bytes=chunk_bytes))
        except FormatError as error:
            return str(error)
        return seen(records), [(damage.offset, damage.skipped_bytes) for damage in damages]

    fast = read(readings.trickle(data, rng, rng.choice((1, 50, 1 << 20))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_usual_span", lambda *_: None)
        careful = read(io.BytesIO(data))
    assert fast == careful


def test_usual_records_are_not_copied_and_odd_ones_do_not_stop_that(warcs: Warcs) -> None:
    """Behind a record that is written in another way, records lie in the reader's memory again."""
    odd = warcs.record(b"odd" * 50, eol=b"\n")
    data = b"".join([*[warcs.record(b"usual" * 50)] * 3, odd, odd, *[warcs.record(b"usual" * 50)] * 3])
    lent = [isinstance(record._raw, memoryview) for record in read_records(io.BytesIO(data))]
    assert lent == [True] * 3 + [False] * 2 + [True] * 3


def test_a_record_that_is_kept_does_not_keep_the_source(warcs: Warcs) -> None:
    """Whoever keeps one small record of each chunk holds small records, not chunks."""
    small = warcs.record(b"small", url="https://small.example/")
    data = (small + warcs.record(bytes(60_000))) * 200
    tracemalloc.start()
    try:
        kept = [record for record in read_records(io.BytesIO(data), chunk_bytes=1 << 16) if "small" in record.url]
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert {record.block for record in kept} == {b"small"}
    assert len(kept) == 200
    assert held_bytes < 1 << 20


def test_odd_records_among_usual_ones_keep_nothing_of_the_source(warcs: Warcs) -> None:
    """Where usual and odd records take turns, neither the reader nor a record that is kept holds what was read."""
    small, odd = warcs.record(b"small"), warcs.record(b"odd", eol=b"\n")
    data = (warcs.record(bytes(8000)) + small + odd + small + small) * 3000
    tracemalloc.start()
    try:
        records = read_records(io.BytesIO(data), chunk_bytes=1 << 16)
        kept = [record for record in records if record.length is not None and record.length < 1000]
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 12_000
    assert peak_bytes < 16 << 20 < len(data)


def test_odd_records_among_usual_ones_are_copied_a_bounded_number_of_times(
    warcs: Warcs, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each odd record costs a little of what lies behind it, not all that is in memory."""
    fed_bytes = 0

    feed = framing.Framer.feed

    def counted(self: framing.Framer, data: bytes) -> Iterator[framing.Frame | framing.Junk]:
        nonlocal fed_bytes
        fed_bytes += len(data)
        return feed(self, data)

    monkeypatch.setattr(framing.Framer, "feed", counted)
    data = (warcs.record(b"usual") * 3 + warcs.record(b"odd", eol=b"\n")) * 3000
    records, damages = readings.read(data)
    assert (len(records), len(damages)) == (12_000, 0)
    assert 0 < fed_bytes <= 3000 << 16


@pytest.mark.parametrize("kind", ["per record", "plain"])
def test_records_can_be_copied_and_sent_to_other_processes(warcs: Warcs, kind: str) -> None:
    """A pickled or copied record is the record."""
    rng = random.Random(0)
    for record in read_records(io.BytesIO(warcs.layout(warcs.records(rng, 5), kind, rng).data)):
        assert seen([pickle.loads(pickle.dumps(record))]) == seen([copy.copy(record)]) == seen([record])  # noqa: S301 - our own


def test_a_record_longer_than_chunks_is_read(warcs: Warcs, readings: Readings) -> None:
    """A record may span many chunks, at the beginning, in the middle and at the end."""
    blocks = [bytes([65 + i]) * size for i, size in enumerate((50_000, 10, 70_000, 20, 90_000))]
    data = b"".join(warcs.record(block) for block in blocks)
    for chunk_bytes in (100, 4096, 65_536):
        records, damages = readings.read(data, chunk_bytes=chunk_bytes)
        assert [r.block for r in records] == blocks
        assert not damages


@pytest.mark.parametrize("blank", [b"\n\n", b"\n\r\n"])
def test_a_head_ends_at_its_first_blank_line_of_any_kind(warcs: Warcs, readings: Readings, blank: bytes) -> None:
    """A blank line written in another way ends the head, though a usual one stands where the next record fits."""
    usual = warcs.record(b"usual")
    block = b"x" * (len(usual) - 4) + b"\r\n\r\nbody"
    head = warcs.record(block).partition(b"\r\n\r\n")[0]
    records, damages = readings.read(usual + head + blank + block + b"\r\n\r\n" + usual)
    assert [record.block for record in records] == [b"usual", block, b"usual"]
    assert not damages


@pytest.mark.parametrize("chunk_bytes", [100, 1 << 20])
def test_a_record_longer_than_may_be_is_damage(warcs: Warcs, readings: Readings, chunk_bytes: int) -> None:
    """The limit holds for usual records too, in memory or not."""
    small, big = warcs.record(b"small"), warcs.record(bytes(5000))
    records, damages = readings.read(small + big + small, max_record_bytes=4000, chunk_bytes=chunk_bytes)
    assert [record.block for record in records] == [b"small", b"small"]
    assert [(damage.offset, damage.skipped_bytes) for damage in damages] == [(len(small), len(big))]


def test_want_sees_the_heads_and_leaves_records_out(warcs: Warcs) -> None:
    """Records that are not wanted are counted, not handed out."""
    data = b"".join(warcs.record(b"x" * n, url=f"https://{n}.example/") for n in range(1, 50))
    reader = read_records(io.BytesIO(data), want=lambda head: head.url.startswith("https://7."), chunk_bytes=700)
    assert [record.block for record in reader] == [b"x" * 7]
    assert reader.records_read == 49


def test_a_record_of_many_chunks_is_not_put_together_chunk_by_chunk(warcs: Warcs) -> None:
    """What a long record lacks is read at once: chunk by chunk all of it would be copied each time."""
    asked: list[int] = []

    class Counted(io.BytesIO):
        def read(self, length: int | None = -1, /) -> bytes:
            asked.append(length or 0)
            return super().read(length)

    block = bytes(400_000)
    records = list(read_records(Counted(warcs.record(block) + warcs.record(b"next")), chunk_bytes=1000))
    assert [record.block for record in records] == [block, b"next"]
    assert len(asked) < 10
