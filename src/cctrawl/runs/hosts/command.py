"""The command line that brings our first lines to a Python on a host, by OpenSSH or on this machine."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from cctrawl.errors import InvalidInputError
from cctrawl.runs.hosts import boot
from cctrawl.runs.hosts.hostfile import Host

# One line for any login shell (no quote, bang or backslash in it), and for any Python: its version comes first, the
# rest of what is sent may need a newer one. A module in the folder where ssh begins must not shadow another.
STAGE_0 = (
    "import sys;sys.path=[p for p in sys.path if p];import json,os;"
    f'print();print("{boot.MARK}"+json.dumps(dict(python=sys.version.split()[0],executable=sys.executable)));'
    'f=os.fdopen(os.dup(0),"rb",0);exec(compile(eval(f.readline()),"boot","exec"))'
)
# What `hosts install` makes if no interpreter is named, and what is looked for first.
OWN_PYTHON = "~/.cctrawl/venv/bin/python"
NOT_FOUND = 127  # what a shell returns where there is no such program
_FORWARD_PORTS = (20000, 60000)


@dataclass(frozen=True)
class Forward:
    """A port on the host's loopback that leads back to one of ours.

    Attributes:
        there: the port on the host.
        here: the port on this machine.
    """

    there: int
    here: int

    @classmethod
    def to(cls, here: int) -> Forward:
        """Return a forward from a port chosen at random."""
        return cls(random.randrange(*_FORWARD_PORTS), here)  # noqa: S311 - no secret: it need only be free there


def source_line(program: ModuleType) -> bytes:
    """Return what `STAGE_0` reads: a module's source."""
    assert program.__file__ is not None  # noqa: S101 - it is one of ours
    return ascii(Path(program.__file__).read_text(encoding="utf-8")).encode() + b"\n"


def find_ssh() -> str:
    """Return the path of the OpenSSH client: of ``ssh``, or of what ``CCTRAWL_SSH`` names.

    Raises:
        InvalidInputError: there is none.
    """
    name = os.environ.get("CCTRAWL_SSH") or "ssh"
    found = shutil.which(name)
    if found is None:
        raise InvalidInputError(
            f"hosts are reached by ssh, and there is no {name!r} on this machine",
            hint="install OpenSSH's client (Debian, Ubuntu: apt install openssh-client)",
        )
    return found


def local_words(python: str | None, arguments: Sequence[str]) -> list[str]:
    """Return the words that run a Python on this machine, ``None``: this very one, with some arguments."""
    return [os.path.expanduser(python or sys.executable), *arguments]  # noqa: PTH111 - a bare name is looked up


def remote_command(python: str | None, arguments: Sequence[str]) -> str:
    """Return the text for a host's login shell that runs a Python with some arguments.

    Args:
        python: the interpreter; ``~/`` is the home there. ``None`` for the one that ``hosts install`` makes, and
            ``python3`` where there is none.
        arguments: its arguments.
    """
    rest = shlex.join(arguments)
    if python is not None:
        return f"exec {quoted(python)} {rest}"
    choice = f'if [ -x {OWN_PYTHON} ]; then exec {OWN_PYTHON} "$@"; else exec python3 "$@"; fi'
    return f"exec sh -c {shlex.quote(choice)} sh {rest}"


def base_command(minor: str, arguments: Sequence[str]) -> str:
    """Return the text for a host's login shell that runs some Python of a minor version, wherever it is found."""
    places = ("", "/usr/local/bin/", "/usr/bin/", "~/.local/bin/", f"/opt/python{minor}/bin/")
    names = [*(f"{place}python{minor}" for place in places), "python3", "python", OWN_PYTHON]
    question = f"import sys; print(sys.version_info[:2] == ({minor.replace('.', ',')}))"
    search = (
        f"for each in {' '.join(names)}; do "
        f'if [ "$($each -c "{question}" 2>/dev/null)" = True ]; then exec $each "$@"; fi; done; exit {NOT_FOUND}'
    )
    return f"exec sh -c {shlex.quote(search)} sh {shlex.join(arguments)}"


def quoted(path: str) -> str:
    """Return a path for a shell, with a leading ``~/`` left to it."""
    return f"~/{shlex.quote(path[2:])}" if path.startswith("~/") and path[2:] else shlex.quote(path)


def ssh_words(
    ssh: str,
    host: Host,
    command: str,
    *,
    connect_timeout_s: int,
    alive_s: int = 5,
    alive_count: int = 3,
    forward: Forward | None = None,
) -> list[str]:
    """Return the words that run a command on a host.

    Nothing is asked of a person, host keys are checked as the user's configuration has it, and the connection is
    our own: one shared with others (``ControlMaster``) would end with them, and own the forward.

    Args:
        ssh: path of the client.
        host: whom to ask.
        command: text for its login shell.
        connect_timeout_s: seconds until the connection must be there, keys exchanged.
        alive_s: seconds without a byte after which ssh asks whether the host is there.
        alive_count: how many such questions may go unanswered.
        forward: a port there that leads here.
    """
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": connect_timeout_s,
        "ServerAliveInterval": alive_s,
        "ServerAliveCountMax": alive_count,
        "ControlMaster": "no",
        "ControlPath": "none",
        "RemoteCommand": "none",
        "LogLevel": "INFO",
        "ExitOnForwardFailure": "yes" if forward else "no",
        "ClearAllForwardings": "no" if forward else "yes",  # else those that the configuration has for this host
    }
    words = [ssh, "-T", "-a", "-x", *(f"-o{name}={value}" for name, value in options.items())]
    if forward is not None:
        words += ["-R", f"127.0.0.1:{forward.there}:127.0.0.1:{forward.here}"]
    if host.port is not None:
        words += ["-p", str(host.port)]
    return [*words, "--", host.target, command]
