"""What runs on a host that was found fit: a Dask worker with an agent in it, until the driver hangs up."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

from cctrawl.runs.cluster import agent

_LISTENING_S = 20
_REACHING_S = 8


def serve(spec: dict[str, Any]) -> None:
    """Work until the connection to the scheduler goes.

    Args:
        spec: ``scheduler``, ``security``, ``config``, ``name``, ``listen`` and ``workers`` as `fleet` made them;
            ``scratch``, a folder that is this process's alone, and ``leave``, which ends it, by `hosts.boot`.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    agent.GIVEN_UP = spec["leave"]
    _see_scheduler(spec)
    asyncio.run(_work(spec))
    end("the scheduler has closed the connection")


def end(reason: str) -> None:
    """End the workers, and remove what they have left; from any thread."""
    for one in list(agent.AGENTS):
        one.close(reason)


def _see_scheduler(spec: dict[str, Any]) -> None:
    """See that the driver can be reached from here, before Dask tries for long."""
    host, _, port = spec["scheduler"].partition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), _REACHING_S).close()
    except OSError as error:
        spec["leave"](f"the driver cannot be reached at {host}:{port}: {error}; give --tunnel")


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
