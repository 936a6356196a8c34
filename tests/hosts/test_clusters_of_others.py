"""A Dask cluster that is not ours: `--scheduler` and `--scheduler-file`, and what happens when it goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from tests.hosts.conftest import Lab
from tests.hosts.undertaking import Undertaking, await_that

pytestmark = pytest.mark.slow

PORT = 8786
ADDRESS = f"tcp://10.78.7.1:{PORT}"
LEASE = ("--lease", "4s")


@dataclass
class Cluster:
    """A scheduler on h1 and a worker with a nanny on h2 and on h3, as an administrator starts them.

    Attributes:
        lab: the hosts.
        clients: the ssh clients that hold them.
    """

    lab: Lab
    clients: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_scheduler(self) -> None:
        """Start it, and wait until its file is there."""
        file = self.lab.shared / "scheduler.json"
        file.unlink(missing_ok=True)
        words = ["--host", "10.78.7.1", "--port", str(PORT), "--no-dashboard", "--scheduler-file", str(file)]
        self._start("h1", "scheduler", *words)
        await_that(file.exists, lambda: "no scheduler")

    def start_workers(self) -> None:
        """Start them; they look for the scheduler themselves."""
        for name in ("h2", "h3"):
            words = [ADDRESS, "--nworkers", "1", "--nthreads", "1", "--no-dashboard"]
            self._start(name, "worker", *words, "--local-directory", str(self.lab.scratch))

    def _start(self, host: str, program: str, *words: str) -> None:
        command = ["ssh", host, sys.executable, "-m", "dask", program, *words]
        with (self.lab.shared / f"{host}.log").open("ab") as log:
            self.clients.append(self.lab.hosts.popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def kill(self, host: str) -> None:
        """End all that runs on a host."""
        for number, _ in self.lab.hosts.processes(host):
            os.kill(number, signal.SIGKILL)


@pytest.fixture
def cluster(lab: Lab) -> Iterator[Cluster]:
    """A cluster on the lab's hosts."""
    with _started(lab) as cluster:
        yield cluster


@contextmanager
def _started(lab: Lab) -> Iterator[Cluster]:
    cluster = Cluster(lab)
    try:
        cluster.start_scheduler()
        cluster.start_workers()
        yield cluster
    finally:
        for name in lab.hosts.names:
            cluster.kill(name)
        for client in cluster.clients:
            client.wait()


def test_cluster_of_somebody_elses_does_the_run_and_keeps_nothing(lab: Lab, cluster: Cluster) -> None:
    """Its workers do the job, whose files exist on the driver only; afterwards they have no process of ours."""
    work = Undertaking.begin(lab, files=6)
    work.run("--scheduler-file", str(lab.shared / "scheduler.json"), over_hosts=False)
    work.assert_undisturbed()
    assert {step.host for step in work.steps()} == {"h2", "h3"}
    await_that(lambda: not work.leaves("h2") + work.leaves("h3"), lambda: f"left: {lab.left()}")
    assert len(cluster.lab.hosts.processes("h2")) >= 2  # nanny and worker are still the administrator's


@pytest.mark.exhaustive  # its neighbour in tests/runs/cluster loses a scheduler of this machine
def test_scheduler_that_goes_away_ends_the_run_which_can_go_on(lab: Lab, cluster: Cluster) -> None:
    """Without its scheduler a run ends with 4, and its workers with it; with another one it goes on."""
    work = Undertaking.begin(lab, files=9)
    with work.started(*LEASE, "--scheduler", ADDRESS, over_hosts=False) as command:
        work.await_ends(2)
        cluster.kill("h1")
        said = command.finish(4)
    assert "the Dask scheduler is gone" in said
    assert "run the same command again to go on" in said
    await_that(lambda: not work.leaves("h2") + work.leaves("h3"), lambda: f"left: {lab.left()}")
    cluster.start_scheduler()
    cluster.start_workers()  # the others ended with their scheduler
    assert "going on: " in work.run("--scheduler", ADDRESS, over_hosts=False)
    work.assert_undisturbed()


@pytest.mark.exhaustive
@pytest.mark.parametrize("victim", ["nanny", "worker"])
def test_worker_of_a_cluster_that_is_killed_is_replaced(lab: Lab, cluster: Cluster, victim: str) -> None:
    """After kill -9 of a nanny, or of a worker, which its nanny starts again, all rows are there."""
    work = Undertaking.begin(lab, files=9)
    with work.started(*LEASE, "--scheduler", ADDRESS, over_hosts=False) as command:
        work.await_work_on("h2")
        with work.held():
            lines = [
                (n, line) for n, line in cluster.lab.hosts.processes("h2") if "cctrawl.runs.worker" not in line
            ]
            is_nanny = ["-m dask worker" in line for _, line in lines]
            os.kill(lines[is_nanny.index(victim == "nanny")][0], signal.SIGKILL)
        command.finish()
    work.assert_undisturbed()
