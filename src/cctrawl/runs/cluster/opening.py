"""From what the user said to an engine that is ready: a scheduler, and on our own one the first host."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from cctrawl.runs.cluster.engine import ClusterEngine
from cctrawl.runs.cluster.fleet import Fleet
from cctrawl.runs.cluster.options import ClusterOptions
from cctrawl.runs.cluster.scheduler import ForeignScheduler, OwnScheduler
from cctrawl.runs.hosts import address_seen_by, read_hosts
from cctrawl.runs.task import Setup

_LOOPBACK = "127.0.0.1"


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
