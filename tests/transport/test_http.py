from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import urllib3

import cctrawl
from cctrawl.errors import AccessDeniedError, InvalidInputError, TransportError
from cctrawl.testing.faults import Refuse, Reset, SlowAnswer, WrongLength
from cctrawl.testing.server import FakeServer
from cctrawl.transport import Transport
from cctrawl.transport.http import user_agent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.transport.conftest import Bench


def test_user_agent_names_program_version_and_contact(bench: Bench) -> None:
    """Every request says who asks and how to reach them."""
    about = f"cctrawl/{cctrawl.__version__} (+https://pypi.org/project/cctrawl/"
    assert user_agent("") == about + ")"
    bench.transport(contact="me@x.org").size(bench.url())
    assert bench.server.requests[0].user_agent == about + "; contact: me@x.org)"


@pytest.mark.parametrize("status", [400, 405, 451])
def test_other_statuses_are_errors_at_once(bench: Bench, status: int) -> None:
    """What asking again cannot mend is not asked again."""
    bench.faults(Refuse(status=status))
    with pytest.raises(TransportError, match=f"status {status}"):
        bench.transport().read_range(bench.url(), 0, 5)
    assert len(bench.server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_access_denied_outside_the_base_url(bench: Bench, tmp_path: Path, status: int) -> None:
    """A 403 of a server that is not ours to pace is a locked door, and so is every 401."""
    transport = bench.transport(base_url=str(tmp_path))
    bench.faults(Refuse(status=status))
    with pytest.raises(AccessDeniedError):
        transport.size(bench.url())
    assert len(bench.server.requests) == 1


def test_intermittent_errors_are_retried_then_named(bench: Bench) -> None:
    """Broken connections and 5xx are tried again ``tries`` times, then the cause is in the message."""
    transport = bench.transport(tries=2)
    for fault, cause in ((Reset(), "reset"), (Refuse(status=502), "status 502"), (WrongLength(), "announced")):
        bench.faults(fault)
        with pytest.raises(TransportError, match=rf"{cause}.*\(2 tries\)") as caught:
            transport.read_range(bench.url(), 5, 10)
        assert "0x" not in str(caught.value)
        assert len(bench.server.requests) == 2


def test_nobody_listens(bench: Bench) -> None:
    """A server that is not there is a plain error, without names of pools or objects."""
    transport = bench.transport(tries=1)
    bench.server.close()
    with pytest.raises(TransportError, match=r"refused \(1 tries\)|refused.*1 tries") as caught:
        transport.size(bench.url())
    assert "HTTPConnection" not in str(caught.value)
    bench.server = FakeServer(bench.server.folder)  # for the fixture to close
    bench.server.close()


def test_connections_are_kept(bench: Bench) -> None:
    """Whole answers of any kind leave their connection for the next request."""
    transport = bench.transport()
    bench.faults(Refuse(status=503, times=1))
    for _ in range(3):
        transport.read_range(bench.url(), 0, 5)
        transport.size(bench.url())
        transport.read_file(bench.url())
    pool, _ = transport._http._pools._way_to(bench.url())  # type: ignore[union-attr]
    assert isinstance(pool, urllib3.HTTPConnectionPool)
    assert pool.num_connections == 1


@pytest.mark.parametrize(
    "location", ["s3://commoncrawl/", "s3://No_Bucket/a", "s3://bucket/a/../b", "ftp://x.org/a"]
)
def test_other_schemes_are_refused_clearly(bench: Bench, location: str) -> None:
    """A scheme that we do not read is the caller's mistake, said without asking anybody."""
    with pytest.raises(InvalidInputError):
        bench.transport().size(location)


def test_proxies_are_used_but_not_for_loopback(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual variables choose a proxy; our own machine is always asked directly."""
    monkeypatch.setenv("http_proxy", bench.server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    transport = bench.transport()
    assert transport.read_file("http://crawl.invalid/a.warc.gz") == bench.body
    assert transport.size(bench.url()) == len(bench.body)
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(InvalidInputError, match="proxy"):
        bench.transport().size("http://crawl.invalid/a.warc.gz")


def test_closing_wakes_those_who_wait(bench: Bench) -> None:
    """A thread that waits for its turn ends with an error when the transport is closed."""
    transport = bench.transport(rate=0.001)
    transport.size(bench.url())
    errors: list[Exception] = []

    def wait() -> None:
        try:
            transport.size(bench.url())
        except TransportError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not transport.counters.snapshot().waiting:
        time.sleep(0.001)
    transport.close()
    thread.join(10)
    assert len(errors) == 1


def test_many_threads_share_one_transport(bench: Bench) -> None:
    """Threads may ask at once, each gets what it asked for."""
    transport = bench.transport(tries=20)
    bench.faults(SlowAnswer(wait_s=0.01, chance=0.2), Reset(chance=0.1))
    wrong: list[int] = []

    def read(first: int) -> None:
        wrong.extend(
            start
            for start in range(first, first + 2000, 100)
            if transport.read_range(bench.url(), start, start + 100) != bench.body[start : start + 100]
        )

    threads = [threading.Thread(target=read, args=(i * 2000,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert transport.counters.snapshot().bytes_received == 8 * 2000


def test_a_folder_needs_no_network_and_no_state(bench: Bench, tmp_path: Path) -> None:
    """Reading local files neither loads HTTP nor writes anything."""
    transport: Transport = bench.transport()
    file = tmp_path / "served" / "a.warc.gz"
    assert transport.read_range(str(file), 3, 9) == bench.body[3:9]
    assert not bench.state.exists()
    assert urlsplit(bench.url()).scheme == "http"


@pytest.mark.parametrize("location", ["http://[::1/x", "http://127.0.0.1:abc/x", "http://h/\ud800"])
def test_malformed_urls_are_the_callers_mistake(bench: Bench, location: str) -> None:
    """A URL that cannot be is refused without asking anybody."""
    transport = bench.transport()
    for ask in (transport.open_stream, transport.size, transport.read_file):
        with pytest.raises(InvalidInputError, match="no URL"):
            ask(location)
