"""Answers that no server should give, byte by byte."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.transport.conftest import Bench


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Serve the same bytes to every request; give the URL of a file there."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/a.warc.gz"
        finally:
            server.shutdown()
            thread.join()


ODD = {
    "a negative chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello",
    "a redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[bad/\r\nContent-Length: 0\r\n\r\n",
    "a huge range": b"HTTP/1.1 206 X\r\nContent-Length: 5\r\nContent-Range: bytes 0-%s/*\r\n\r\nhello"
    % (b"9" * 5000),
    "a huge size": b"HTTP/1.1 416 X\r\nContent-Length: 0\r\nContent-Range: bytes */%s\r\n\r\n" % (b"9" * 5000),
    "no HTTP": b"HELLO\r\n\r\n",
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_answers_end_as_transport_errors(bench: Bench, odd: str) -> None:
    """Whatever a server sends, the error says that bytes did not come, and never how we parse."""
    transport = bench.transport(tries=2)
    with answering(ODD[odd]) as location:
        with pytest.raises(TransportError):
            transport.read_file(location)
        with pytest.raises(TransportError):
            transport.read_range(location, 0, 5)
        with pytest.raises(TransportError):
            transport.read_tail(location, 5)
