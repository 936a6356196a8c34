from __future__ import annotations

import socket

from cctrawl.transport.pools import Answer


def test_head_and_body_come_in_one_read() -> None:
    """Of an answer that is there as a whole, the body is at hand when the head has been read."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 40000\r\n\r\n" + bytes(40_000))
        answer = Answer(here, method="GET")
        answer.begin()
        assert len(answer.fp.peek()) == 40_000
        assert answer.read() == bytes(40_000)
        assert here.fileno() >= 0
