from __future__ import annotations

import http.client
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from cctrawl.testing.faults import (
    ChangedFile,
    CutBody,
    DropRandomly,
    Fault,
    IgnoreRange,
    Refuse,
    RefuseAboveRate,
    Reset,
    SlowBytes,
    WrongContentRange,
    WrongLength,
    XmlWith200,
)
from cctrawl.testing.server import FakeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = os.urandom(300_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeServer]:
    """Serve one random file and one empty one."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "crawl-data").mkdir()
    (folder / "crawl-data" / "a.warc.gz").write_bytes(BODY)
    (folder / "empty").touch()
    (folder.parent / "secret").write_text("secret")
    with FakeServer(folder, seed=7) as server:
        yield server


@pytest.fixture(autouse=True)
def _sound(server: FakeServer) -> None:
    server.set_faults()


def ask(
    server: FakeServer, path: str = "crawl-data/a.warc.gz", method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """Ask once on a new connection; return the answer and its body."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    try:
        connection.request(method, "/" + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-", 100, None), ("bytes=5-9", 5, 10), ("bytes=-7", -7, None),
     ("bytes=299990-999999", 299990, None), ("bytes=-999999", 0, None)],
)  # fmt: skip
def test_ranges(server: FakeServer, asked: str, start: int, stop: int | None) -> None:
    """Every single range is answered with exactly its bytes and says where they are."""
    response, data = ask(server, Range=asked)
    assert response.status == 206
    assert data == BODY[start:stop]
    first = start % len(BODY)
    assert response.getheader("Content-Range") == f"bytes {first}-{first + len(data) - 1}/{len(BODY)}"


def test_whole_files_heads_and_kept_connections(server: FakeServer) -> None:
    """GET gives all, HEAD only the head, and one connection serves both."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    for method, body in (("GET", BODY), ("HEAD", b""), ("GET", BODY)):
        connection.request(method, "/crawl-data/a.warc.gz")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, body)
        assert response.getheader("Content-Length") == str(len(BODY))
    connection.close()
    assert ask(server, "empty")[1] == b""


def test_what_is_not_there(server: FakeServer) -> None:
    """Missing files give S3's XML, ranges past the end 416, and nothing outside the folder is served."""
    response, data = ask(server, "crawl-data/none.gz")
    assert response.status == 404
    assert b"<Code>NoSuchKey</Code>" in data
    assert ask(server, "../secret")[0].status == 404
    assert ask(server, "crawl-data")[0].status == 404
    response, _ = ask(server, Range="bytes=300000-")
    assert (response.status, response.getheader("Content-Range")) == (416, "bytes */300000")


def test_if_range(server: FakeServer) -> None:
    """A range with a current ETag or date is honoured, with another the whole file comes."""
    etag = ask(server)[0].getheader("ETag") or ""
    modified = ask(server)[0].getheader("Last-Modified") or ""
    assert ask(server, Range="bytes=5-", If_Range=etag)[0].status == 206
    assert ask(server, Range="bytes=5-", If_Range=modified)[0].status == 206
    assert ask(server, Range="bytes=5-", If_Range='"other"')[0].status == 200
    server.set_faults([ChangedFile()])
    assert ask(server, Range="bytes=5-", If_Range=etag)[0].status == 200


def test_refusals_are_counted_per_path(server: FakeServer) -> None:
    """``times`` and ``after`` hold for each path, and the log shows what was sent."""
    server.set_faults([Refuse(path="*.gz", times=1, after=1, status=429, retry_after=3)])
    before = server.count(status=429)
    answers = [ask(server)[0] for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 429, 200]
    assert answers[1].getheader("Retry-After") == "3"
    assert ask(server, "empty")[0].status == 200
    assert server.count(status=429) - before == 1


def test_refuse_above_rate(server: FakeServer) -> None:
    """What exceeds the burst is refused with the chosen status."""
    server.set_faults([RefuseAboveRate(per_s=0.001, burst=2, status=403)])
    assert [ask(server)[0].status for _ in range(4)] == [200, 200, 403, 403]


@pytest.mark.parametrize(
    "fault", [CutBody(after_bytes=1000), WrongLength(by=5), CutBody(after_bytes=9, chunked=True)]
)
def test_bodies_that_end_early(server: FakeServer, fault: Fault) -> None:
    """A client that counts bytes or chunks notices that something is missing."""
    server.set_faults([fault])
    with pytest.raises(http.client.IncompleteRead):
        ask(server)


@pytest.mark.parametrize("after_bytes", [0, 1000])
def test_resets(server: FakeServer, after_bytes: int) -> None:
    """A reset connection is an error of the connection, not an end of file."""
    server.set_faults([Reset(after_bytes=after_bytes)])
    with pytest.raises(ConnectionResetError):
        ask(server)


def test_random_drops_are_the_same_for_a_seed(server: FakeServer) -> None:
    """Two servers with one seed drop a path after the same numbers of bytes."""

    def drops() -> list[int]:
        server.set_faults([DropRandomly(most_bytes=5000)])
        lengths = []
        for _ in range(5):
            with pytest.raises(http.client.IncompleteRead) as caught:
                ask(server)
            lengths.append(len(caught.value.partial))
        return lengths

    first = drops()
    assert first == drops()
    assert len(set(first)) > 1
    assert all(1 <= length <= 5000 for length in first)


def test_lies(server: FakeServer) -> None:
    """The lying faults lie as they say."""
    server.set_faults([IgnoreRange()])
    assert ask(server, Range="bytes=5-9")[0].status == 200
    server.set_faults([WrongContentRange(shift=2)])
    response, data = ask(server, Range="bytes=5-9")
    assert (data, response.getheader("Content-Range")) == (BODY[7:12], "bytes 7-11/300000")
    server.set_faults([XmlWith200()])
    response, data = ask(server)
    assert (response.status, data[:5]) == (200, b"<?xml")


def test_slow_bytes_arrive(server: FakeServer) -> None:
    """Slow bytes are slow, but whole."""
    server.set_faults([SlowBytes(bytes_per_s=3e6)])
    assert ask(server)[1] == BODY


def test_closing_frees_waiting_clients(tmp_path: Path) -> None:
    """Closing the server ends kept connections, so no client waits for ever."""
    server = FakeServer(tmp_path)
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    connection.request("GET", "/none")
    connection.getresponse().read()
    server.close()
    with pytest.raises(ConnectionError):  # sending or receiving, whichever notices first
        _ask_again(connection)
    connection.close()


def _ask_again(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/none")
    connection.getresponse()
