"""Why a connection to a host ended before the host could say anything: what ssh or the shell there printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from cctrawl.runs.hosts.command import NOT_FOUND, OWN_PYTHON
from cctrawl.runs.hosts.hostfile import Host
from cctrawl.runs.hosts.preflight import Problem, python_hint

SSH_FAILED = 255
_NOT_EXECUTABLE = 126


@dataclass(frozen=True)
class Trouble:
    """Why a host cannot be used now, and what may be hoped for.

    Attributes:
        problems: what to tell the user; at least one.
        is_passing: whether the next try may well succeed: the network, or a host that is just starting.
        is_forward: whether the forward of a port was refused; the port may have been taken.
        is_reached: whether ssh got through.
    """

    problems: tuple[Problem, ...]
    is_passing: bool = False
    is_forward: bool = False
    is_reached: bool = False


# What ssh, or a Python that crashes, says of its end; other lines may be anybody's.
_END = re.compile(
    r"Timeout, server|Connection |client_loop|Read from remote|packet_write|Write failed|Fatal Python"
)

# What ssh prints -> what it means, what to do, whether it may pass. {target} is the host as ssh is asked for it.
_SSH = (
    (
        r"remote port forwarding failed|forwarding.*disabled",
        "its sshd does not forward ports back to this machine",
        "let it (AllowTcpForwarding yes, and no PermitListen, in its sshd_config), or run without --tunnel",
        False,
    ),
    (
        r"Could not request local forwarding|cannot listen to port",
        "your ssh configuration forwards ports for this host, and one of them is taken",
        "give LocalForward and DynamicForward to another alias of this host",
        False,
    ),
    (
        r"Could not resolve hostname",
        "no host of this name is known",
        "check the hosts file; an alias must be in ~/.ssh/config",
        True,  # the network may be gone, and with it who knows names
    ),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the one that is known: it may be another machine",
        "if that is as it should be: `ssh-keygen -R HOST`, then `ssh {target}` once by hand",
        False,
    ),
    (
        r"Host key verification failed",
        "its host key is not known yet",
        "connect once by hand and compare the key: `ssh {target}`",
        False,
    ),
    (
        r"Permission denied|Too many authentication failures|no mutual signature",
        "it does not let us in without a password",
        "`ssh-copy-id {target}`; a key with a passphrase must be in the agent (`ssh-add`)",
        False,
    ),
    (
        r"Bad configuration option|Bad owner or permissions|terminating, \d+ bad",
        "your ssh configuration is refused",
        "try `ssh {target}` by hand",
        False,
    ),
    (
        r"Connection refused",
        "nothing listens on its ssh port",
        "start sshd there, or write its port into the hosts file: host:port",
        True,
    ),
    (
        r"timed out|No route to host|Network is unreachable|Host is down|not responding|banner exchange",
        "it does not answer",
        "is it on, and reachable from here? Try `ssh {target}`",
        True,
    ),
    (
        r"Connection (closed|reset)|kex_exchange_identification|Broken pipe",
        "its sshd hung up",
        "its log says why; MaxStartups in its sshd_config may be too low",
        True,
    ),
)


def trouble_of(host: Host, python: str | None, returncode: int, lines: Sequence[str]) -> Trouble:
    """Return why a connection ended before the host told its facts.

    Args:
        host: the host.
        python: the interpreter asked for; ``None`` for the default.
        returncode: how ssh, or the local Python, ended.
        lines: the last lines that were printed, oldest first.
    """
    said = [line.strip() for line in lines if line.strip()]
    last = said[-1] if said else f"status {returncode}"
    if returncode == SSH_FAILED and not host.is_local:
        return _ssh_trouble(host, "\n".join(said), last)
    python = python or (sys.executable if host.is_local else f"{OWN_PYTHON}, and no python3")
    return Trouble((_python_problem(host, python, returncode, last),), is_reached=True)


def end_of(host: Host, returncode: int, lines: Sequence[str]) -> str:
    """Return how a host's work ended that did not say so itself.

    Args:
        host: the host.
        returncode: how ssh, or the local Python, ended.
        lines: the last lines that were printed, oldest first: by ssh, and by whatever ran there.
    """
    said = [line.strip() for line in lines if _END.match(line.strip())]
    if said:
        return said[-1]
    if returncode < 0:
        who = "its worker" if host.is_local else "ssh"
        return f"{who} was killed by signal {-returncode}"
    if returncode == SSH_FAILED and not host.is_local:
        return "its worker was killed, or its connection ended"
    return f"its worker ended with status {returncode}"


def trouble_of_start(host: Host, program: str, error: OSError) -> Trouble:
    """Return the trouble of a program that this machine cannot start: the Python of a local host, or ssh."""
    code = NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    return Trouble((_python_problem(host, program, code, error.strerror or str(error)),), is_reached=host.is_local)


def silence_of(host: Host, limit_s: float) -> Trouble:
    """Return the trouble of a host that let us in and then said nothing."""
    hint = "is it very busy, or does a disk or a login script hang there?"
    problem = Problem(host.name, f"it said nothing for {limit_s:.0f} s", hint)
    return Trouble((problem,), is_passing=True, is_reached=True)


def _ssh_trouble(host: Host, said: str, last: str) -> Trouble:
    for pattern, what, hint, is_passing in _SSH:
        if re.search(pattern, said):
            is_forward = pattern.startswith("remote port")
            problem = Problem(host.name, f"{what} ({_line_with(pattern, said)})", hint.format(target=_words(host)))
            return Trouble((problem,), is_passing, is_forward, is_reached=is_forward)
    hint = f"try `ssh {_words(host)}` by hand"
    return Trouble((Problem(host.name, f"ssh failed: {last}", hint),), is_passing=True)


def _line_with(pattern: str, said: str) -> str:
    line = next(line for line in said.split("\n") if re.search(pattern, line))
    return line.strip("@ \t.")


def _words(host: Host) -> str:
    return host.target if host.port is None else f"-p {host.port} {host.target}"


def _python_problem(host: Host, python: str, returncode: int, last: str) -> Problem:
    if returncode == NOT_FOUND or last.endswith("Command not found."):  # so says csh, with another status
        what = f"there is no interpreter {python}"
    elif returncode == _NOT_EXECUTABLE:
        what = f"{python} cannot be run: {last}"
    else:
        what = f"{python} ended before it said anything: {last}"
    return Problem(host.name, what, python_hint())
