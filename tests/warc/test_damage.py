"""Damage: never silent, never contagious, never expensive."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import FormatError, InvalidInputError
from cctrawl.warc import Damage, read_records
from cctrawl.warc.packing import GzipInflater

if TYPE_CHECKING:
    from tests.warc.conftest import Readings, Warcs


@pytest.mark.parametrize("garbage", [b"\0" * 300, b"x" * 5, b"\x1f\x8b\x08\0abc", b"\x1f\x8b\x08\0" * 20])
def test_garbage_between_and_behind_members_is_damage(warcs: Warcs, readings: Readings, garbage: bytes) -> None:
    """Garbage is reported with its offset and size, between members and behind the last; no record is lost."""
    member = warcs.gzip(warcs.record(b"sound"))
    records, damages = readings.read(member + garbage + member + garbage)
    assert [r.block for r in records] == [b"sound", b"sound"]
    assert [(d.offset, d.skipped_bytes) for d in damages] == [
        (len(member), len(garbage)),
        (2 * len(member) + len(garbage), len(garbage)),
    ]


def test_a_repeated_tail_does_not_pass_as_part_of_the_member(warcs: Warcs, readings: Readings) -> None:
    """A piece written twice ends in the right CRC-32 and length; it is damage all the same."""
    member = warcs.gzip(warcs.record(bytes(range(256)) * 4))
    for repeated in (1, 8, 12, 19, 20, 21, 40, len(member) - 20):
        records, damages = readings.read(member + member[-repeated:] + member)
        assert len(records) == 2
        assert [(d.offset, d.skipped_bytes) for d in damages] == [(len(member), repeated)]
        assert records[0].length == len(member)


@pytest.mark.parametrize("same", [True, False])
def test_a_member_whose_header_is_gone_is_not_taken_for_its_neighbours_tail(
    warcs: Warcs, readings: Readings, *, same: bool
) -> None:
    """Neighbours of equal size (or even equal content) do not hide that one of them cannot be read."""
    first, second = warcs.record(b"a" * 99), warcs.record((b"a" if same else b"b") * 99)
    broken = b"\0\0" + warcs.gzip(second)[2:]
    sound = warcs.gzip(first)
    records, damages = readings.read(sound + broken + sound)
    assert len(records) == 2
    assert [(d.offset, d.skipped_bytes) for d in damages] == [(len(sound), len(broken))]


@pytest.mark.parametrize("declared", [3, 30, 4000, 10**9, 10**17])
@pytest.mark.parametrize("packed", [False, True])
def test_a_wrong_content_length_costs_one_record(
    warcs: Warcs, readings: Readings, declared: int, *, packed: bool
) -> None:
    """A length too small, too large or absurd is damage of its own record alone."""
    sound = warcs.record(b"sound " * 9)
    wrong = warcs.record(b"wrong " * 9, declared=declared)
    pack = warcs.gzip if packed else bytes
    data = b"".join(map(pack, (sound, wrong, sound, sound)))
    records, damages = readings.read(data)
    assert [r.block[:5] for r in records] == [b"sound"] * 3
    assert [(d.offset, d.skipped_bytes) for d in damages] == [(len(pack(sound)), len(pack(wrong)))]


@pytest.mark.parametrize("packed", [False, True])
def test_a_cut_file_reports_its_last_record(warcs: Warcs, readings: Readings, *, packed: bool) -> None:
    """A file cut anywhere in its last record gives the others and one damage that reaches to the end."""
    pack = warcs.gzip if packed else bytes
    first, last = pack(warcs.record(b"first" * 50)), pack(warcs.record(b"last" * 50))
    for kept in range(1, len(last)):
        records, damages = readings.read(first + last[:kept])
        assert records[0].block == b"first" * 50
        assert len(damages) == 1, kept
        assert damages[0].offset == len(first)
        if len(records) == 1:
            assert damages[0].skipped_bytes == kept


@pytest.mark.parametrize("missing_bytes", range(1, 60))
def test_bytes_missing_from_a_plain_body_are_reported(warcs: Warcs, readings: Readings, missing_bytes: int) -> None:
    """However many bytes of a body are gone, that is reported, and the neighbours come out."""
    records = [warcs.record(name * 12) for name in (b"first", b"second", b"third")]
    cut = records[1][: -4 - missing_bytes] + records[1][-4:]
    found, damages = readings.read(records[0] + cut + records[2])
    assert found[0].block == b"first" * 12
    assert found[-1].block == b"third" * 12
    assert [d.offset for d in damages] == [len(records[0])]


def test_records_behind_damage_in_one_member_are_found(warcs: Warcs, readings: Readings) -> None:
    """Inside one sound member, junk between records is skipped and told in inflated bytes."""
    record = warcs.record(b"sound")
    records, damages = readings.read(warcs.gzip(record + b"junk!\n" + record))
    assert len(records) == 2
    assert [(d.offset, d.skipped_bytes) for d in damages] == [(0, 6)]


def test_a_member_that_holds_something_else_is_damage(warcs: Warcs, readings: Readings) -> None:
    """A sound gzip member that is no WARC (an error page) is told, and passed over."""
    member, page = warcs.gzip(warcs.record(b"sound")), warcs.gzip(b"<html>503 Slow Down</html>" * 50)
    records, damages = readings.read(member + page + member)
    assert len(records) == 2
    assert [(d.offset, d.skipped_bytes) for d in damages] == [(len(member), len(page))]


@pytest.mark.parametrize("declared", [8, 64 << 20])
def test_a_gzip_bomb_is_damage_in_bounded_memory(warcs: Warcs, readings: Readings, declared: int) -> None:
    """A member that inflates past the limit is told, costs no more memory than the limit, and hides no record."""
    bomb = warcs.gzip(warcs.record(bytes(64 << 20), declared=declared))
    sound = warcs.gzip(warcs.record(b"sound"))
    data = sound + bomb + sound
    tracemalloc.start()
    records, damages = readings.read(data, max_record_bytes=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [r.block for r in records] == [b"sound", b"sound"]
    assert [(d.offset, d.skipped_bytes) for d in damages] == [(len(sound), len(bomb))]
    assert peak < 24 << 20


def test_a_lying_size_at_the_members_end_allocates_nothing(warcs: Warcs, readings: Readings) -> None:
    """The length in a member's trailer is not trusted with memory."""
    member = warcs.gzip(warcs.record(b"x" * 1000))
    tracemalloc.start()
    records, damages = readings.read(member[:-4] + b"\xff\xff\xff\x0f" + member)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert (len(records), len(damages)) == (1, 1)


def test_an_endless_head_is_damage(warcs: Warcs, readings: Readings) -> None:
    """A head that never ends is given up after a stated limit."""
    sound = warcs.gzip(warcs.record(b"sound"))
    endless = warcs.gzip(b"WARC/1.0\r\n" + b"X-Endless: yes\r\n" * 100_000)
    records, damages = readings.read(sound + endless + sound)
    assert len(records) == 2
    assert [(d.offset, d.skipped_bytes) for d in damages] == [(len(sound), len(endless))]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\n<?xml version='1.0'?><Error><Code>SlowDown</Code>", "XML"),
        (b"\x28\xb5\x2f\xfd0000", "zstd frame"),
        (gzip.compress(b'{"a": 1}', mtime=0), "gzip of JSON"),
        (gzip.compress(b"nothing known\n" * 9, mtime=0), "no record was recognized"),
        (b"nothing known", "begins with b'nothing known'"),
    ],
)
def test_what_is_no_warc_is_named(readings: Readings, data: bytes, name: str) -> None:
    """Another format is an error that says what it looks like, even where damage is skipped."""
    with pytest.raises(FormatError, match=name):
        readings.read(data, on_damage="skip")


def test_raise_names_offset_and_next_step(warcs: Warcs) -> None:
    """By default the first damage is an error with file, offset and hint, after the records before it."""
    member = warcs.gzip(warcs.record(b"sound"))
    source = io.BytesIO(member + b"garbage" + member)
    source.name = "/data/a.warc.gz"
    reader = read_records(source)
    assert next(reader).filename == "a.warc.gz"
    with pytest.raises(FormatError, match=rf"a\.warc\.gz: .* at byte {len(member)}, 7 bytes skipped") as caught:
        next(reader)
    assert caught.value.offset == len(member)
    assert "skip" in str(caught.value.hint)
    assert list(reader) == []


def test_skip_counts(warcs: Warcs) -> None:
    """``skip`` reads on and counts what was damaged, what was read and how much."""
    member = warcs.gzip(warcs.record(b"sound"))
    data = member + b"garbage" + member
    reader = read_records(io.BytesIO(data), on_damage="skip")
    assert len(list(reader)) == 2
    assert (reader.damaged_count, reader.records_read, reader.bytes_read) == (1, 2, len(data))


def test_on_damage_is_checked_at_once() -> None:
    """A misspelt ``on_damage`` is refused before anything is read."""
    with pytest.raises(InvalidInputError, match="ignore"):
        read_records(io.BytesIO(b""), on_damage="ignore")  # type: ignore[arg-type]


def test_damage_reads_well_and_crosses_processes() -> None:
    """A damage is one line of text, and can be pickled."""
    damage = Damage("a record cut short", 12, 34, "a.warc.gz")
    assert str(damage) == "a.warc.gz: a record cut short at byte 12, 34 bytes skipped"
    assert pickle.loads(pickle.dumps(damage)) == damage  # noqa: S301 - made above


@pytest.mark.parametrize("packed", [False, True])
def test_a_length_that_ends_before_a_blank_line_by_chance_costs_one_record(
    warcs: Warcs, readings: Readings, *, packed: bool
) -> None:
    """A length so wrong that it ends before a blank line within a later record does not swallow that one."""
    sound, later = warcs.record(b"sound"), warcs.record(b"HTTP/1.1 200 OK\r\n\r\nbody", "https://later.example/")
    reaching = len(b"wrong\r\n\r\n") + len(later.partition(b" OK")[0]) + len(b" OK")
    stream = sound + warcs.record(b"wrong", declared=reaching) + later + sound
    records, damages = readings.read(warcs.gzip(stream) if packed else stream)
    assert [record.block[:5] for record in records] == [b"sound", b"HTTP/", b"sound"]
    assert len(damages) == 1


def test_what_holds_no_record_is_not_inflated_to_its_end(
    warcs: Warcs, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bomb without a record in it is given up when it has cost as much as the largest record may."""
    inflated_bytes = 0
    inflate = GzipInflater.inflate

    def counted(self: GzipInflater, given: bytes, most_bytes: int) -> tuple[bytes, int]:
        nonlocal inflated_bytes
        piece, taken_bytes = inflate(self, given, most_bytes)
        inflated_bytes += len(piece)
        return piece, taken_bytes

    monkeypatch.setattr(GzipInflater, "inflate", counted)
    sound, bomb = warcs.gzip(warcs.record(b"sound")), warcs.gzip(bytes(64 << 20))
    records, damages = readings.read(sound + bomb + sound, max_record_bytes=1 << 20)
    assert [record.block for record in records] == [b"sound", b"sound"]
    assert [(damage.offset, damage.skipped_bytes) for damage in damages] == [(len(sound), len(bomb))]
    assert inflated_bytes < 4 << 20


def test_damage_begins_where_the_record_does_that_is_lost(warcs: Warcs, readings: Readings) -> None:
    """A record that goes on in a broken member is lost from the member on in which it begins."""
    rng = random.Random(3)
    sound, lost = warcs.record(b"sound"), warcs.record(rng.randbytes(4000))
    members = [warcs.gzip(part) for part in (sound, lost[:2000], lost[2000:], sound)]
    members[2] = members[2][:500] + b"\0" * 9 + members[2][509:]
    records, damages = readings.read(b"".join(members))
    assert [record.block for record in records] == [b"sound", b"sound"]
    assert [(damage.offset, damage.skipped_bytes) for damage in damages] == [
        (len(members[0]), len(members[1]) + len(members[2]))
    ]
