"""A server between us and moto's S3, with faults on chosen requests, writes too."""

from __future__ import annotations

import re
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

if TYPE_CHECKING:
    from typing_extensions import Self

_ERROR = "<Error><Code>{}</Code><Message>no</Message></Error>"
_FAULTS = {
    "refuse": (503, _ERROR.format("SlowDown")),
    "fail": (500, _ERROR.format("InternalError")),
    "deny": (403, _ERROR.format("AccessDenied")),
    "gone": (404, _ERROR.format("NoSuchBucket")),
    "late error": (200, '<?xml version="1.0"?>\n' + _ERROR.format("InternalError")),
}


class Proxy:
    """Hands requests on to an S3 and answers back; a context manager.

    Args:
        endpoint: the S3.

    Attributes:
        url: the endpoint to use instead.
        plan: faults by number of the request, from 1 since the plan was set: ``refuse``, ``fail``, ``deny``,
            ``gone``, ``late error`` (not handed on), ``break`` (the connection, before), ``lose`` (the answer).
        requests: number of requests since the plan was set.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.pool = urllib3.PoolManager(maxsize=16)
        self._lock = threading.Lock()
        self.plan = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def plan(self) -> dict[int, str]:
        """The faults to come."""
        return self._plan

    @plan.setter
    def plan(self, plan: dict[int, str]) -> None:
        with self._lock:
            self._plan = plan
            self.requests = 0

    def next_fault(self) -> str:
        """Count a request and return what goes wrong with it."""
        with self._lock:
            self.requests += 1
            return self._plan.get(self.requests, "")

    def unfinished(self, bucket: str) -> int:
        """Return how many uploads in parts are unfinished in ``s3://bucket/``."""
        answer = self.pool.request("GET", f"{self.endpoint}/{bucket[5:-1]}?uploads")
        return len(re.findall(rb"<Upload>", answer.data))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.pool.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.proxy.next_fault()
        if fault == "late error" and self.command not in ("PUT", "POST"):
            fault = ""  # only what takes long fails late
        if fault in _FAULTS:
            status, text = _FAULTS[fault]
            return self._answer(status, {}, text.encode())
        if fault == "break":
            return self._break()
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        headers["Host"] = urlsplit(self.server.proxy.endpoint).netloc
        answer = self.server.proxy.pool.request(
            self.command, self.server.proxy.endpoint + self.path, body=body, headers=headers, redirect=False
        )
        if fault == "lose":
            return self._break()
        return self._answer(answer.status, dict(answer.headers), answer.data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815 - http.server's names

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        length = str(len(body)) if self.command != "HEAD" else headers.get("Content-Length", "0")
        kept = {name: value for name, value in headers.items() if name not in ("Connection", "Transfer-Encoding")}
        for name, value in {**kept, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _break(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """Stay quiet."""
