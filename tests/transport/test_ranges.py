"""Many ranges at once: how many requests, how many at a time, and what one failure means for the others."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import InvalidInputError, NotFoundError, TransportError
from cctrawl.settings import Settings
from cctrawl.testing.faults import SlowAnswer
from cctrawl.transport import ByteRange, Span, Transport

if TYPE_CHECKING:
    from tests.transport.conftest import Bench


def test_neighbours_become_one_request(bench: Bench) -> None:
    """Ranges with little between them cost one request, distant ones one each."""
    transport = bench.transport()
    near = [ByteRange(bench.url(), start, start + 100) for start in (5000, 0, 1000)]
    assert transport.read_ranges(near) == [bench.body[r.start : r.stop] for r in near]
    assert [request.range for request in bench.server.requests] == ["bytes=0-5099"]
    bench.server.requests.clear()
    assert transport.read_ranges(near, gap_bytes=10) == [bench.body[r.start : r.stop] for r in near]
    assert len(bench.server.requests) == 3


def test_ranges_come_as_soon_as_they_are_there(bench: Bench) -> None:
    """All are asked for at once; the first can be taken while the others are still to come, or are given up."""
    bench.faults(SlowAnswer(path="b.*", wait_s=20))
    transport = bench.transport()
    names = ("a.warc.gz", "a.warc.gz", "b.warc.gz")
    ranges = [ByteRange(bench.url(name), at, at + 5) for name, at in zip(names, (100_000, 0, 7), strict=True)]
    coming = transport.iter_ranges(ranges)
    assert not bench.server.requests
    began_s = time.monotonic()
    assert [next(coming), next(coming)] == [bench.body[100_000:100_005], bench.body[:5]]
    assert time.monotonic() - began_s < 15
    transport.close()
    with pytest.raises(TransportError):
        next(coming)


def test_who_takes_no_more_ranges_gives_up_what_has_not_begun(bench: Bench) -> None:
    """Closing the iterator ends what waits for a connection."""
    bench.faults(SlowAnswer(wait_s=0.1))
    transport = bench.transport(connections=1)
    coming = transport.iter_ranges([ByteRange(bench.url(), at, at + 1) for at in range(0, 300_000, 40_000)])
    assert next(coming) == bench.body[:1]
    coming.close()
    time.sleep(0.4)
    assert len(bench.server.requests) <= 3


def test_no_more_requests_at_once_than_connections(bench: Bench) -> None:
    """However many callers there are, no more requests go on at once than the transport has connections."""
    bench.faults(SlowAnswer(wait_s=0.02))
    transport = bench.transport(connections=3)
    far = [ByteRange(bench.url(), start, start + 1) for start in range(0, 300_000, 50_000)]
    callers = [threading.Thread(target=transport.read_ranges, args=(far,)) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(bench.server.requests) == 18
    assert sum(thread.name.startswith("ranges") for thread in threading.enumerate()) == 3


def test_the_first_error_ends_what_has_not_begun(bench: Bench) -> None:
    """A file that is not there fails the call, and what waited for a connection is not asked for any more."""
    bench.faults(SlowAnswer(wait_s=0.05))
    transport = bench.transport(connections=1)
    ranges = [ByteRange(bench.url("a-missing.gz"), 0, 1)]
    ranges += [ByteRange(bench.url(), start, start + 1) for start in range(0, 300_000, 40_000)]
    with pytest.raises(NotFoundError, match="a-missing"):
        transport.read_ranges(ranges)
    assert len(bench.server.requests) <= 2


def test_spans_come_by_themselves(bench: Bench) -> None:
    """A span that was submitted comes with its bytes, or with its error."""
    transport = bench.transport()
    found = transport.submit(Span(bench.url(), 7, 9, (0,)))
    lost = transport.submit(Span(bench.url("none.gz"), 7, 9, (0,)))
    assert found.result() == bench.body[7:9]
    with pytest.raises(NotFoundError):
        lost.result()


def test_closing_ends_those_who_wait(bench: Bench) -> None:
    """Who waits for ranges of a transport that is closed hears of that at once; so does who asks later."""
    bench.faults(SlowAnswer(wait_s=5))
    transport = bench.transport(connections=1)
    far = [ByteRange(bench.url(), start, start + 1) for start in (0, 100_000, 200_000)]
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            transport.read_ranges(far)
        except TransportError as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while not bench.server.requests:
        time.sleep(0.005)
    transport.close()
    asking.join(4)
    assert not asking.is_alive()
    assert len(errors) == 1
    with pytest.raises(TransportError, match="closed"):
        transport.read_ranges(far)


@pytest.mark.parametrize("connections", [0, 129])
def test_impossible_numbers_of_connections(connections: int) -> None:
    """A number of connections that nobody should use is refused."""
    with pytest.raises(InvalidInputError, match=f"{connections} connections"):
        Transport(Settings.resolve(), connections=connections)


def test_folders_are_read_without_threads(bench: Bench) -> None:
    """Ranges of local files come one after the other, from the thread that asks."""
    before = threading.active_count()
    transport = bench.transport()
    path = str(bench.server.folder / "a.warc.gz")
    far = [ByteRange(path, start, start + 5) for start in (200_000, 0, 100_000)]
    assert transport.read_ranges(far) == [bench.body[r.start : r.stop] for r in far]
    assert threading.active_count() == before


def test_closing_ends_those_that_wait_for_their_turn(bench: Bench) -> None:
    """Who waits for ranges that have not begun when the transport closes hears of it, and is not left waiting."""
    bench.faults(SlowAnswer(wait_s=0.3))
    transport = bench.transport(connections=1)
    far = [ByteRange(bench.url(), start, start + 1) for start in range(0, 300_000, 50_000)]
    errors: list[TransportError] = []

    def ask() -> None:
        try:
            transport.read_ranges(far)
        except TransportError as error:
            errors.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    while not bench.server.requests:
        time.sleep(0.01)
    transport.close()
    asking.join(20)
    assert not asking.is_alive()
    assert len(errors) == 1
