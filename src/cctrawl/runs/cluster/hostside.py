"""What runs on a host that was found fit: a Dask worker with an agent in it, until the driver hangs up."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import sys
from typing import Any

from cctrawl.runs.cluster import agent

_LISTENING_S = 20
_REACHING_S = 8
_scratch = ""


def serve(spec: dict[str, Any]) -> None:
    """Work until the driver or the connection to it goes; never returns.

    Args:
        spec: ``scheduler``, ``security``, ``config``, ``name`` and ``listen`` as `fleet` made them, ``workers``, and
            ``scratch``, a folder that is this process's alone.
    """
    global _scratch  # noqa: PLW0603 - one process is one host
    _scratch = spec["scratch"]
    agent.LEASE_OVER = lambda: end("the lease is over")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        _see_scheduler(spec["scheduler"])
        asyncio.run(_work(spec))
    except Exception as error:  # noqa: BLE001 - its text is what the driver shows
        end(f"{type(error).__name__}: {error}")
    end("the scheduler has closed the connection")


def end(reason: str) -> None:
    """End the workers, remove what they have left, and end this process; from any thread."""
    for one in list(agent.AGENTS):
        one.close(reason)
    shutil.rmtree(_scratch, ignore_errors=True)
    sys.stdout.write(f"CCTRAWL-END {reason}\n")
    sys.stdout.flush()
    os._exit(0)


def _see_scheduler(url: str) -> None:
    """See that the driver can be reached from here, before Dask tries for long."""
    host, _, port = url.partition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), _REACHING_S).close()
    except OSError as error:
        end(f"the driver cannot be reached at {host}:{port}: {error}; give --tunnel")


async def _work(spec: dict[str, Any]) -> None:
    import dask  # noqa: PLC0415 - after the facts have been told
    from distributed import Security, Worker  # noqa: PLC0415 - the same

    dask.config.set(spec["config"])
    security = Security(**spec["security"]) if spec["security"] else None
    worker = Worker(
        spec["scheduler"],
        nthreads=spec["workers"],
        name=spec["name"],
        host=spec["listen"],
        protocol="tls" if security else "tcp",
        security=security,
        local_directory=spec["scratch"],
        memory_limit=0,  # its threads hold nothing: --max-memory watches the workers
        death_timeout=_LISTENING_S,
        dashboard=False,
        heartbeat_interval="5s",
    )
    async with worker:
        await worker.finished()
