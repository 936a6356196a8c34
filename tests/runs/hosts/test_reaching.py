"""What a host reaches, and where it finds us."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from cctrawl.errors import InvalidInputError
from cctrawl.runs.hosts import Host, address_seen_by
from cctrawl.runs.hosts.reaching import serve
from cctrawl.testing import FakeCrawls, FakeServer

LOCAL = Host("localhost", "localhost", is_local=True)


def reached(base_url: str, driver: str) -> dict[str, Any]:
    """Return what is told."""
    told: dict[str, Any] = {}
    serve({
        "base_url": base_url, "location": base_url + "collinfo.json", "contact": "", "driver": driver,
        "tell": lambda **what: told.update(what["reached"]),
    })  # fmt: skip
    return told


def somebody_else() -> int:
    """Return a port where one caller is told something."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with server, server.accept()[0] as connection:
            connection.sendall(b"SSH-2.0")

    threading.Thread(target=answer, daemon=True).start()
    return int(server.getsockname()[1])


def test_what_is_not_reached_is_told_with_a_hint(fake: FakeCrawls) -> None:
    """A server that is not there, a driver that is not there, or is somebody else; an absent file is fine."""
    with FakeServer(fake.root) as server:
        told = reached(server.url, "127.0.0.1:9")
        assert told["data"] == []
        assert "this machine is not reached at 127.0.0.1" in told["driver"][0]
        assert "--tunnel" in told["driver"][1]
        assert reached(server.url + "no/such/folder/", "127.0.0.1:9")["data"] == []
    told = reached("http://127.0.0.1:9/", f"127.0.0.1:{somebody_else()}")
    assert "it does not reach the data: http://127.0.0.1:9/collinfo.json" in told["data"][0]
    assert "HTTPS_PROXY" in told["data"][1]
    assert told["driver"] == ["somebody else answers at 127.0.0.1", "give --tunnel"]


def test_where_hosts_find_us() -> None:
    """At the address from which we reach them; at loopback if all are here, or none is known but those."""
    assert address_seen_by([LOCAL]) == "127.0.0.1"
    assert address_seen_by([Host("a", "me@127.0.0.5"), Host("no.such.host.invalid", "no.such.host.invalid")])
    assert address_seen_by([LOCAL, Host("no.such.host.invalid", "no.such.host.invalid")]) == "127.0.0.1"
    with pytest.raises(InvalidInputError) as caught:
        address_seen_by([Host("no.such.host.invalid", "no.such.host.invalid")])
    assert "--tunnel" in str(caught.value.hint)
