"""This machine's address, as hosts see it."""

from __future__ import annotations

import socket
import subprocess
from collections import Counter
from collections.abc import Sequence

from cctrawl.errors import InvalidInputError
from cctrawl.runs.hosts.command import find_ssh
from cctrawl.runs.hosts.hostfile import Host

_LOOPBACK = "127.0.0.1"
_SSH_PORT = 22


def address_seen_by(hosts: Sequence[Host]) -> str:
    """Return the address of this machine that hosts see: the one from which packets to most of them go out.

    Nothing is sent. Hosts that cannot be resolved here have no say.

    Raises:
        InvalidInputError: there is no way to any of them that we can see.
    """
    elsewhere = [host for host in hosts if not host.is_local]
    seen = Counter(address for host in elsewhere if (address := _address_towards(host)) is not None)
    if not seen:
        if len(elsewhere) < len(hosts):
            return _LOOPBACK  # the local ones can begin
        raise InvalidInputError(
            f"no address of this machine that {elsewhere[0].name} could reach is known",
            hint="give --tunnel: everything goes through ssh then",
        )
    return seen.most_common(1)[0][0]


def _address_towards(host: Host) -> str | None:
    name, port = _resolved(host)
    try:
        family, kind, _, _, address = socket.getaddrinfo(name, port, socket.AF_INET, socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)  # of a datagram socket: only routes are looked up
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _resolved(host: Host) -> tuple[str, int]:
    """Return name and port of a host as ssh's configuration has them."""
    words = [find_ssh(), "-G", *(["-p", str(host.port)] if host.port else []), "--", host.target]
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)  # noqa: S603 - the user's ssh
    except (OSError, subprocess.CalledProcessError):
        return host.target.rpartition("@")[2], _SSH_PORT
    fields = dict(line.partition(" ")[::2] for line in told.stdout.splitlines())
    return fields.get("hostname", host.target), int(fields.get("port", _SSH_PORT))
