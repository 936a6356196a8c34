"""Fake hosts: real ssh between namespaces, faults of machines and links, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cctrawl.errors import EngineError
from cctrawl.testing import FakeHosts, FakeServer, hosts

pytestmark = pytest.mark.skipif(bool(FakeHosts.missing()), reason=f"no fake hosts: {FakeHosts.missing()}")

OWNER = """
import sys, time
from cctrawl.testing import FakeHosts
with FakeHosts(sys.argv[1], 2) as hosts:
    hosts.popen(["sleep", "1000"])
    hosts.run(["ssh", "h1", "setsid nohup sleep 1001 >/dev/null 2>&1 </dev/null &"])
    print("up", flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def two(tmp_path: Path) -> Iterator[FakeHosts]:
    """Two hosts, with a folder of their own each, and in it one that all share."""
    for name in ("private", "private/common"):
        (tmp_path / name).mkdir()
    with FakeHosts(
        tmp_path / "lab", 2, private=[tmp_path / "private"], shared=[tmp_path / "private/common"]
    ) as made:
        yield made


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    """Wait until something holds."""
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def marked(mark: str) -> dict[int, str]:
    """Return number and command line of the processes with this variable in their environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:  # noqa: PERF203 - processes end while we look
            continue
    return found


@contextmanager
def echo(two: FakeHosts, host: str) -> Iterator[subprocess.Popen[str]]:
    """Start a `cat` on a host and see that it answers."""
    with two.popen(["ssh", host, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert answer(process, "hello") == "hello"
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[str], line: str) -> str:
    """Send a line and return what comes back."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_each_host_is_reached_by_its_name_and_is_its_own(two: FakeHosts) -> None:
    """An alias of the configuration, the address and root@ lead to a host with its own name and processes."""
    for words in (["h2"], ["root@h2"], ["-p", "22", "10.78.7.2"]):
        done = two.run(["ssh", *words, "hostname; ls /proc | grep -c '^[0-9]'"])
        name, processes = done.stdout.split()
        assert (name, done.stderr) == ("h2", "")
        assert int(processes) < 12
    assert two.run_on("h1", ["hostname"]).stdout == "h1\n"


def test_hosts_reach_each_other_by_name_but_nobody_else(two: FakeHosts) -> None:
    """A host knows the others' names, and no route leads out."""
    banner = "import socket; print(socket.create_connection(('h2', 22), 5).recv(4))"
    assert two.run_on("h1", [sys.executable, "-c", banner]).stdout == "b'SSH-'\n"
    outside = "import socket; socket.create_connection(('192.0.2.1', 80), 5)"
    assert "unreachable" in two.run_on("h1", [sys.executable, "-c", outside]).stderr
    assert "unreachable" in two.run([sys.executable, "-c", outside]).stderr


def test_host_keys_are_checked(two: FakeHosts) -> None:
    """A host with another key than the known one is not connected to, nor is one that is not known."""
    known = two.ssh_config.parent / "known_hosts"
    first, second = known.read_text().splitlines()
    known.write_text(f"10.78.7.1 {second.split(' ', 1)[1]}\n")
    changed, unknown = (two.run(["ssh", name, "true"]) for name in ("h1", "h2"))
    assert changed.returncode == unknown.returncode == 255
    assert "Host key verification failed" in changed.stderr
    assert "Host key verification failed" in unknown.stderr
    known.write_text(f"{first}\n{second}\n")
    assert two.run(["ssh", "h1", "true"]).returncode == 0


def test_cut_host_vanishes_and_comes_back(two: FakeHosts) -> None:
    """A cut closes no connection; nobody gets through meanwhile, and afterwards the old connection goes on."""
    with echo(two, "h1") as process:
        two.cut("h1")
        refused = two.run(["ssh", "-o", "ConnectTimeout=1", "h1", "true"])
        assert refused.returncode == 255
        assert "timed out" in refused.stderr
        assert two.run_on("h1", ["hostname"]).stdout == "h1\n"  # it is up all the same
        assert two.run(["ssh", "h2", "hostname"]).stdout == "h2\n"
        assert process.poll() is None
        two.mend("h1")
        assert answer(process, "still there") == "still there"
        process.communicate(timeout=20)
        assert process.returncode == 0


def test_crashed_host_is_empty_and_tells_nobody(two: FakeHosts) -> None:
    """A crash ends all processes of a host, closes no connection, and the host starts anew with its old keys."""
    with echo(two, "h1") as process:
        number, _ = two.processes("h1")[0]
        two.crash("h1")
        assert not Path(f"/proc/{number}").exists()
        assert two.processes("h1") == []
        assert process.poll() is None
        two.start("h1")
        assert two.run(["ssh", "h1", "hostname"]).stdout == "h1\n"
        process.communicate(
            "who is there?\n", timeout=60
        )  # the machine that answers knows nothing of this connection
        assert process.returncode == 255


def test_processes_are_those_of_one_host_and_can_be_killed(two: FakeHosts) -> None:
    """Only what was started there is listed, with numbers that can be killed from here."""
    with echo(two, "h2") as process:
        assert two.processes("h1") == []
        assert [command for _, command in two.processes("driver")] == [
            f"{hosts._found('ssh')} -F {two.ssh_config} h2 cat"
        ]
        ((number, command),) = two.processes("h2")
        assert command == "cat"
        os.kill(number, signal.SIGKILL)
        process.communicate(timeout=20)
        assert two.processes("h2") == two.processes("driver") == []


def test_private_folders_are_each_hosts_own_and_shared_ones_everybodys(two: FakeHosts, tmp_path: Path) -> None:
    """What lies in a private folder is on one machine only; a shared folder in it is on all; a crash empties it."""
    private, common = tmp_path / "private", tmp_path / "private/common"
    (private / "mine").write_text("driver")
    (common / "ours").write_text("driver")
    for name in two.names:
        assert two.run_on(name, ["sh", "-c", f"ls {private}; cat {common}/ours"]).stdout == "common\ndriver"
        two.run_on(name, ["sh", "-c", f"echo -n {name} > {private}/mine; echo -n {name} > {common}/{name}"])
    assert (private / "mine").read_text() == "driver"
    assert two.path_on("h1", private / "mine").read_text() == "h1"
    assert sorted(path.name for path in common.iterdir()) == ["h1", "h2", "ours"]
    two.crash("h1")
    two.start("h1")
    assert not two.path_on("h1", private / "mine").exists()
    assert (common / "h1").read_text() == "h1"


def test_sshd_takes_a_tests_own_lines(tmp_path: Path) -> None:
    """A host that forbids forwarding refuses it; started again without the line it allows it."""
    words = ["ssh", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:9000:127.0.0.1:1", "h1", "true"]
    with FakeHosts(tmp_path, 1, sshd_lines={"h1": ["AllowTcpForwarding no"]}) as one:
        assert "forwarding failed" in one.run(words).stderr
        one.crash("h1")
        one.start("h1")
        assert one.run(words).returncode == 0


def test_server_in_the_drivers_network_is_reached_by_hosts_alone(two: FakeHosts, tmp_path: Path) -> None:
    """A FakeServer made in the driver's network answers there and to hosts, and to nobody outside."""
    (tmp_path / "file").write_text("found")
    with two.network():
        server = FakeServer(tmp_path, address=two.address)
    with server:
        read = [
            sys.executable,
            "-c",
            f"from urllib.request import urlopen; print(urlopen('{server.url}file').read())",
        ]
        assert two.run(read).stdout == two.run_on("h2", read).stdout == "b'found'\n"
        port = int(server.url.rstrip("/").rsplit(":", 1)[1])
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((two.address, port), 0.2)
    assert server.count("file", status=200) == 2


def test_several_sets_of_hosts_do_not_see_each_other(two: FakeHosts, tmp_path: Path) -> None:
    """Equal names and addresses are other machines in another set; its key is not believed here."""
    with FakeHosts(tmp_path / "other", 2) as other, echo(other, "h1") as process:
        two.cut("h1")
        assert two.processes("h1") == []
        assert answer(process, "unharmed") == "unharmed"


def test_hosts_file_names_all_hosts_or_what_it_is_given(two: FakeHosts) -> None:
    """Without lines it names every host; each call writes a file of its own."""
    assert two.hosts_file().read_text() == "h1\nh2\n"
    assert two.hosts_file("h1 2", "# none").read_text() == "h1 2\n# none\n"
    assert two.hosts_file() != two.hosts_file()


def test_nothing_is_left_when_the_context_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes on hosts and in the driver's network end with the context, also those that left their session."""
    mark = f"CCTRAWL_LAB={tmp_path}"
    monkeypatch.setenv(*mark.split("=", 1))
    with FakeHosts(tmp_path, 1) as one:
        sleep = one.popen(["sleep", "1000"])
        one.run_on("h1", ["sh", "-c", "trap '' TERM HUP; setsid sleep 1001 >/dev/null 2>&1 &"])
        assert len(marked(mark)) > 4
    assert sleep.wait(20) == -signal.SIGKILL
    assert eventually(lambda: not marked(mark)), marked(mark)


@pytest.mark.parametrize("victim", ["owner", "guardian"])
def test_nothing_is_left_on_hosts_when_their_owner_or_guardian_is_killed(tmp_path: Path, victim: str) -> None:
    """After kill -9 of the process that made the hosts, or of the guardian, no process of theirs is left."""
    mark = f"CCTRAWL_LAB={tmp_path}"
    environment = {**os.environ, "CCTRAWL_LAB": str(tmp_path)}
    words = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        assert any("sleep 1000" in command for command in marked(mark).values())
        assert any("sshd" in command for command in marked(mark).values())
        if victim == "guardian":
            os.kill(guardian_of(owner.pid), signal.SIGKILL)
            assert eventually(lambda: not any("sshd" in command for command in marked(mark).values())), marked(mark)
        owner.kill()
    if victim == "guardian":  # what the owner itself started is the owner's
        for number in marked(mark):
            os.kill(number, signal.SIGKILL)
    assert eventually(lambda: not marked(mark)), marked(mark)


def guardian_of(owner: int) -> int:
    """Return the guardian among the children of a process."""
    children = Path(f"/proc/{owner}/task/{owner}/children").read_text().split()
    return next(int(number) for number in children if "guardian" in Path(f"/proc/{number}/cmdline").read_text())


def test_without_sshd_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a program is missing, `missing` names it and its package, and making hosts raises the same."""
    monkeypatch.setattr(hosts, "_PATH", str(tmp_path))
    hosts._missing.cache_clear()
    try:
        assert FakeHosts.missing() == "no program ssh (Debian's package openssh-client)"
        with pytest.raises(EngineError, match="no program ssh"):
            FakeHosts(tmp_path)
    finally:
        hosts._missing.cache_clear()


def test_host_that_cannot_start_says_what_sshd_said(tmp_path: Path) -> None:
    """A broken line for sshd is an error with sshd's own words, and leaves nothing behind."""
    with pytest.raises(EngineError, match="Bad configuration option: NoSuchOption"):
        FakeHosts(tmp_path, 1, sshd_lines={"h1": ["NoSuchOption yes"]}).__enter__()
