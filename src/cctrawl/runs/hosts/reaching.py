"""What a host does for ``hosts check``: it looks whether it reaches the data, and us, as it would in a run."""

from __future__ import annotations

import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cctrawl.errors import CctrawlError, NotFoundError, TransportError
from cctrawl.settings import Settings
from cctrawl.transport import Transport

REQUEST_TIMEOUT_S = 10.0
_PATIENCE_S = 1.0
GREETING = b"cctrawl"
_NETWORK_HINT = (
    "hosts read their inputs themselves: is there a proxy to be named (HTTPS_PROXY there), or a firewall?"
)


def serve(spec: dict[str, Any]) -> None:
    """Tell what is reached: ``reached`` with ``data`` and ``driver``, each empty, or what went wrong and a hint.

    Args:
        spec: ``base_url``, ``location`` of a file below it, ``contact``, ``driver`` (``host:port``), and ``tell``.
    """
    with TemporaryDirectory(prefix="cctrawl-check-") as folder:
        data = _data_trouble(spec, Path(folder))
    spec["tell"](reached={"data": data, "driver": _driver_trouble(spec["driver"])})


def end(reason: str) -> None:
    """Nothing that was begun here needs an end."""


def _data_trouble(spec: dict[str, Any], folder: Path) -> list[str]:
    settings = Settings(
        base_url=spec["base_url"],
        contact=spec["contact"],
        data_dir=folder,
        rate=0,
        tries=1,
        request_timeout=REQUEST_TIMEOUT_S,
        block_pause=_PATIENCE_S,
        patience=_PATIENCE_S,
    )
    try:
        with Transport(settings) as transport:
            transport.read_range(spec["location"], 0, 1)
    except NotFoundError:
        return []  # whoever says so was reached
    except CctrawlError as error:
        hint = None if type(error) is TransportError else error.hint
        return [f"it does not reach the data: {error}", hint or _NETWORK_HINT]
    return []


def _driver_trouble(address: str) -> list[str]:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), REQUEST_TIMEOUT_S) as connection:
            heard = connection.recv(len(GREETING))
    except OSError as error:
        return [
            f"this machine is not reached at {host}: {error.strerror or error}",
            "open its firewall to hosts, or give --tunnel: everything goes through ssh then",
        ]
    return [] if heard == GREETING else [f"somebody else answers at {host}", "give --tunnel"]
