"""Which hosts a run goes to, and how, as the user says it. Nothing of Dask is loaded for that."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cctrawl.errors import InvalidInputError
from cctrawl.settings import local_path, parse_duration, path_text

LEASE = "20s"
_LEAST_LEASE_S = 1.0
_SCHEDULER = re.compile(r"[a-z][a-z0-9+.-]*://.+")


@dataclass(frozen=True)
class ClusterOptions:
    """Where the workers of a run are, if not on this machine: on hosts of a file, or of a Dask cluster.

    Exactly one of ``hosts``, ``scheduler``, ``scheduler_file`` and ``client`` is there.

    Attributes:
        hosts: the hosts file, an absolute path; it may change while a run goes on.
        tunnel: everything goes through the ssh connections.
        python: the interpreter on hosts whose line names none; ``None`` for the default.
        workdir: the folder on hosts whose line names none; ``None`` for the default.
        require_all: a host that cannot be used ends the run before it begins.
        scheduler: the address of a Dask scheduler: ``tcp://host:8786``, ``tls://…``.
        scheduler_file: the file in which a Dask scheduler tells its address, an absolute path.
        client: a ``distributed.Client`` of the user's own.
        dashboard: tell the address of Dask's live page.
        lease_s: a host that hears nothing of us for so long ends what it does for us.
    """

    hosts: Path | None = None
    tunnel: bool = False
    python: str | None = None
    workdir: str | None = None
    require_all: bool = False
    scheduler: str | None = None
    scheduler_file: Path | None = None
    client: Any | None = None
    dashboard: bool = False
    lease_s: float = 20.0


def cluster_options(
    *,
    hosts: str | os.PathLike[str] | None = None,
    tunnel: bool = False,
    python: str | None = None,
    workdir: str | None = None,
    require_all: bool = False,
    scheduler: str | None = None,
    scheduler_file: str | os.PathLike[str] | None = None,
    client: Any | None = None,  # noqa: ANN401 - Dask has no types, and is an extra
    dashboard: bool = False,
    lease: float | str = LEASE,
) -> ClusterOptions | None:
    """Return what these options ask for; ``None`` for workers of this machine.

    Raises:
        InvalidInputError: options that do not go together, a value that cannot be, a file that is not there, or a
            missing extra.
    """
    places = {"hosts": hosts, "scheduler": scheduler, "scheduler_file": scheduler_file, "client": client}
    of_hosts = {"tunnel": tunnel, "python": python, "workdir": workdir, "require_all": require_all}
    named = [name for name, given in places.items() if given is not None]
    alone = [name for name, given in of_hosts.items() if given]
    _see_that_they_go_together(named, alone, dashboard=dashboard)
    if not named:
        return None
    options = ClusterOptions(
        hosts=None if hosts is None else _hosts_file(hosts),
        tunnel=tunnel,
        python=_text("--python", python, "for example /opt/cctrawl/bin/python"),
        workdir=_text("--workdir", workdir, "for example /tmp/cctrawl"),
        require_all=require_all,
        scheduler=_address(scheduler),
        scheduler_file=None if scheduler_file is None else _scheduler_file(scheduler_file),
        client=client,
        dashboard=dashboard,
        lease_s=_lease_s(lease),
    )
    _see_extras(options)
    _see_client(client)
    return options


def _see_that_they_go_together(named: list[str], of_hosts: list[str], *, dashboard: bool) -> None:
    if len(named) > 1:
        flags = " and ".join(map(_flag, named))
        raise InvalidInputError(f"{flags} do not go together", hint="give one of them")
    if "hosts" not in named and of_hosts:
        raise InvalidInputError(f"{_flag(of_hosts[0])} goes with --hosts", hint="give --hosts FILE, too")
    if dashboard and not named:
        raise InvalidInputError(
            "--dashboard goes with --hosts or --scheduler", hint="on one machine there is the live line"
        )


def _flag(name: str) -> str:
    return "client=" if name == "client" else "--" + name.replace("_", "-")


def _hosts_file(given: str | os.PathLike[str]) -> Path:
    from cctrawl.runs.hosts import read_hosts  # noqa: PLC0415 - few runs have hosts

    path = local_path(path_text(given))
    read_hosts(path)  # a line that is wrong is told before anything is done
    return path.absolute()  # a job may change the working folder


def _scheduler_file(given: str | os.PathLike[str]) -> Path:
    path = local_path(path_text(given)).absolute()
    if not path.is_file():
        raise InvalidInputError(
            f"--scheduler-file: no such file: {os.fspath(given)!r}",
            hint="is the scheduler up? It writes the file when it is",
        )
    return path


def _text(flag: str, given: str | None, example: str) -> str | None:
    if given is not None and (not given.strip() or not given.isprintable()):
        raise InvalidInputError(f"{flag} {given!r} is no path", hint=example)
    return given


def _address(given: str | None) -> str | None:
    if given is not None and not _SCHEDULER.fullmatch(given):
        raise InvalidInputError(
            f"--scheduler {given!r} is no address of a Dask scheduler",
            hint="for example tcp://scheduler:8786, or tls://scheduler:8786",
        )
    return given


def _lease_s(given: float | str) -> float:
    seconds = parse_duration(given)
    if seconds < _LEAST_LEASE_S:
        raise InvalidInputError(f"--lease {given} gives hosts no time to be heard", hint=f"for example {LEASE}")
    return seconds


def _see_extras(options: ClusterOptions) -> None:
    """See that what is needed is installed; Dask takes a second to load."""
    for module, extra in _needed(options):
        see_extra(module, extra)


def see_extra(module: str, extra: str) -> None:
    """See that a module of an extra is installed, without loading it.

    Raises:
        InvalidInputError: it is not.
    """
    if find_spec(module) is None:
        raise InvalidInputError(
            f"runs over hosts need {module}, which is not installed", hint=f"pip install 'cctrawl[{extra}]'"
        )


def _needed(options: ClusterOptions) -> Iterator[tuple[str, str]]:
    yield "distributed", "cluster"
    if options.hosts is not None:
        yield "cryptography", "cluster"
        if options.dashboard:  # a cluster of somebody else's brings its own
            yield "bokeh", "dashboard"


def _see_client(client: Any | None) -> None:  # noqa: ANN401 - Dask has no types
    if client is None:
        return
    # Who has a client has loaded Dask.
    kind = getattr(sys.modules.get("distributed"), "Client", ())
    if not isinstance(client, kind):
        raise InvalidInputError(
            f"client is no dask.distributed.Client: {client!r:.80}", hint='client=Client("tcp://scheduler:8786")'
        )
    if client.asynchronous:
        raise InvalidInputError("client is asynchronous", hint="make it with Client(…, asynchronous=False)")
