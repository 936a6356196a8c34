"""A server of footers on loopback, as its own process: listings, and index files of 1 GB that are not there.

Files are zeros up to their footer; ``Content-Range`` and ``Content-Length`` tell their whole size. It speaks as
much HTTP/1.1 as is needed to answer GET and HEAD, whole, by suffix and by range, on connections that stay. It
costs little, for it runs on the same cores as what it serves. Every answer takes ``--delay`` seconds. With
``--limit`` a bucket of one second's worth is refilled at that rate; what finds it empty is answered with
``--status``.

    python benchmarks/footer_server.py --files 25193 [--delay 0.05] [--limit 200 --status 503]
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, cast

from footer_corpus import FILES, FILES_PER_CRAWL, FooterCorpus, crawls

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_COUNTS = "/counts"
_REFUSED = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
_HEAD = (
    "HTTP/1.1 {status}\r\nContent-Type: binary/octet-stream\r\nContent-Length: {length}\r\nAccept-Ranges: bytes\r\n"
    "Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nLast-Modified: Tue, 01 Jun 2021 10:00:00 GMT\r\nServer: AmazonS3\r\n"
    'ETag: "{etag}"\r\nX-Cache: Miss from cloudfront\r\n{more}\r\n'
)


@dataclass
class Counts:
    """What has been asked since the counts were last read."""

    requests: int = 0
    refused: int = 0
    sent_bytes: int = 0


class FooterServer:
    """The server in a process of its own, while the context lasts.

    Attributes:
        url: its base URL, with a slash at the end.
    """

    def __init__(
        self, files: int = FILES, *, delay_s: float = 0.05, limit_per_s: float = 0, status: int = 503
    ) -> None:
        self._command = [sys.executable, __file__, "--files", str(files), "--delay", str(delay_s)]
        self._command += ["--limit", str(limit_per_s), "--status", str(status)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        if self._process.stdout is None or not (port := self._process.stdout.readline().strip()):
            raise SystemExit("the footer server did not start")
        self.url = f"http://127.0.0.1:{port.decode()}/"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    def take_counts(self) -> Counts:
        """Return what was asked since this was last called."""
        with urllib.request.urlopen(self.url + _COUNTS[1:]) as answer:
            return Counts(**json.load(answer))


class Site:
    """What is served: listings as they are, index files from their footers."""

    def __init__(self, files: int) -> None:
        self._corpus = FooterCorpus(files)
        self._numbers = {f"/{path}".encode(): i for i, path in enumerate(self._corpus.paths)}
        self._texts = {b"/collinfo.json": json.dumps([_collinfo(crawl.id) for crawl in crawls(files)]).encode()}
        for i, crawl in enumerate(crawls(files)):
            paths = self._corpus.paths[i * FILES_PER_CRAWL : (i + 1) * FILES_PER_CRAWL]
            lines = [f"cc-index/table/cc-main/warc/crawl={crawl.id}/", *paths]
            name = f"/crawl-data/{crawl.id}/cc-index-table.paths.gz"
            self._texts[name.encode()] = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)

    def answer(self, path: bytes, wanted: bytes, *, is_head: bool) -> bytes:
        """Return head and body for a path and the value of ``Range``, which may be empty."""
        number = self._numbers.get(path)
        text = self._texts.get(path)
        if number is None and text is None:
            return _answer("404 Not Found", b"" if is_head else b"no such file")
        size = len(cast("bytes", text)) if number is None else self._corpus.sizes[number]
        if is_head:
            return _head("200 OK", size, path)
        start, stop = _range(wanted, size)
        if start >= stop:
            return _answer("416 Range Not Satisfiable", b"", f"Content-Range: bytes */{size}\r\n")
        body = text[start:stop] if text is not None else self._read(cast("int", number), start, stop)
        if not wanted:
            return _head("200 OK", size, path) + body
        return (
            _head("206 Partial Content", stop - start, path, f"Content-Range: bytes {start}-{stop - 1}/{size}\r\n")
            + body
        )

    def _read(self, number: int, start: int, stop: int) -> bytes:
        tail = self._corpus.tail(number)
        begin = self._corpus.sizes[number] - len(tail)
        if start >= begin:
            return tail[start - begin : stop - begin]
        return b"".join((bytes(min(stop, begin) - start), tail[: max(stop - begin, 0)]))


class Connection(asyncio.Protocol):
    """One connection; the next question comes after the last answer."""

    def __init__(self, site: Site, limit: Limit, counts: Counts, delay_s: float) -> None:
        self._site, self._limit, self._counts, self._delay_s = site, limit, counts, delay_s
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to write to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the question's head is whole."""
        self._buffer += data
        if not self._buffer.endswith(b"\r\n\r\n"):
            return
        question, self._buffer = self._buffer, b""
        method, path, _ = question.split(b" ", 2)
        if path == _COUNTS.encode():
            self._transport.write(_answer("200 OK", json.dumps(asdict(self._counts)).encode()))
            self._counts.__init__()  # type: ignore[misc] # from zero on
            return
        asyncio.get_running_loop().call_later(
            self._delay_s, self._transport.write, self._answer(method, path, question)
        )

    def _answer(self, method: bytes, path: bytes, question: bytes) -> bytes:
        is_head = method == b"HEAD"
        self._counts.requests += 1
        if not self._limit.allows():
            self._counts.refused += 1
            return _answer(self._limit.status, b"" if is_head else _REFUSED)
        at = question.lower().find(b"\r\nrange: bytes=")
        wanted = question[at + 15 : question.index(b"\r", at + 15)] if at >= 0 else b""
        answer = self._site.answer(path, wanted, is_head=is_head)
        self._counts.sent_bytes += len(answer)
        return answer


class Limit:
    """A bucket of one second's worth of requests; none for a limit of 0.

    Attributes:
        status: what is answered when it is empty.
    """

    def __init__(self, per_s: float, status: int) -> None:
        self._per_s = self._tokens = per_s
        self._seen_s = time.monotonic()
        self.status = {403: "403 Forbidden", 503: "503 Slow Down"}[status]

    def allows(self) -> bool:
        """Whether one more request may pass now."""
        if not self._per_s:
            return True
        now_s = time.monotonic()
        self._tokens = min(self._per_s, self._tokens + (now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _head(status: str, length: int, path: bytes, more: str = "") -> bytes:
    return _HEAD.format(status=status, length=length, etag=f"{hash(path) & 0xFFFFFFFF:08x}", more=more).encode()


def _answer(status: str, body: bytes, more: str = "") -> bytes:
    return _head(status, len(body), b"", more) + body


def _range(wanted: bytes, size: int) -> tuple[int, int]:
    """Return what ``Range`` asks for as ``[start, stop)``; the whole file without it."""
    if not wanted:
        return 0, size
    first, _, last = wanted.partition(b"-")
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _collinfo(crawl: str) -> dict[str, str]:
    began = date.fromisocalendar(int(crawl[8:12]), int(crawl[13:]), 1)
    api = f"https://index.commoncrawl.org/{crawl}"
    span = {"from": f"{began}T00:00:00", "to": f"{began}T23:59:59"}
    return {"id": crawl, "name": f"{began:%B %Y} Index", "timegate": f"{api}/", "cdx-api": f"{api}-index", **span}


async def _serve(arguments: argparse.Namespace) -> None:
    site, counts = Site(arguments.files), Counts()
    limit = Limit(arguments.limit, arguments.status)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(site, limit, counts, arguments.delay), "127.0.0.1", arguments.port, backlog=500
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until terminated; the port is the first line of the output."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds until an answer begins")
    parser.add_argument("--limit", type=float, default=0, help="requests per second that are allowed, 0: all")
    parser.add_argument("--status", type=int, default=503, help="what is answered above the limit")
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
