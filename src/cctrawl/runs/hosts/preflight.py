"""Is a host fit for this run? What was found there against what is here."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from cctrawl.runs.hosts.boot import PACKAGES, fingerprint, versions
from cctrawl.runs.hosts.hostfile import Host

MOST_CLOCK_S = 5.0
_SHOWN_PATHS = 3


@dataclass(frozen=True)
class Problem:
    """Why a host cannot be used.

    Attributes:
        host: its name.
        what: what is wrong, in a sentence without the host's name.
        hint: what to do about it.
    """

    host: str
    what: str
    hint: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.host}: {self.what}"


@dataclass(frozen=True)
class Facts:
    """What was found on a host.

    Attributes:
        python: version of its Python: ``3.11.7``.
        executable: that Python's path there.
        versions: of the packages that must be the same everywhere, by name; those that are not there have none.
        fingerprint: SHA-256 over cctrawl's source files there; empty without cctrawl.
        machine: what the host calls itself.
        cores: how many cores a process may use there.
        memory_bytes: the machine's memory.
        clock_s: by how many seconds its clock is ahead of ours, at least; 0 if what it told lies between our asking
            and our hearing of it.
        workdir: the folder for what is kept there during a run.
        workdir_error: why that folder cannot be used; empty if it can.
        free_bytes: room there.
        missing: those of the paths asked for that cannot be read there.
        alone: whether no predecessor of the same run lives there: its lock could be taken.
        scratch: the folder made there for this visit; empty without a key.
    """

    python: str
    executable: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    machine: str = ""
    cores: int = 0
    memory_bytes: int = 0
    clock_s: float = 0.0
    workdir: str = ""
    workdir_error: str = ""
    free_bytes: int = 0
    missing: tuple[str, ...] = ()
    alone: bool = False
    scratch: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether more than its Python is known: one of another version is asked nothing else."""
        return bool(self.workdir)

    @classmethod
    def of(cls, told: Mapping[str, Any], *, asked_s: float, heard_s: float) -> Facts:
        """Return the facts of what a host told, which was asked for and heard at times of our clock."""
        known = {name: told[name] for name in (each.name for each in fields(cls)) if name in told}
        known["missing"] = tuple(known.get("missing", ()))
        time_s = float(told.get("time", heard_s))
        return cls(**known, clock_s=time_s - min(max(time_s, asked_s), heard_s))


@cache
def own_versions() -> Mapping[str, str]:
    """Return the versions of the packages of this process that must be the same on hosts."""
    return versions()


@cache
def own_fingerprint() -> str:
    """Return the fingerprint of the cctrawl that runs here."""
    return fingerprint(own_package())


def own_package() -> Path:
    """Return the folder of the cctrawl that runs here."""
    return Path(__file__).parents[2]


def own_python() -> str:
    """Return the minor version of this Python: ``3.11``."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def minor(python: str) -> str:
    """Return ``3.11`` for ``3.11.7``."""
    return ".".join(python.split(".")[:2])


def python_hint() -> str:
    """Return what to do about an interpreter that will not do."""
    return (
        f"name a Python {own_python()} there by --python, or by python= in the hosts file; "
        "`cctrawl hosts install` makes an environment of one"
    )


def problems_of(host: Host, facts: Facts) -> list[Problem]:
    """Return what keeps a host from working for this process, the gravest first; empty if nothing does.

    Of a Python of another minor version nothing else is told: it was asked nothing else.
    """
    problems = installation_problems(host, facts)
    if facts.is_whole:
        problems += [Problem(host.name, what, hint) for what, hint in _machine_problems(facts)]
    return problems


def installation_problems(host: Host, facts: Facts) -> list[Problem]:
    """Return those problems that are of Python and its packages."""
    if minor(facts.python) != own_python():
        what = f"Python {facts.python} at {facts.executable}, but {own_python()} here"
        return [Problem(host.name, what, python_hint())]
    return [Problem(host.name, what, hint) for what, hint in _package_problems(facts)]


def _machine_problems(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.workdir_error:
        yield (
            f"the folder {facts.workdir} cannot be used: {facts.workdir_error}",
            "name another folder by --workdir, or by workdir= in the hosts file",
        )
    if abs(facts.clock_s) > MOST_CLOCK_S:
        ahead = "ahead of" if facts.clock_s > 0 else "behind"
        yield (
            f"its clock is {abs(facts.clock_s):,.0f} s {ahead} ours",
            "let both machines keep time (timedatectl set-ntp true)",
        )
    if facts.missing:
        more = len(facts.missing) - _SHOWN_PATHS
        shown = ", ".join(facts.missing[:_SHOWN_PATHS]) + (f" and {more} more" if more > 0 else "")
        yield (
            f"inputs cannot be read there: {shown}",
            "put them there under the same paths, or give URLs: hosts read their inputs themselves",
        )


def _package_problems(facts: Facts) -> Iterator[tuple[str, str]]:
    install = "`cctrawl hosts install` puts this very version there"
    if "cctrawl" not in facts.versions:
        yield f"cctrawl is not installed for {facts.executable}", install
        return  # it brings the others
    for name in PACKAGES:
        ours, theirs = own_versions().get(name), facts.versions.get(name)
        if ours is None:
            continue
        if theirs is None:
            yield f"{name} is not installed for {facts.executable}", install
        elif theirs != ours:
            yield f"{name} {theirs} at {facts.executable}, but {ours} here", install
        elif name == "cctrawl" and facts.fingerprint != own_fingerprint():
            yield f"cctrawl {ours} at {facts.executable} has other code than the one here", install
