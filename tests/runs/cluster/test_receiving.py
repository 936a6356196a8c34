"""Parts on their way from host to driver."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cctrawl.errors import FormatError
from cctrawl.runs.cluster.receiving import (
    PIECE_BYTES,
    PIECES_AHEAD,
    Credit,
    IncomingPart,
    pieces_of,
    see_shared,
    sha256_of,
)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A part of three pieces, the last one short."""
    path = tmp_path / "sent"
    path.write_bytes(random.Random(1).randbytes(2 * PIECE_BYTES + 17))
    return path


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(0, 3 * PIECE_BYTES), is_dull=st.booleans())
def test_a_part_arrives_as_it_was_sent(tmp_path: Path, size: int, is_dull: bool) -> None:  # noqa: FBT001 - hypothesis
    """Whatever its size, and however well it can be compressed, the file at the end is the one at the beginning."""
    sent, taken = tmp_path / "sent", tmp_path / "taken"
    sent.write_bytes(bytes(size) if is_dull else random.Random(size).randbytes(size))
    incoming = IncomingPart(taken)
    for number, data in enumerate(pieces_of(sent)):
        assert len(data) <= PIECE_BYTES + 1000, "a piece is bounded"
        incoming.add(number, data)
    incoming.finish(size, sha256_of(sent))
    assert taken.read_bytes() == sent.read_bytes()


def test_a_piece_out_of_turn_is_an_error(tmp_path: Path, part: Path) -> None:
    """A piece that is missing is noticed with the next one."""
    first, _, third = pieces_of(part)
    incoming = IncomingPart(tmp_path / "taken")
    incoming.add(0, first)
    with pytest.raises(FormatError, match="piece 2 came where 1 was due"):
        incoming.add(2, third)
    incoming.drop()
    assert not (tmp_path / "taken").exists()


@pytest.mark.parametrize(("lost", "sha256"), [(1, None), (0, "0" * 64)])
def test_a_part_that_is_not_what_was_sent_is_an_error(
    tmp_path: Path, part: Path, lost: int, sha256: str | None
) -> None:
    """A last piece that never came, or other bytes, are noticed when the part is said to be whole."""
    pieces = list(pieces_of(part))
    incoming = IncomingPart(tmp_path / "taken")
    for number, data in enumerate(pieces[: len(pieces) - lost]):
        incoming.add(number, data)
    with pytest.raises(FormatError, match="did not arrive as it was sent"):
        incoming.finish(part.stat().st_size, sha256 or sha256_of(part))
    incoming.drop()


def test_who_sends_waits_for_who_receives() -> None:
    """Only so many pieces are on their way; another one waits until one has arrived, or the driver is gone."""
    credit = Credit()
    assert [credit.take() for _ in range(PIECES_AHEAD)] == [True] * PIECES_AHEAD
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.extend([credit.take(), credit.take()]))
    waiting.start()
    assert answers == []
    credit.give()
    credit.void()
    waiting.join(10)
    assert answers[-1] is False


def test_a_shared_part_may_show_a_little_late(tmp_path: Path) -> None:
    """A file that a network file system shows late is waited for; one that never comes is an error."""
    path = tmp_path / "part"
    late = threading.Timer(0.2, path.write_bytes, [b"rows"])
    late.start()
    see_shared(path, 4)
    late.join()
    with pytest.raises(FormatError, match="not whole in the shared folder"):
        see_shared(path, 5)
