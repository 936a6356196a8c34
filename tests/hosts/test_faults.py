"""Faults of machines, links and processes: each run over three hosts ends in exactly the undisturbed rows."""

from __future__ import annotations

import ipaddress
import os
import signal
import time
from pathlib import Path

import pytest
from tests.hosts.conftest import Lab
from tests.hosts.undertaking import Undertaking, await_that

_LISTEN = "0A"
pytestmark = pytest.mark.slow

LEASE = ("--lease", "4s")  # a vanished host is empty, and missed, after so long
WAYS = [pytest.param((), id="open"), pytest.param(("--tunnel",), id="tunnel")]
EXPENSIVE_WAYS = [
    pytest.param((), id="open"),
    pytest.param(("--tunnel",), id="tunnel", marks=pytest.mark.exhaustive),
]


def listening(process: int) -> set[str]:
    """Return the addresses, but loopback, on which somebody listens in the network of a process."""
    found = set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{family}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == _LISTEN:
                words = bytes.fromhex(local.partition(":")[0])
                turned = b"".join(words[start : start + 4][::-1] for start in range(0, len(words), 4))
                found.add(ipaddress.ip_address(turned))
    return {str(address) for address in found if not address.is_loopback}


def assert_never_in_two_places(work: Undertaking) -> None:
    """Check that whoever had begun an input went on with it only until somebody else began it anew."""
    last: dict[str, tuple[str, int]] = {}
    for step in work.steps():
        if not step.is_beginning:
            assert last[step.file] == (step.host, step.process), step
        last[step.file] = (step.host, step.process)


@pytest.mark.parametrize("way", WAYS)
def test_three_hosts_do_what_one_machine_does(lab: Lab, way: tuple[str, ...]) -> None:
    """The job's folder exists on the driver only; all hosts work, all rows are there, hosts keep nothing.

    With a tunnel everybody listens on loopback alone, without one the driver on the address that hosts see.
    """
    work = Undertaking.begin(lab)
    with work.started(*way) as command:
        work.await_work_on_all()
        with work.held():
            opened = {name: listening(lab.hosts.processes(name)[0][0]) for name in ("driver", *lab.hosts.names)}
        said = command.finish()
    work.assert_undisturbed()
    assert {step.host for step in work.steps()} == {"h1", "h2", "h3"}
    assert work.begun == sorted(f"f{number}" for number in range(12))
    assert "done: 12 of 12 files" in said
    sshds = {"h1": {"10.78.7.1"}, "h2": {"10.78.7.2"}, "h3": {"10.78.7.3"}}
    assert opened == {"driver": set() if way else {lab.hosts.address}, **sshds}
    lab.await_empty()
    work.assert_scratch_empty()


def test_killed_processes_cost_their_inputs_a_second_beginning(lab: Lab) -> None:
    """Kill -9 of what runs the job, of Dask's worker and of an ssh client: their inputs are done again, once."""
    work = Undertaking.begin(lab, files=9)
    with work.started("--tunnel") as command:
        work.await_work_on_all()
        with work.held():
            for victims in (work.leaves("h1"), work.dask_workers("h2"), work.ssh_clients("h3")):
                (number,) = victims
                os.kill(number, signal.SIGKILL)
        command.finish()
    work.assert_undisturbed()
    assert len(work.begun) <= 9 + 3 + 2  # beside the input at work, Dask's worker and ssh may have had a result
    assert_never_in_two_places(work)


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("victims", ["leaves", "dask_workers", "ssh_clients"])
def test_killed_process_of_one_kind(lab: Lab, victims: str, way: tuple[str, ...]) -> None:
    """Each of these kills by itself, again and again on all hosts in turn, costs no row and blames no input."""
    work = Undertaking.begin(lab, files=60)
    with work.started(*way) as command:
        for name in lab.hosts.names * 3:
            work.await_work_on(name, after=time.time())
            for number in getattr(work, victims)(name)[:1]:
                os.kill(number, signal.SIGKILL)
        command.finish()
    work.assert_undisturbed()
    assert_never_in_two_places(work)


def test_killed_driver_leaves_hosts_empty_and_its_run_goes_on_here(lab: Lab) -> None:
    """After kill -9 of the command all hosts are empty; what is left to do, workers of this machine can do."""
    work = Undertaking.begin(lab)
    with work.started() as command:
        work.await_ends(4)
        command.process.kill()
        command.process.wait()
    lab.await_empty()
    work.assert_scratch_empty()
    with work.started(over_hosts=False) as command:
        assert "going on: " in command.finish()
    work.assert_undisturbed()
    assert len(work.begun) <= 12 + 3 + 3  # what was at work, and results on their way


@pytest.mark.parametrize("way", EXPENSIVE_WAYS)
def test_vanished_host_is_empty_before_its_input_runs_elsewhere(lab: Lab, way: tuple[str, ...]) -> None:
    """A host that is cut off ends what it did within its lease; only then is its input begun on another."""
    work = Undertaking.begin(lab, files=6, pages=8)
    with work.started(*LEASE, *way) as command:
        work.await_work_on_all()
        with work.held():
            lab.hosts.cut("h3")
            cut_off = next(step.file for step in reversed(work.steps()) if step.host == "h3")
        command.finish()
    work.assert_undisturbed()
    assert_never_in_two_places(work)
    first, second = work.hosts_of(cut_off)
    assert first == "h3" != second
    lab.await_empty()


def test_vanished_host_that_comes_back_works_again(lab: Lab) -> None:
    """A host that was away for longer than its lease is used again when its link is back."""
    work = Undertaking.begin(lab, files=9)
    with work.started(*LEASE, "--tunnel") as command:
        work.await_work_on_all()
        with work.held():
            lab.hosts.cut("h3")
            await_that(lambda: not lab.hosts.processes("h3"), lambda: f"still there: {lab.left()}")
            back_at = time.time()
            lab.hosts.mend("h3")
            work.await_work_on("h3", after=back_at)
        command.finish()
    work.assert_undisturbed()
    assert_never_in_two_places(work)


@pytest.mark.exhaustive
def test_crashed_host_that_starts_again_works_again(lab: Lab) -> None:
    """A host that loses its power and comes back at once is known to be empty, and works again."""
    work = Undertaking.begin(lab, files=9)
    with work.started("--tunnel") as command:
        work.await_work_on_all()
        with work.held():
            lab.hosts.crash("h2")
            lab.hosts.start("h2")
            work.await_work_on("h2", after=time.time())
        command.finish()
    work.assert_undisturbed()


@pytest.mark.parametrize("way", EXPENSIVE_WAYS)
def test_blip_of_8_seconds_loses_nothing(lab: Lab, way: tuple[str, ...]) -> None:
    """A link that is away for 8 s costs time alone: no input is begun twice."""
    work = Undertaking.begin(lab, files=6)
    with work.started(*way) as command:
        work.await_work_on_all()
        with work.held():
            lab.hosts.cut("h1")
            time.sleep(8)
            lab.hosts.mend("h1")
        command.finish()
    work.assert_undisturbed()
    assert work.begun == sorted(f"f{number}" for number in range(6))


def test_host_that_is_added_to_the_file_joins(lab: Lab) -> None:
    """A line that is added while the run goes on brings a further host, which gets the user's code too."""
    work = Undertaking.begin(lab, files=6, hosts=["h1 1"])
    with work.started() as command:
        work.await_work_on("h1")
        with work.held(), work.hosts_file.open("a") as lines:
            lines.write("h2 1\n")
            lines.flush()
            work.await_work_on("h2")
        command.finish()
    work.assert_undisturbed()


def test_interrupt_leaves_hosts_empty_and_a_run_of_one_machine_goes_on_over_hosts(lab: Lab) -> None:
    """A run that began here goes on over hosts; Ctrl-C ends with 130 and empties them; the same command goes on."""
    work = Undertaking.begin(lab)
    for over_hosts in (False, True):
        before = len(work.ends())
        with work.started(over_hosts=over_hosts) as command:
            work.await_ends(before + 2)
            command.interrupt()
            assert "the same command goes on" in command.finish(130)
        lab.await_empty()
    assert "going on: " in work.run()
    work.assert_undisturbed()
    lab.await_empty()
    work.assert_scratch_empty()


@pytest.mark.exhaustive  # tests/runs/test_session.py refuses it over both engines
def test_second_driver_on_the_same_output_is_refused(lab: Lab) -> None:
    """While one command is at it, another on the same output ends at once, and disturbs nothing."""
    work = Undertaking.begin(lab, files=3, hosts=["h1 1"])
    with work.started() as command:
        work.await_work_on("h1")
        done = lab.hosts.run(work.words(), cwd=lab.jobs)
        assert done.returncode != 0
        assert "another" in done.stderr
        command.finish()
    work.assert_undisturbed()
