"""Redirects are followed, a few, and counted."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tests.transport.serving import serving

from cctrawl.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.transport.conftest import Bench


@contextmanager
def leading_to(target: str) -> Iterator[str]:
    """Serve ``/1`` as a redirect to a target, ``/2`` as one to ``/1`` and so on; give the base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hops = int(self.path.strip("/"))
            self.send_response(302)
            self.send_header("Location", target if hops == 1 else f"/{hops - 1}")
            self.send_header("Content-Length", "5")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(b"moved")

        do_HEAD = do_GET  # noqa: N815 - the name that http.server asks for

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


def test_redirects_are_followed_and_counted(bench: Bench) -> None:
    """Up to five lead to the bytes, also on another host, by every kind of request; each is a request."""
    transport = bench.transport(tries=1)
    with leading_to(bench.url()) as url:
        assert transport.read_range(url + "5", 10, 20) == bench.body[10:20]
        assert transport.counters.snapshot().requests == 6
        assert transport.read_tail(url + "1", 10).data == bench.body[-10:]
        assert transport.size(url + "2") == len(bench.body)
        assert transport.read_file(url + "1") == bench.body
        transport.close()


def test_more_are_an_error(bench: Bench) -> None:
    """A sixth is not followed: it may never end."""
    with leading_to(bench.url()) as url:
        transport = bench.transport(tries=2)
        with pytest.raises(TransportError, match=r"5 redirects.*2 tries"):
            transport.read_range(url + "6", 0, 5)
        transport.close()


@pytest.mark.parametrize("target", ["http://[bad/", "http://127.0.0.1:99999/a", "ftp://x.org/a", "http:///a", "//"])
def test_a_redirect_to_nowhere_is_the_servers_fault(bench: Bench, target: str) -> None:
    """Where nothing can be asked, the error is of the network, and not of the one who asked."""
    with leading_to(target) as url:
        transport = bench.transport(tries=1)
        with pytest.raises(TransportError, match="1 tries"):
            transport.read_range(url + "1", 0, 5)
        transport.close()
