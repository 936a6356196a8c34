"""Sources made to cost time, memory or records: none of them succeeds."""

from __future__ import annotations

import random
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.warc.conftest import Readings, Warcs


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
