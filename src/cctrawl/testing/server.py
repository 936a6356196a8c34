"""A folder served on loopback as Common Crawl serves its own, with faults on demand.

HTTP/1.1 with keep-alive, over TLS on demand, ``GET`` and ``HEAD``, single ranges (also ``bytes=-N``), ``ETag``,
``If-Range``, 416, and S3's XML for what is not there. Bodies go out by ``sendfile``, so it serves benchmarks too.
It is just a URL: other processes may use it as long as it lives.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from cctrawl.testing.faults import (
    ChangedFile,
    CutBody,
    Fault,
    FaultBook,
    IgnoreRange,
    NoLength,
    Refuse,
    RefuseAboveRate,
    Reset,
    SlowAnswer,
    SlowBytes,
    WrongContentRange,
    WrongLength,
    XmlWith200,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Self

_LOG_LENGTH = 100_000
_CODES = {
    403: ("AccessDenied", "Access Denied"),
    404: ("NoSuchKey", "The specified key does not exist."),
    416: ("InvalidRange", "The requested range is not satisfiable"),
    429: ("TooManyRequests", "Please reduce your request rate."),
    503: ("SlowDown", "Please reduce your request rate."),
}


@dataclass
class LoggedRequest:
    """One request as the server saw it.

    Attributes:
        time_s: seconds since the server began.
        method: ``GET`` or ``HEAD``.
        path: the path, unquoted, without leading ``/``.
        range: the ``Range`` header, or ``None``.
        if_range: the ``If-Range`` header, or ``None``.
        user_agent: the ``User-Agent`` header.
        client: the address that it came from.
        status: the status that was sent; 0 while unanswered, or when the connection was reset before.
        bytes_sent: bytes of the body that went out (known when the answer is over).
    """

    time_s: float
    method: str
    path: str
    range: str | None
    if_range: str | None
    user_agent: str
    client: str
    status: int = 0
    bytes_sent: int = 0


class FakeServer:
    """Serves a folder, on loopback by default, until it is closed; use it as a context manager.

    Args:
        folder: what is served; it may change while it is.
        faults: what goes wrong, see ``cctrawl.testing.faults``.
        seed: random faults are drawn from it.
        address: of this machine, where it listens; `FakeHosts` reach another one than loopback.
        port: 0 for any free port.
        tls: serve https with the certificate and key that this context has loaded.

    Attributes:
        url: base URL, ending in ``/``.
        requests: the last 100,000 requests, oldest first.

    Example:
        >>> with FakeServer(folder, faults=[Refuse(path="*.gz", times=2)]) as server:
        ...     cctrawl.run(job, base_url=server.url, ...)
        ...     assert server.count(status=503) == 2
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        faults: Sequence[Fault] = (),
        *,
        seed: int = 0,
        address: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.folder = Path(folder).resolve()
        self.requests: deque[LoggedRequest] = deque(maxlen=_LOG_LENGTH)
        self._seed = seed
        self._began_s = time.monotonic()
        self.set_faults(faults)
        self._server = _Server((address, port), self, tls)
        self.url = f"http{'s' if tls else ''}://{address}:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def set_faults(self, faults: Sequence[Fault] = ()) -> None:
        """Replace all faults; their counts and times begin anew."""
        self.book = FaultBook(faults, seed=self._seed, clock=time.monotonic)

    def count(self, path: str = "*", *, status: int | None = None) -> int:
        """Return how many logged requests match a glob of paths and a status."""
        fault = Fault(path=path)
        return sum(
            fault.concerns(request.path) and status in (None, request.status) for request in list(self.requests)
        )

    def log(self, request: LoggedRequest) -> None:
        """Append to ``requests``, with the time since the server began."""
        request.time_s = time.monotonic() - self._began_s
        self.requests.append(request)

    def close(self) -> None:
        """Stop serving and close all connections."""
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], fake: FakeServer, tls: ssl.SSLContext | None) -> None:
        self.fake = fake
        self._tls = tls
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls is not None:  # the handshake comes with the first read, in the connection's own thread
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as socketserver has it
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        if not isinstance(sys.exc_info()[1], OSError):  # clients come and go
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # noqa: PERF203 - it is closed already, the others are not
                continue


@dataclass
class _Body:
    """What goes out: ``[start, stop)`` of a file of ``size`` bytes, and how it breaks off."""

    size: int
    start: int
    stop: int
    ranged: bool = False
    length_off_by: int = 0
    lengthless: bool = False
    chunked: bool = False
    breaks_after: int | None = None
    resets: bool = False
    bytes_per_s: float | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Stay quiet: ``FakeServer.requests`` is the log."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        self._logged = LoggedRequest(
            0.0, self.command, path, self.headers.get("Range"), self.headers.get("If-Range"),
            self.headers.get("User-Agent", ""), self.client_address[0],
        )  # fmt: skip
        self.server.fake.log(self._logged)
        faults = self.server.fake.book.strike(path)
        for fault in faults:
            if isinstance(fault, SlowAnswer):
                time.sleep(fault.wait_s)
            elif isinstance(fault, Reset) and fault.after_bytes == 0:
                return self._reset()
            elif isinstance(fault, (Refuse, RefuseAboveRate)):
                return self._send_error_document(fault.status, path, retry_after=fault.retry_after)
            elif isinstance(fault, XmlWith200):
                return self._send_document(200, fault.body, fault.content_type)
        return self._send_path(path, faults)

    def _send_path(self, path: str, faults: list[Fault]) -> None:
        file = (self.server.fake.folder / path).resolve()
        if not file.is_relative_to(self.server.fake.folder) or not file.is_file():
            return self._send_error_document(404, path)
        with file.open("rb") as stream:
            status = file.stat()
            salt = "-changed" if any(isinstance(fault, ChangedFile) for fault in faults) else ""
            etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}{salt}"'
            modified = formatdate(status.st_mtime, usegmt=True)
            asked = "" if any(isinstance(fault, IgnoreRange) for fault in faults) else self.headers.get("Range", "")
            body = self._requested(asked, status.st_size, etag, modified)
            if body is None:
                return self._send_error_document(416, path, content_range=f"bytes */{status.st_size}")
            for fault in faults:
                _spoil(body, fault)
            self._send_head(body, file, etag, modified)
            if self.command == "GET":
                self._send_body(body, stream)
        return None

    def _requested(self, asked: str, size: int, etag: str, modified: str) -> _Body | None:
        """Return the body that the request asks for; ``None`` when there are no such bytes."""
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
        if_range = self.headers.get("If-Range", etag)
        if match is None or not any(match.groups()) or if_range not in (etag, modified):
            return _Body(size, 0, size)
        first, last = match.groups()
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        return _Body(size, start, stop, ranged=True) if start < stop else None

    def _send_head(self, body: _Body, file: Path, etag: str, modified: str) -> None:
        self._logged.status = 206 if body.ranged else 200
        self.send_response(self._logged.status)
        if body.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif not body.lengthless:
            self.send_header("Content-Length", str(max(0, body.stop - body.start + body.length_off_by)))
        if body.ranged:
            self.send_header("Content-Range", f"bytes {body.start}-{body.stop - 1}/{body.size}")
        self.send_header("Content-Type", _content_type(file))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", etag)
        self.send_header("Last-Modified", modified)
        self.end_headers()

    def _send_body(self, body: _Body, stream: BinaryIO) -> None:
        length = body.stop - body.start
        sent = length if body.breaks_after is None else min(length, body.breaks_after)
        stream.seek(body.start)
        if body.chunked and sent:  # a chunk of no bytes would be the last one
            self.wfile.write(b"%x\r\n" % sent)
        if body.bytes_per_s is not None:
            self._send_slowly(stream, sent, body.bytes_per_s)
        elif sent:
            self.connection.sendfile(stream, body.start, sent)
        self._logged.bytes_sent = sent
        if body.resets:
            self._reset()
        elif sent < length or body.length_off_by or body.lengthless or body.chunked:
            self.close_connection = True

    def _send_slowly(self, stream: BinaryIO, length: int, bytes_per_s: float) -> None:
        step = max(1, int(bytes_per_s / 20))
        while length > 0:
            data = stream.read(min(step, length))
            self.wfile.write(data)
            length -= len(data)
            time.sleep(len(data) / bytes_per_s)

    def _send_error_document(
        self, status: int, path: str, *, retry_after: str | float | None = None, content_range: str = ""
    ) -> None:
        code, message = _CODES.get(status, ("InternalError", "We encountered an internal error."))
        document = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{code}</Code><Message>{message}</Message><Key>{escape(path)}</Key></Error>"
        )
        headers = {"Retry-After": "" if retry_after is None else str(retry_after), "Content-Range": content_range}
        self._send_document(status, document, "application/xml", headers)

    def _send_document(
        self, status: int, document: str, content_type: str, headers: dict[str, str] | None = None
    ) -> None:
        data = document.encode()
        self._logged.status = status
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)
            self._logged.bytes_sent = len(data)

    def _reset(self) -> None:
        """Close at once and without a goodbye: the client gets a TCP reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())


def _spoil(body: _Body, fault: Fault) -> None:
    if isinstance(fault, (Reset, CutBody)):
        body.breaks_after = fault.after_bytes
        body.resets = isinstance(fault, Reset)
        body.chunked = isinstance(fault, CutBody) and fault.chunked
    elif isinstance(fault, WrongLength):
        body.length_off_by = fault.by
    elif isinstance(fault, NoLength):
        body.lengthless = True
    elif isinstance(fault, WrongContentRange) and body.ranged:
        body.start = min(body.start + fault.shift, body.size - 1)
        body.stop = max(body.start + 1, min(body.stop + fault.shift, body.size))
    elif isinstance(fault, SlowBytes):
        body.bytes_per_s = fault.bytes_per_s


def _content_type(file: Path) -> str:
    known = {".json": "application/json", ".gz": "application/octet-stream", ".html": "text/html"}
    return known.get(file.suffix, "binary/octet-stream")
