"""From what the user said to an engine that is ready: a scheduler, and on our own one the first host."""

from __future__ import annotations

import hashlib
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from cctrawl.errors import InvalidInputError
from cctrawl.runs.cluster.engine import ClusterEngine
from cctrawl.runs.cluster.fleet import Fleet
from cctrawl.runs.cluster.options import ClusterOptions
from cctrawl.runs.cluster.scheduler import ForeignScheduler, OwnScheduler
from cctrawl.runs.hosts import Host, read_hosts
from cctrawl.runs.task import Setup

_LOOPBACK = "127.0.0.1"
_SSH_PORT = 22


def open_engine(
    setup: Setup,
    options: ClusterOptions,
    *,
    workers: int | None,
    timeout_s: float,
    max_memory_bytes: int,
    staged: Path,
    inputs: Sequence[str],
    note: Callable[[str], None],
) -> ClusterEngine:
    """Return an engine over the hosts or the cluster of the options; with hosts, once the first of them works.

    Args:
        setup: what all tasks share.
        options: where the workers are.
        workers: workers of hosts whose line tells no number; ``None`` for their cores.
        timeout_s: a worker whose task neither reads nor waits for so long is ended; 0 for no limit.
        max_memory_bytes: a worker that holds more is ended; 0 for no limit.
        staged: the folder of the parts.
        inputs: local files that the hosts must have.
        note: says something to the user.

    Raises:
        InvalidInputError: the hosts file, or the job's folder, is not as it must be.
        TransportError: no scheduler answers.
        EngineError: no host can be used, or not all and all are required; the cluster does not take our plugin.
    """
    fleet = None
    connection: OwnScheduler | ForeignScheduler
    if options.hosts is None:
        connection = ForeignScheduler(options)
    else:
        address = _LOOPBACK if options.tunnel else address_seen_by(read_hosts(options.hosts))
        connection = OwnScheduler(address, dashboard=options.dashboard)
    try:
        if isinstance(connection, OwnScheduler):
            fleet = Fleet(connection, options, key=_key_of(staged), workers=workers, paths=inputs, note=note)
        engine = ClusterEngine(
            connection,
            fleet,
            setup,
            options,
            timeout_s=timeout_s,
            max_memory_bytes=max_memory_bytes,
            staged=staged,
            note=note,
        )
    except BaseException:
        connection.close()
        raise
    if options.dashboard:
        note(f"dashboard: {connection.dashboard or 'this cluster has none'}")
    try:
        engine.begin()
    except BaseException:
        engine.stop()
        raise
    return engine


def _key_of(staged: Path) -> str:
    """Return what names a run on hosts: the same for each command that goes on with it."""
    return hashlib.sha256(f"{socket.gethostname()}\0{staged}".encode()).hexdigest()[:16]


def address_seen_by(hosts: Sequence[Host]) -> str:
    """Return the address of this machine that hosts see: the one from which packets to most of them go out.

    Nothing is sent. Hosts that cannot be resolved here have no say.

    Raises:
        InvalidInputError: there are hosts elsewhere, but no way to any of them that we can see.
    """
    elsewhere = [host for host in hosts if not host.is_local]
    if not elsewhere:
        return _LOOPBACK
    seen = Counter(address for host in elsewhere if (address := _address_towards(host)) is not None)
    if not seen:
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
    words = ["ssh", "-G", *(["-p", str(host.port)] if host.port else []), "--", host.target]
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)  # noqa: S603 - the user's ssh
    except (OSError, subprocess.CalledProcessError):
        return host.target.rpartition("@")[2], _SSH_PORT
    fields = dict(line.partition(" ")[::2] for line in told.stdout.splitlines())
    return fields.get("hostname", host.target), int(fields.get("port", _SSH_PORT))
