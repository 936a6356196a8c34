"""How hosts are reached, what all links of a command share, and what a link tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cctrawl.runs.hosts.command import STAGE_0, Forward, local_words, remote_command, ssh_words
from cctrawl.runs.hosts.hostfile import Host
from cctrawl.runs.hosts.preflight import Facts, Problem


@dataclass(frozen=True)
class Linked:
    """A host is fit and about to begin its work.

    Attributes:
        host: the host.
        generation: how often it had begun before.
        facts: what was found there.
        workers: how many processes it is to have.
        scheduler: ``host:port`` at which it reaches ours.
    """

    host: Host
    generation: int
    facts: Facts
    workers: int
    scheduler: str


@dataclass(frozen=True)
class Unlinked:
    """The connection to a host that was `Linked` is gone.

    Attributes:
        host: the host.
        generation: as of its `Linked`.
        reason: why, as far as is known.
        is_empty: whether the host has said that it ended what it did for us.
    """

    host: Host
    generation: int
    reason: str
    is_empty: bool


@dataclass(frozen=True)
class Refused:
    """A host cannot be used now; told once while its problems stay the same. It is asked again all the same."""

    host: Host
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Printed:
    """A line that something printed on a host that is or was `Linked`."""

    host: Host
    line: str


LinkEvent = Linked | Unlinked | Refused | Printed


@dataclass(frozen=True, kw_only=True)
class Access:
    """How hosts are reached, and what they are asked.

    Attributes:
        ssh: path of the OpenSSH client, see `find_ssh`; not looked at for local hosts.
        key: names the lock that a host holds for this run's output; empty: no lock, and no scratch folder.
        python: the interpreter on ssh hosts whose line names none; ``None`` for the one that ``hosts install``
            makes, else ``python3``. Local hosts without one have this very Python.
        workdir: the folder on hosts whose line names none; ``None`` for ``cctrawl-USER`` in the temporary folder.
        paths: local inputs, to be looked for on each host.
        alive_s: seconds without a byte after which ssh asks whether the host is there.
        alive_count: how many such questions may go unanswered.
    """

    ssh: str
    key: str = ""
    python: str | None = None
    workdir: str | None = None
    paths: Sequence[str] = ()
    alive_s: int = 5
    alive_count: int = 3

    def python_of(self, host: Host) -> str | None:
        """Return the interpreter that a host is asked for; ``None`` for the default."""
        return host.python or (None if host.is_local else self.python)

    def words_for(self, host: Host, forward: Forward | None, connect_timeout_s: int) -> list[str]:
        """Return the words that begin a visit to a host."""
        python, arguments = self.python_of(host), ["-u", "-c", STAGE_0]
        if host.is_local:
            return local_words(python, arguments)
        return ssh_words(
            self.ssh,
            host,
            remote_command(python, arguments),
            connect_timeout_s=connect_timeout_s,
            alive_s=self.alive_s,
            alive_count=self.alive_count,
            forward=forward,
        )

    def question_for(self, host: Host) -> dict[str, Any]:
        """Return what a host is asked, see ``boot``."""
        key = "".join(each if each.isalnum() or each in "-_." else "_" for each in f"{self.key}-{host.name}")
        return {"workdir": host.workdir or self.workdir, "key": self.key and key, "paths": [*self.paths]}


@dataclass(frozen=True, kw_only=True)
class Linking(Access):
    """What all links of a command share.

    Attributes:
        scheduler_port: the scheduler's port on this machine's loopback, where the tunnel leads.
        spec: called before a host begins its work, in its link's thread; returns JSON for ``boot``: ``module``
            names what serves there, the rest is for that.
        scheduler_address: ``host:port`` as hosts see the scheduler; not asked for with a tunnel.
        tunnel: let hosts reach the scheduler through their ssh connection.
        workers: processes on hosts whose line tells no number; ``None`` for their cores.
    """

    scheduler_port: int
    spec: Callable[[Linked], Mapping[str, Any]]
    scheduler_address: str | None = None
    tunnel: bool = False
    workers: int | None = None

    def forward_for(self, host: Host) -> Forward | None:
        """Return a way through the ssh connection to the scheduler, if the host needs one."""
        return Forward.to(self.scheduler_port) if self.tunnel and not host.is_local else None

    def scheduler_of(self, forward: Forward | None) -> str:
        """Return ``host:port`` at which a host reaches the scheduler."""
        if forward is not None:
            return f"127.0.0.1:{forward.there}"
        return self.scheduler_address or f"127.0.0.1:{self.scheduler_port}"
