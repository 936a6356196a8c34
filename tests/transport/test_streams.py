from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import TransportError
from cctrawl.testing.faults import (
    ChangedFile,
    CutBody,
    DropRandomly,
    Fault,
    IgnoreRange,
    NoLength,
    Refuse,
    Reset,
    SlowAnswer,
    SlowBytes,
    WrongContentRange,
    WrongLength,
    XmlWith200,
)
from cctrawl.transport import Policy

if TYPE_CHECKING:
    from tests.transport.conftest import Bench


def test_the_first_request_asks_for_the_whole_file(bench: Bench) -> None:
    """A stream needs no range support of the server as long as nothing breaks."""
    assert bench.transport().read_file(bench.url()) == bench.body
    assert [request.range for request in bench.server.requests] == [None]


@pytest.mark.parametrize("fault", [DropRandomly(most_bytes=3000), Reset(after_bytes=2000)])
def test_drops_cost_no_tries_while_bytes_come(bench: Bench, fault: Fault) -> None:
    """A stream whose every connection breaks arrives whole, with few tries, over as many as it takes."""
    transport = bench.transport(Policy(retry_s=0.001), tries=2)
    bench.faults(fault)
    assert transport.read_file(bench.url()) == bench.body
    counted = transport.counters.snapshot()
    assert counted.resumed_streams == counted.requests - 1 - counted.retries > 50
    assert counted.retries <= 1  # a reset may take the first bytes with it


@pytest.mark.parametrize(("after_bytes", "is_spaced"), [(60_000, True), (100_000, False)])
def test_connections_that_bring_little_are_spaced(bench: Bench, after_bytes: int, is_spaced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A server that breaks connections early is not stormed; one that breaks them late is asked on at once."""
    transport = bench.transport(Policy(retry_s=0.1))
    bench.faults(CutBody(after_bytes=after_bytes))
    assert transport.read_file(bench.url()) == bench.body
    counted = transport.counters.snapshot()
    assert counted.retries == 0
    assert (counted.waited_s > 0) == is_spaced


def test_a_resume_names_what_it_wants(bench: Bench) -> None:
    """The request after a drop asks for the rest, on condition that the file is still the same."""
    bench.faults(CutBody(after_bytes=1000, times=1))
    assert bench.transport().read_file(bench.url()) == bench.body
    first, second = bench.server.requests
    assert (first.range, first.if_range) == (None, None)
    assert second.range == "bytes=1000-"
    assert second.if_range is not None
    assert second.if_range.startswith('"')


@pytest.mark.parametrize("fault", [CutBody(), Reset(), CutBody(chunked=True), XmlWith200(), Refuse(status=500)])
def test_without_progress_tries_are_spent(bench: Bench, fault: Fault) -> None:
    """A server that never gives a byte is asked ``tries`` times, then the error says so."""
    transport = bench.transport(tries=3)
    bench.faults(fault)
    with pytest.raises(TransportError, match=r"a\.warc\.gz.*\(3 tries\)"):
        transport.read_file(bench.url())
    assert len(bench.server.requests) == 3
    assert bench.kinds() == ["retried"]


@pytest.mark.parametrize(
    "fault",
    [
        IgnoreRange(times=2),
        WrongContentRange(times=2),
        XmlWith200(after=1, times=1),
        Refuse(status=502, after=1, times=2),
        Reset(after=1, times=2),
    ],
)
def test_resumes_are_tried_again(bench: Bench, fault: Fault) -> None:
    """An answer that does not continue the stream is thrown away, and the rest asked for again."""
    transport = bench.transport(tries=3)
    bench.faults(fault, CutBody(after_bytes=1000, times=1))
    assert transport.read_file(bench.url()) == bench.body


@pytest.mark.parametrize("fault", [IgnoreRange(), WrongContentRange(), XmlWith200(after=1)])
def test_resumes_that_lie_for_ever_are_errors(bench: Bench, fault: Fault) -> None:
    """A server that cannot continue a stream is named; its bytes never become data."""
    transport = bench.transport(tries=2)
    bench.faults(fault, CutBody(after_bytes=1000, times=1))
    with transport.open_stream(bench.url()) as stream:
        assert stream.read(5000) == bench.body[:1000]
        with pytest.raises(TransportError, match="2 tries"):
            stream.read(5000)
        assert stream.position == 1000


def test_a_changed_file_is_not_glued_together(bench: Bench) -> None:
    """When the file changed between two connections, the stream ends in an error, without further tries."""
    transport = bench.transport()
    bench.faults(ChangedFile(after=1), CutBody(after_bytes=1000, times=1))
    with transport.open_stream(bench.url()) as stream:
        stream.read(5000)
        with pytest.raises(TransportError, match="changed while it was read"):
            stream.read(5000)
    assert len(bench.server.requests) == 2


def test_an_announced_length_that_is_not_there_is_an_error(bench: Bench) -> None:
    """A file that ends before its announced length is never taken for whole."""
    bench.faults(WrongLength(by=3))
    with pytest.raises(TransportError, match="300000 bytes now, 300003 were announced"):
        bench.transport().read_file(bench.url())


@pytest.mark.parametrize("content_type", ["application/xml", "application/octet-stream"])
def test_documents_with_200_are_retried(bench: Bench, content_type: str) -> None:
    """An error page with status 200 is no data, whatever it calls itself."""
    bench.faults(XmlWith200(times=2, content_type=content_type))
    assert bench.transport().read_file(bench.url()) == bench.body


def test_silence_is_a_failure(bench: Bench) -> None:
    """A server that says nothing for ``request_timeout`` counts as failed, before and within the body."""
    transport = bench.transport(request_timeout="200ms")
    bench.faults(SlowAnswer(wait_s=1, times=1))
    assert transport.read_file(bench.url()) == bench.body
    bench.faults(SlowBytes(bytes_per_s=100, times=1))  # a piece every 50 ms, too slow to ever end
    with transport.open_stream(bench.url("b.warc.gz")) as stream:
        assert stream.read(4) == bench.body[:4]
    assert transport.counters.snapshot().retries == 1


@pytest.mark.parametrize("name", ["a.warc.gz", "plain.warc", "empty"])
def test_a_body_without_length_is_seen_to_be_whole(bench: Bench, name: str) -> None:
    """Where only the end of the connection ends a body, one more question tells that nothing is behind it."""
    (bench.server.folder / "plain.warc").write_bytes(bench.body)
    (bench.server.folder / "empty").touch()
    bench.faults(NoLength())
    body = (bench.server.folder / name).read_bytes()
    with bench.transport().open_stream(bench.url(name)) as stream:
        announced = stream.size_bytes
        assert b"".join(iter(lambda: stream.read(70_000), b"")) == body
        assert (announced, stream.size_bytes) == (None, len(body))
        assert stream.read(1) == b""
    assert [request.range for request in bench.server.requests] == [None, f"bytes={len(body)}-"]


@pytest.mark.parametrize("fault", [DropRandomly(most_bytes=90_000), CutBody(after_bytes=70_000), CutBody(times=1)])
def test_a_body_without_length_goes_on_where_it_broke(bench: Bench, fault: Fault) -> None:
    """A connection that broke is not taken for the end of the file, though nobody announced one."""
    (bench.server.folder / "plain.warc").write_bytes(bench.body)
    bench.faults(NoLength(), fault)
    transport = bench.transport()
    assert transport.read_file(bench.url("plain.warc")) == bench.body
    counted = transport.counters.snapshot()
    assert counted.resumed_streams + counted.retries >= 1


def test_without_length_and_ranges_the_format_must_show_the_end(bench: Bench) -> None:
    """Where the server cannot tell whether a body is whole, only formats whose readers notice a cut are taken."""
    (bench.server.folder / "plain.warc").write_bytes(bench.body)
    bench.faults(NoLength(), IgnoreRange())
    transport = bench.transport()
    assert transport.read_file(bench.url()) == bench.body
    with pytest.raises(TransportError, match="neither length nor end") as caught:
        transport.read_file(bench.url("plain.warc"))
    assert caught.value.hint
    bench.faults(NoLength(), IgnoreRange(), ChangedFile(after=1))
    with pytest.raises(TransportError, match="changed while it was read"):
        transport.read_file(bench.url("plain.warc"))


def test_a_few_bytes_each_time_are_no_progress(bench: Bench) -> None:
    """A server that breaks every connection after a byte fails after ten connections for each try."""
    transport = bench.transport(tries=2)
    bench.faults(CutBody(after_bytes=1))
    with pytest.raises(TransportError, match="20 connections in a row broke within 1024 bytes"):
        transport.read_file(bench.url())
    assert len(bench.server.requests) == 20
