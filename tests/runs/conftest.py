"""Engines for tests that must hold on all of them: this machine, and a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster

import cctrawl

# Idle for the rest of the tests, it would take a sixth of a core: Dask looks at what its workers do a hundred times
# a second.
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "10s",
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Client]:
    """A Dask cluster of two processes, as anybody might have one."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with (
        dask.config.set(QUIET),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(params=["this machine", "Dask"])
def each_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `cctrawl.run` use one engine, then the other: what a run promises holds on all."""
    if request.param == "this machine":
        return
    run, client = cctrawl.run, request.getfixturevalue("cluster")

    def run_on_cluster(job: object, **given: Any) -> Any:  # noqa: ANN401 - as `run`
        given.pop("workers", None)
        return run(job, client=client, **given)  # type: ignore[arg-type]  # as `run`

    monkeypatch.setattr(cctrawl, "run", run_on_cluster)
