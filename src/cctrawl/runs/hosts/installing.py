"""Bring this very cctrawl to hosts: an environment, the code that runs here, the same versions of Dask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from cctrawl.errors import InvalidInputError
from cctrawl.runs.hosts import installer
from cctrawl.runs.hosts.command import OWN_PYTHON, STAGE_0, base_command, local_words, ssh_words
from cctrawl.runs.hosts.hostfile import Host
from cctrawl.runs.hosts.linking import Access
from cctrawl.runs.hosts.preflight import Facts, Problem, installation_problems, own_python, own_versions
from cctrawl.runs.hosts.troubles import Trouble
from cctrawl.runs.hosts.visits import CONNECT_TIMEOUT_S, Visits
from cctrawl.runs.hosts.wheel import build_wheel, wheel_name

INSTALL_LIMIT_S = 1800.0
_PLACE_HINT = "name FOLDER/bin/python, by --python or by python= in the hosts file: FOLDER is the environment"
_ARGUMENTS = ("-u", "-c", STAGE_0)
_PINNED = ("distributed", "dask", "cloudpickle", "msgpack")
# What users of an extra need on hosts too, by the package that tells whether it is installed here.
_EXTRAS = {"cluster": "distributed", "s3": "botocore", "text": "resiliparse"}


@dataclass(frozen=True)
class Installation:
    """What was done on a host.

    Attributes:
        host: the host.
        did: what was done, in order; empty: there was nothing to do, or there are problems.
        facts: what is there now; ``None`` if there is nothing that can be used.
        problems: what went wrong; empty if the host has this very cctrawl now.
    """

    host: Host
    did: tuple[str, ...]
    facts: Facts | None
    problems: tuple[Problem, ...]


def install_on(hosts: Sequence[Host], *, ssh: str, python: str | None = None) -> Iterator[Installation]:
    """Yield what was done on each host, in the order given; eight are worked on side by side.

    Args:
        hosts: the hosts.
        ssh: path of the OpenSSH client; may be empty if all hosts are local.
        python: the interpreter of the environment on ssh hosts whose line names none: ``FOLDER/bin/python``;
            ``None`` for ``~/.cctrawl/venv/bin/python``. A local host without one in its line has this very Python.

    Raises:
        InvalidInputError: an interpreter that can be in no environment.
        EngineError: the cctrawl that runs here cannot be packed.
    """
    if python is not None and not _is_place(python):
        raise InvalidInputError(f"no environment can be made for --python {python!r}", hint=_PLACE_HINT)
    access = Access(ssh=ssh, python=python or OWN_PYTHON)
    body = build_wheel()
    visits = Visits()
    yield from visits.each(hosts, partial(_install, visits, access, _order(len(body)), body))


def _is_place(python: str) -> bool:
    path = PurePosixPath(python)
    return path.parent.name == "bin" and path.name.startswith("python") and bool(path.parent.parent.name)


def _order(wheel_bytes: int) -> dict[str, Any]:
    extras = [extra for extra, package in _EXTRAS.items() if package in own_versions()]
    return {
        "wheel": wheel_name(),
        "wheel_bytes": wheel_bytes,
        "extras": extras,
        "constraints": [f"{name}=={own_versions()[name]}" for name in _PINNED if name in own_versions()],
        "title": f"cctrawl {own_versions()['cctrawl']} [{', '.join(extras)}]",
    }


def _install(visits: Visits, access: Access, order: Mapping[str, Any], body: bytes, host: Host) -> Installation:
    found = _look(visits, access, host)
    if isinstance(found, Facts) and not _lacks(host, found):
        return Installation(host, (), found, ())
    if isinstance(found, Trouble) and not found.is_reached:
        return Installation(host, (), None, found.problems)
    python = access.python_of(host)
    if python is None or not _is_place(python):
        what = f"no environment can be made for {python or 'this very Python'}"
        return Installation(host, (), None, (Problem(host.name, what, _PLACE_HINT),))
    done = _order_installation(visits, access, {**order, "python": python}, body, host)
    if not isinstance(done, list):
        return Installation(host, (), None, (done,))
    found = _look(visits, access, host)
    if isinstance(found, Trouble):
        return Installation(host, tuple(done), None, found.problems)
    return Installation(host, tuple(done), found, tuple(_lacks(host, found)))


def _look(visits: Visits, access: Access, host: Host) -> Facts | Trouble:
    words = access.words_for(host, None, CONNECT_TIMEOUT_S)
    with visits.connected(host, access.python_of(host), words) as connection:
        return connection if isinstance(connection, Trouble) else connection.greet(access.question_for(host))


def _lacks(host: Host, facts: Facts) -> list[Problem]:
    """Return what makes an installation another one than that of this machine."""
    problems = installation_problems(host, facts)
    for extra, package in _EXTRAS.items():
        if package in own_versions() and package not in facts.versions and not problems:
            problems.append(Problem(host.name, f"{package} is not installed", f"it is for the extra {extra}"))
    return problems


def _order_installation(
    visits: Visits, access: Access, order: Mapping[str, Any], body: bytes, host: Host
) -> list[str] | Problem:
    """Return what was done, or why it could not be."""
    if host.is_local:
        words = local_words(None, _ARGUMENTS)
    else:
        command = base_command(own_python(), _ARGUMENTS)
        words = ssh_words(access.ssh, host, command, connect_timeout_s=CONNECT_TIMEOUT_S)
    with visits.connected(host, f"Python {own_python()}", words) as connection:
        if isinstance(connection, Trouble):
            return connection.problems[0]
        result = connection.give(installer, order, body, INSTALL_LIMIT_S)
    if isinstance(result, Trouble):
        hint = (
            f"install Python {own_python()} there (Debian, Ubuntu: apt install python{own_python()}-venv), "
            "or start from a Python here that is there too"
        )
        return replace(result.problems[0], hint=hint) if result.is_reached else result.problems[0]
    assert isinstance(result, dict)  # noqa: S101 - so it is in `installer`
    if "failed" in result:
        return Problem(host.name, *result["failed"])
    return [str(what) for what in result["done"]]
