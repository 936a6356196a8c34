"""Claim: what is lost of three hosts is back, or missed, within seconds, and no process is left behind.

Times to beat, with three hosts of one worker, ssh keeping alive by 5 s x 3: when a process was killed, its host is
back at an input in 4 s, and the input that it was at has begun again; a host is back 3 s after its link; a silent
loss is noticed in 20 s through the tunnel and in 12 s without; hosts are empty 1 s after the driver was killed
(must: 5 s), and a lease (20 s) after they were cut off. The hosts are namespaces of this machine with a real sshd
each.

    python benchmarks/lost_hosts.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from host_run import HostRun, await_that
from side_by_side import keep

from cctrawl.testing import FakeHosts

INPUTS, WAIT_S = 2000, 1.0  # more than any fault gives time for: each run is killed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    taken: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        for name, way, fault in FAULTS:
            with tempfile.TemporaryDirectory() as scratch, FakeHosts(Path(scratch) / "hosts") as hosts:
                run = HostRun(hosts, Path(scratch) / "run", inputs=INPUTS, wait_s=WAIT_S)
                process, _ = run.start(hosts.names, *way)
                try:
                    for host in hosts.names:
                        run.first(host)
                    taken.setdefault(name, []).append(fault(run, process.pid))
                    print(f"{taken[name][-1]:5.1f} s  {name}", flush=True)
                finally:
                    process.kill()
                    process.wait()
    for name, _, _ in FAULTS:
        each = ", ".join(f"{seconds:.1f}" for seconds in taken[name])
        print(f"{statistics.median(taken[name]):5.1f} s  {name}  ({each})")
    keep("lost_hosts", taken)


def _host_again(where: str, what: str) -> Callable[[HostRun, int], float]:
    """Kill a process of h2's; return the seconds until that host begins an input again."""

    def fault(run: HostRun, _: int) -> float:
        began = _kill(run, where, what)
        return run.first("h2", after=began) - began

    return fault


def _input_again(where: str, what: str) -> Callable[[HostRun, int], float]:
    """Kill a process of h2's; return the seconds until what it was at is begun again, wherever that is."""

    def fault(run: HostRun, _: int) -> float:
        began = _kill(run, where, what)
        lost = [
            step.url for step in run.steps() if step.host == "h2" and step.what == "begin" and step.time_s < began
        ]
        return run.first_of(lost[-1], after=began) - began

    return fault


def _kill(run: HostRun, where: str, what: str) -> float:
    victim = next(number for number, line in run.hosts.processes(where) if what in line)
    await_that(lambda: _is_at_an_input(run))
    os.kill(victim, signal.SIGKILL)
    return time.time()


def _is_at_an_input(run: HostRun) -> bool:
    """Tell whether h2 has been at an input for a while, and will be for a while."""
    newest = [step for step in run.steps() if step.host == "h2"][-1]
    return newest.what == "begin" and 0.1 < (time.time() - newest.time_s) / WAIT_S < 0.5


def _noticed(run: HostRun, _: int) -> float:
    """Cut h2 off; return the seconds until the command says that it gets nothing new."""
    run.hosts.cut("h2")
    began = time.time()
    return await_that(lambda: "h2: " in run.said()) - began


def _emptied(run: HostRun, _: int) -> float:
    """Cut h2 off; return the seconds until it is empty."""
    run.hosts.cut("h2")
    began = time.time()
    return await_that(lambda: not run.hosts.processes("h2")) - began


def _link_back(run: HostRun, _: int) -> float:
    """Cut h2 off until it is empty; return the seconds from its link's return to its next input."""
    _emptied(run, 0)
    run.hosts.mend("h2")
    began = time.time()
    return run.first("h2", after=began) - began


def _driver_killed(run: HostRun, driver: int) -> float:
    """Kill the command; return the seconds until all hosts are empty, and no ssh client is left."""
    os.kill(driver, signal.SIGKILL)
    began = time.time()
    names = [*run.hosts.names, "driver"]
    return await_that(lambda: not any(run.hosts.processes(name) for name in names)) - began


TUNNEL = ("--tunnel",)
VICTIMS = [  # what they are, where, and what stands in their command line
    ("a worker", "h2", "cctrawl.runs.worker"),
    ("a Dask worker", "h2", "CCTRAWL"),
    ("an ssh client", "driver", " -- h2 "),
]
FAULTS: list[tuple[str, tuple[str, ...], Callable[[HostRun, int], float]]] = [
    *(
        (f"{what} killed: {whose} again (aim: 4)", TUNNEL, fault(where, words))
        for what, where, words in VICTIMS
        for whose, fault in (("its host at an input", _host_again), ("its input begun", _input_again))
    ),
    ("silent loss noticed, through the tunnel (aim: 20)", TUNNEL, _noticed),
    ("silent loss noticed, without (aim: 12)", (), _noticed),
    ("a host that is cut off empty (must: 20)", TUNNEL, _emptied),
    ("a host back at an input after its link, through the tunnel (aim: 3)", TUNNEL, _link_back),
    ("a host back at an input after its link, without (aim: 3)", (), _link_back),
    ("hosts empty after the driver was killed (aim: 1, must: 5)", TUNNEL, _driver_killed),
]


if __name__ == "__main__":
    main()
