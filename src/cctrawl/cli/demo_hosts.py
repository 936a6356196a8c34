"""Where the demonstration over hosts takes place: on three fake ones, or with three workers of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from cctrawl.testing import FakeHosts, FakeServer, Fault

_BYTES_PER_S = 50_000.0  # of each connection: a file takes two or three seconds
_POLL_S = 0.1
_LEASE_S = 6  # a third of the default: who watches a demonstration waits for it


class Stage(Protocol):
    """Where the hosts are.

    Attributes:
        address: of this machine, as hosts see it.
        hosts_file: names three of them, with a worker each.
        options: of `cctrawl run`, so that it can use them.
    """

    address: str
    hosts_file: Path
    options: list[str]

    def network(self) -> AbstractContextManager[None]:
        """Make servers where hosts reach them."""

    def popen(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a command where hosts can be reached."""

    def is_at_work(self, server: FakeServer) -> bool:
        """Tell whether each host has begun a file."""

    def lose(self, command: subprocess.Popen[bytes]) -> str:
        """Take one host away from a run and return what to say about it."""


class _Namespaces:
    """Three fake hosts with a real ssh server each."""

    def __init__(self, hosts: FakeHosts, scratch: Path) -> None:
        self._hosts = hosts
        self.address = hosts.address
        self.hosts_file = hosts.hosts_file(*(f"{name} 1" for name in hosts.names))
        self.options = ["--tunnel", "--lease", f"{_LEASE_S}s", "--python", sys.executable]
        self.options += ["--workdir", str(scratch)]

    def network(self) -> AbstractContextManager[None]:
        return self._hosts.network()

    def popen(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        return self._hosts.popen(words)

    def is_at_work(self, server: FakeServer) -> bool:
        return len({request.client for request in list(server.requests) if "/warc/" in request.path}) == len(
            self._hosts.names
        )

    def lose(self, command: subprocess.Popen[bytes]) -> str:  # noqa: ARG002 - a host is lost for all
        self._hosts.crash("h3")
        return f"h3 has lost its power, and could tell nobody: it is missed when its lease of {_LEASE_S} s is over."


class _Workers:
    """Three lines ``localhost``: no ssh, and no network between them."""

    def __init__(self, scratch: Path) -> None:
        self.address = "127.0.0.1"
        self.hosts_file = scratch / "hosts.txt"
        self.hosts_file.write_text("localhost 1\n" * 3, encoding="utf-8")
        self.options = ["--workdir", str(scratch)]

    def network(self) -> AbstractContextManager[None]:
        return nullcontext()

    def popen(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(words)  # noqa: S603 - our own command

    def is_at_work(self, server: FakeServer) -> bool:
        return server.count("*/warc/*") >= 2 * 3

    def lose(self, command: subprocess.Popen[bytes]) -> str:
        worker = _python_children(command.pid)[-1]
        os.kill(worker, signal.SIGKILL)
        return f"kill -9 {worker}: one of the three is dead."


def _python_children(process: int) -> list[int]:
    """Return the children that are Pythons with a program on their command line, as workers are."""
    lists = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    children = [int(number) for numbers in lists for number in numbers.split()]
    return [child for child in children if b"\0-c\0" in Path(f"/proc/{child}/cmdline").read_bytes()]


@contextmanager
def stage(scratch: Path) -> Iterator[Stage]:
    """Set up three hosts, and say which kind."""
    from cctrawl.testing import FakeHosts  # noqa: PLC0415 - not needed for --help

    work = scratch / "work"
    work.mkdir()
    reason = FakeHosts.missing()
    if reason:
        click.echo(f"   Three workers of this machine stand for hosts ({reason}).", err=True)
        yield _Workers(work)
        return
    with FakeHosts(scratch / "hosts", private=[work]) as hosts:
        click.echo("   Three hosts, h1, h2, h3: namespaces of this machine, each with its own sshd.", err=True)
        yield _Namespaces(hosts, work)


def slowed(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults of a server that is slow besides, so that there is time to lose a host."""
    from cctrawl.testing import SlowBytes  # noqa: PLC0415 - not needed for --help

    return [*faults, SlowBytes(path="*/warc/*", bytes_per_s=_BYTES_PER_S)]


def run_and_lose_one(on: Stage, server: FakeServer, words: Sequence[str]) -> None:
    """Run a command on a stage; take a host away as soon as each has a file at work.

    Raises:
        ClickException: it ended with an error, or before a host could be lost.
    """
    with on.popen([sys.executable, "-m", *words]) as command:
        while command.poll() is None and not on.is_at_work(server):
            time.sleep(_POLL_S)
        if command.poll() is None:
            click.echo(f"   *** {on.lose(command)} The other two go on. ***", err=True)
        elif command.returncode == 0:
            raise click.ClickException("the run was over before a host could be lost: this is a defect")
    if command.returncode:
        raise click.ClickException(f"the run over hosts ended with exit code {command.returncode}")
