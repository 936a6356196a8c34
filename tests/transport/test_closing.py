"""What is left to those who still ask when everything was closed."""

from __future__ import annotations

import threading
import time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import TransportError
from cctrawl.testing.faults import CutBody, SlowAnswer, SlowBytes
from cctrawl.testing.server import FakeServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Authority
    from tests.transport.conftest import Bench

    from cctrawl.transport import Transport


def ask_until_it_fails(transport: Transport, location: str, errors: list[BaseException]) -> None:
    """Read the same range again and again, and keep the error that ends it."""
    try:
        for _ in range(2000):  # far more than there is time for before the closing
            transport.read_range(location, 0, 5)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
        errors.append(error)


@pytest.mark.parametrize("rate", [0, 200])
def test_who_asks_while_the_transport_closes_hears_just_that(bench: Bench, rate: int) -> None:
    """Threads in the middle of asking end with one error, whatever they were about; none asks on."""
    errors: list[BaseException] = []
    for _ in range(5):
        transport = bench.transport(rate=rate)
        threads = [
            threading.Thread(target=ask_until_it_fails, args=(transport, bench.url(), errors)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        while transport.counters.snapshot().bytes_received < 50 and threads[0].is_alive():
            time.sleep(0.01)
        transport.close()
        for thread in threads:
            thread.join(30)
    assert {(type(error), str(error)) for error in errors} == {(TransportError, "the transport is closed")}
    assert len(errors) == 20


def test_a_closed_transport_asks_nobody(bench: Bench, tmp_path: Path) -> None:
    """After the closing each question is an error, and no connection is opened."""
    (tmp_path / "a").write_bytes(b"abc")
    transport = bench.transport()
    transport.size(bench.url())
    transport.close()
    transport.close()
    for location in (bench.url(), str(tmp_path / "a")):
        for ask in (transport.open_stream, transport.size, transport.read_file):
            with pytest.raises(TransportError, match="the transport is closed"):
                ask(location)
    assert bench.server.count() == 1


def test_a_closed_stream_is_not_read(bench: Bench, tmp_path: Path) -> None:
    """Reading a stream after its close is an error, for files and URLs alike, and asks nobody."""
    (tmp_path / "a").write_bytes(bench.body)
    transport = bench.transport()
    for location in (bench.url(), str(tmp_path / "a")):
        for length in (10, len(bench.body)):
            stream = transport.open_stream(location)
            stream.read(length)
            stream.close()
            stream.close()
            with pytest.raises(TransportError, match="was closed"):
                stream.read(10)
    assert bench.server.count() == 2


def test_a_stream_does_not_go_on_without_its_transport(bench: Bench) -> None:
    """A stream whose transport was closed gives what its connection still has, then says so; it opens no other."""
    transport = bench.transport()
    bench.faults(CutBody(after_bytes=1000))
    with transport.open_stream(bench.url()) as stream:
        assert stream.read(10) == bench.body[:10]
        transport.close()
        with pytest.raises(TransportError, match="the transport is closed"):
            list(iter(lambda: stream.read(100), b""))
    assert bench.server.count() == 1


@pytest.mark.parametrize("tls", [False, True])
def test_who_waits_for_a_silent_server_hears_of_the_closing_at_once(
    bench: Bench, authority: Authority, monkeypatch: pytest.MonkeyPatch, *, tls: bool
) -> None:
    """Threads that wait for an answer, or for the rest of one, end when the transport closes, with no byte more."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    context = authority.server_context("127.0.0.1") if tls else None
    with FakeServer(bench.server.folder, tls=context) as server:
        slow = [SlowAnswer(path="b.*", wait_s=20), SlowBytes(path="a.*", bytes_per_s=1000)]
        server.set_faults(slow)
        transport = bench.transport(tries=1)
        pieces: list[bytes] = []
        stream = transport.open_stream(server.url + "a.warc.gz")

        def read_on() -> None:
            while piece := stream.read(100):
                pieces.append(piece)

        waits = [lambda: transport.size(server.url + "b.warc.gz"), read_on]
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(wait) for wait in waits]
            while server.count() < 2 or not pieces:
                time.sleep(0.01)
            transport.close()
            done, _ = futures.wait(waiting, 10)
            server.close()
        assert len(done) == 2, "they were still waiting"
        for future in waiting:
            with pytest.raises(TransportError, match="the transport is closed"):
                future.result()
        assert bench.body.startswith(b"".join(pieces))
