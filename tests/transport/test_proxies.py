"""A proxy on loopback: plain requests, tunnels for https, credentials, and proxies that cannot be."""

from __future__ import annotations

import base64
import http.client
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from cctrawl.errors import AccessDeniedError, InvalidInputError, TransportError
from cctrawl.settings import Settings
from cctrawl.testing import CutBody, FakeServer
from cctrawl.transport import Policy, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Authority

BODY = bytes(range(256)) * 500


class Proxy:
    """Forwards whatever it is asked for to one server; notes the hosts, and who asked."""

    def __init__(self, server: FakeServer, login: str = "") -> None:
        self.asked: list[str] = []
        self.expected = "Basic " + base64.b64encode(login.encode()).decode() if login else None
        self.target = urlsplit(server.url).netloc
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.is_welcome():
                    proxy.forward(self)

            def do_CONNECT(self) -> None:
                if self.is_welcome():
                    self.send_response(200)
                    self.end_headers()
                    proxy.tunnel(self.connection)
                    self.close_connection = True

            def is_welcome(self) -> bool:
                proxy.asked.append(f"{self.command} {self.path}")
                if self.headers.get("Proxy-Authorization") == proxy.expected:
                    return True
                self.send_error(407)
                return False

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        """Ask the server for the same path and send back what it says."""
        connection = http.client.HTTPConnection(self.target)
        headers = {name: handler.headers[name] for name in ("Range", "If-Range") if name in handler.headers}
        connection.request("GET", urlsplit(handler.path).path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        handler.send_response(response.status)
        for name in ("Content-Length", "Content-Range", "Content-Type", "ETag"):
            if response.headers[name]:
                handler.send_header(name, response.headers[name])
        handler.end_headers()
        handler.wfile.write(body)
        connection.close()

    def tunnel(self, client: socket.socket) -> None:
        """Pass bytes both ways until one side ends."""
        host, port = self.target.split(":")
        with socket.create_connection((host, int(port))) as server:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    (server if ready is client else client).sendall(data)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=["http", "https"])
def served(request: pytest.FixtureRequest, tmp_path: Path, authority: Authority) -> Iterator[FakeServer]:
    """A server that calls itself crawl.invalid, which no name server knows: only a proxy finds it."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.gz").write_bytes(BODY)
    tls = authority.server_context("crawl.invalid") if request.param == "https" else None
    with FakeServer(folder, tls=tls) as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
        yield server


def outcome(server: FakeServer, state: Path) -> bytes:
    """Read the file of crawl.invalid with a new transport."""
    base = f"{urlsplit(server.url).scheme}://crawl.invalid/"
    settings = Settings.resolve(base_url=base, data_dir=state, tries=1)
    with Transport(settings, policy=Policy(retry_s=0.01)) as transport:
        assert transport.read_range(base + "a.gz", 5, 9) == BODY[5:9]
        return transport.read_file(base + "a.gz")


@pytest.mark.parametrize("scheme", ["", "http://"])
@pytest.mark.parametrize("variable", ["{}_proxy", "{}_PROXY", "ALL_PROXY"])
def test_each_variable_leads_through_the_proxy(
    served: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str
) -> None:
    """HTTP goes through the proxy as it is, HTTPS through a tunnel, and streams go on there where they broke."""
    proxy = Proxy(served, "me:p@ss")
    kind = urlsplit(served.url).scheme
    name = variable.format(kind.upper() if variable.isupper() or "PROXY" in variable else kind)
    monkeypatch.setenv(name, f"{scheme}me:p%40ss@{proxy.address}")
    if kind == "https":  # the proxy above takes bodies whole
        served.set_faults([CutBody(after_bytes=90_000, after=1, times=1)])
    assert outcome(served, tmp_path / "state") == BODY
    asked = {line.split("/a.gz")[0] for line in proxy.asked}
    assert asked == {"CONNECT crawl.invalid:443" if kind == "https" else "GET http://crawl.invalid"}
    proxy.close()


def test_wrong_credentials_are_an_error_at_once(
    served: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that wants other credentials is asked once; the error says where they go, and shows none."""
    proxy = Proxy(served, "me:secret")
    monkeypatch.setenv("ALL_PROXY", f"http://me:guess@{proxy.address}")
    with pytest.raises(AccessDeniedError, match="407") as caught:
        outcome(served, tmp_path / "state")
    assert "password@" in (caught.value.hint or "")
    assert "guess" not in str(caught.value)
    assert len(proxy.asked) == 1
    proxy.close()


def test_no_proxy_asks_directly(served: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that NO_PROXY names are asked directly: here, that nobody knows the name."""
    proxy = Proxy(served)
    monkeypatch.setenv("ALL_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", "example.org,.invalid")
    with pytest.raises(TransportError):
        outcome(served, tmp_path / "state")
    assert proxy.asked == []
    proxy.close()


@pytest.mark.parametrize(
    "address", ["socks5://me:secret@127.0.0.1:1", "http://me:secret@[bad", "http://h:port", "http://"]
)
def test_proxies_that_cannot_be_are_named(
    served: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """SOCKS and nonsense are the caller's mistake, said at once and without the password."""
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(InvalidInputError, match="proxy") as caught:
        outcome(served, tmp_path / "state")
    assert "http://" in (caught.value.hint or "")
    assert "secret" not in str(caught.value)


def test_a_proxy_that_is_not_there_is_a_network_error(
    served: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens where the proxy should be: a plain error."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with pytest.raises(TransportError, match=r"the proxy does not let us through: .*refused"):
        outcome(served, tmp_path / "state")
