"""Who decodes: threads if there is much, or if others decode as well; else whoever asks."""

from __future__ import annotations

import threading

import pytest

from cctrawl.errors import FormatError
from cctrawl.index import Decoders
from cctrawl.index.decoders import LARGE_BYTES


def who() -> str:
    """Return the name of the thread."""
    return threading.current_thread().name


def test_little_is_decoded_by_who_reads_alone() -> None:
    """A thread of its own is for large columns, and for all if several readers share the threads."""
    decoders = Decoders()
    assert decoders.begin(who, 1)() == who()
    assert decoders.begin(who, LARGE_BYTES)().startswith("decode")
    with decoders.used_by(1):
        assert decoders.begin(who, 1)() == who()
        with decoders.used_by(1):
            assert decoders.begin(who, 1)().startswith("decode")
        assert decoders.begin(who, 1)() == who()
    decoders.close()


@pytest.mark.parametrize("size_bytes", [1, LARGE_BYTES])
def test_errors_come_to_who_wants_the_values(size_bytes: int) -> None:
    """What decoding raises is raised to the reader, whichever thread it happened in."""

    def fail() -> None:
        raise FormatError("damaged")

    decoders = Decoders()
    with pytest.raises(FormatError, match="damaged"):
        decoders.begin(fail, size_bytes)()
    decoders.close()
