"""Links to hosts by OpenSSH: three namespaces with a real sshd each."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.hosts.conftest import Lab
from tests.runs.hosts.heard import Heard, linked, waiting_python

from cctrawl.runs.hosts import Linked, Refused, Unlinked, read_hosts


@contextmanager
def over_ssh(lab: Lab, lines: Sequence[str], **options: Any) -> Iterator[Heard]:  # noqa: ANN401 - any of Linking
    """Keep links to hosts of the lab, by lines of a hosts file."""
    options = {"python": waiting_python(lab.shared), "workdir": str(lab.scratch / "w"), **options}
    program = Path(lab.hosts.environment["PATH"].split(os.pathsep)[0], "ssh")
    hosts = read_hosts(lab.hosts.hosts_file(*lines))
    with lab.hosts.network(), linked(hosts, ssh=str(program), **options) as heard:
        yield heard


def test_three_hosts_come_and_go(lab: Lab) -> None:
    """Each host tells what is there and works in a folder of its own, by name, by address, and with a port."""
    with over_ssh(lab, ["h1 1", "root@10.78.7.2:22", "h3"], scheduler_address="driver:77") as heard:
        found = {event.host.name: event for event in (heard.next(Linked) for _ in range(3))}
        assert sorted(found) == ["10.78.7.2", "h1", "h3"]
        assert found["h1"].workers == 1
        assert {event.scheduler for event in found.values()} == {"driver:77"}
        assert {event.facts.machine for event in found.values()} == {"h1", "h2", "h3"}
        assert lab.hosts.path_on("h1", found["h1"].facts.scratch).is_dir()
    assert {heard.next(Unlinked).reason for _ in range(3)} == {"the driver hung up"}
    lab.await_empty()
    assert list(lab.hosts.path_on("h1", lab.scratch / "w").iterdir()) == []


def test_the_tunnel_leads_to_the_scheduler(lab: Lab) -> None:
    """With a tunnel the host reaches a port of this machine's loopback at one of its own loopback."""
    serving = "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
    words = ["python3", "-c", f"import socket; {serving}; s.accept()[0].send(b'here')"]
    with lab.hosts.popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with over_ssh(lab, ["h2"], tunnel=True, scheduler_port=port) as heard:
            host, _, there = heard.next(Linked).scheduler.partition(":")
            assert host == "127.0.0.1"
            asked = f"import socket; print(socket.create_connection(('127.0.0.1', {there})).recv(9))"
            assert lab.hosts.run_on("h2", ["python3", "-c", asked]).stdout == "b'here'\n"


def test_a_forward_that_is_refused_is_named_at_the_second_port(lab: Lab) -> None:
    """An sshd that forwards nothing is told as such; the other hosts work."""
    lab.hosts.crash("h1")
    lab.hosts.start("h1", sshd_lines=["AllowTcpForwarding no"])
    with over_ssh(lab, ["h1"], tunnel=True) as heard:
        [problem] = heard.next(Refused).problems
    assert "does not forward ports back" in problem.what
    assert "AllowTcpForwarding" in problem.hint
    with over_ssh(lab, ["h1"]) as heard:
        heard.next(Linked)


def test_what_keeps_us_out_is_named(lab: Lab) -> None:
    """Unknown names, a key that is not let in, host keys that changed or are not known, ports that nobody has."""
    config = lab.hosts.ssh_config.read_text(encoding="utf-8")
    nameless = "Host nameless\n  HostName 10.78.7.3\n  HostKeyAlias nobody-knows-it\n"
    lab.hosts.ssh_config.write_text(nameless + config, encoding="utf-8")
    known = lab.hosts.ssh_config.with_name("known_hosts")
    lines = known.read_text(encoding="utf-8").splitlines()
    lines[0] = f"10.78.7.1 {lines[1].partition(' ')[2]}"
    known.write_text("\n".join([*lines, ""]), encoding="utf-8")
    lab.hosts.path_on("h2", "/run/host/authorized_keys").write_text("", encoding="utf-8")
    with over_ssh(lab, ["h1", "no.such.host", "me@h2", "nameless", "h3:2222", "10.78.7.99", "10.78.7.3"]) as heard:
        events = [heard.next(object) for _ in range(7)]  # type: ignore[type-var]  # Linked or Refused
    assert [event.host.name for event in events if isinstance(event, Linked)] == ["10.78.7.3"]
    said = {event.host.name: event.problems[0] for event in events if isinstance(event, Refused)}
    assert "host key is not the one that is known" in said["h1"].what
    assert "ssh-keygen -R" in said["h1"].hint
    assert "no host of this name is known" in said["no.such.host"].what
    assert "does not let us in" in said["h2"].what
    assert "ssh-copy-id me@h2" in said["h2"].hint
    assert "host key is not known yet" in said["nameless"].what
    assert "nothing listens on its ssh port" in said["h3"].what
    assert "does not answer" in said["10.78.7.99"].what


def test_what_is_wrong_with_a_host_is_named(lab: Lab) -> None:
    """No interpreter, a folder that cannot be written, inputs that are not there: each told for its host."""
    (lab.jobs / "input").write_text("")
    lines = ["h1 python=/no/python", "h2 workdir=/proc/x", "h3"]
    with over_ssh(lab, lines, paths=[str(lab.jobs / "input")]) as heard:
        told = {event.host.name: event.problems for event in (heard.next(Refused) for _ in range(3))}
    assert "there is no interpreter /no/python" in told["h1"][0].what
    assert "the folder /proc/x cannot be used" in told["h2"][0].what
    assert [problem.what for problem in told["h3"]] == [f"inputs cannot be read there: {lab.jobs}/input"]


def test_the_interpreter_that_install_makes_comes_first(lab: Lab) -> None:
    """Without an interpreter named, it is python3, which knows no cctrawl here: that is told with what to do."""
    with over_ssh(lab, ["h1"], python=None) as heard:
        problems = heard.next(Refused).problems
    assert "cctrawl hosts install" in problems[0].hint


def test_an_ssh_that_is_killed_and_a_worker_that_is_killed(lab: Lab) -> None:
    """Either is told, and the host works again; after the death of ssh nothing of the first generation is left."""
    with over_ssh(lab, ["h1"]) as heard:
        heard.next(Linked)
        heard.await_line("serving in")
        [number] = [number for number, words in lab.hosts.processes("driver") if "BatchMode" in words]
        os.kill(number, signal.SIGKILL)
        assert not heard.next(Unlinked).is_empty
        assert heard.next(Linked).facts.alone
        [number] = [number for number, words in lab.hosts.processes("h1") if "boot" in words]
        os.kill(number, signal.SIGKILL)
        assert not heard.next(Unlinked).is_empty
        assert heard.next(Linked).generation == 2


@pytest.mark.exhaustive  # runs with a cut are among the faults of test_faults
def test_a_host_that_was_cut_off_is_back_soon(lab: Lab) -> None:
    """A cut is noticed when ssh gets no answers any more; the host is asked again until it answers."""
    with over_ssh(lab, ["h1"], alive_s=1, alive_count=2) as heard:
        heard.next(Linked)
        lab.hosts.cut("h1")
        assert not heard.next(Unlinked).is_empty
        assert "does not answer" in heard.next(Refused).problems[0].what
        lab.hosts.crash("h1")  # else what is left there would wait for its lease, which is not of links
        lab.hosts.start("h1")
        assert heard.next(Linked).generation == 1
