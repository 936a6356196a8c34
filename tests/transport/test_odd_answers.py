"""Answers that no server should give, byte by byte."""

from __future__ import annotations

import socketserver
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.transport.serving import serving

from cctrawl.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.transport.conftest import Bench


@contextmanager
def answering(answer: bytes | Callable[[int], bytes]) -> Iterator[str]:
    """Serve these bytes to every request, or what belongs to its range's start; give the URL of a file there."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines = list(iter(lambda: self.rfile.readline().strip(), b""))
            starts = [int(line[13:].split(b"-")[0] or 0) for line in lines if line.startswith(b"Range: bytes=")]
            self.wfile.write(answer if isinstance(answer, bytes) else answer(starts[0] if starts else 0))

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as url:
        yield url + "a.warc.gz"


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


def test_a_file_that_never_ends_a_byte_at_a_time(bench: Bench) -> None:
    """A server that tells no length, and always has one more byte, is given up."""
    transport = bench.transport(tries=2)
    head = b"HTTP/1.1 %s X\r\nContent-Range: bytes %d-%d/*\r\n\r\n!"
    with (
        answering(lambda start: head % (b"206" if start else b"200", start, start)) as location,
        pytest.raises(TransportError, match="20 connections in a row"),
    ):
        transport.read_file(location)


def test_an_error_document_is_no_end_of_a_file(bench: Bench) -> None:
    """What a lying proxy sends with status 200 and the file's type is not taken for a short file's end."""
    error = b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(error), error)
    with answering(answer) as location, pytest.raises(TransportError, match="SlowDown"):
        bench.transport(tries=2).read_tail(location, 1000)
