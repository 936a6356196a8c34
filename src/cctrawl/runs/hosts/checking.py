"""Look at hosts before a run does: are they reached, fit, and do they reach what they need?"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from cctrawl.errors import InvalidInputError
from cctrawl.runs.hosts.addresses import address_seen_by
from cctrawl.runs.hosts.command import Forward
from cctrawl.runs.hosts.connection import Connection
from cctrawl.runs.hosts.hostfile import Host
from cctrawl.runs.hosts.linking import Linked, Linking
from cctrawl.runs.hosts.preflight import Facts, Problem, own_fingerprint, problems_of
from cctrawl.runs.hosts.reaching import GREETING
from cctrawl.runs.hosts.troubles import Trouble
from cctrawl.runs.hosts.visits import CONNECT_TIMEOUT_S, Visits
from cctrawl.settings import OWN_BASE_URLS, Settings
from cctrawl.transport import is_url

_ANSWER_LIMIT_S = 60.0
_COMMON_CRAWLS_OWN_FILE = "crawl-data/CC-MAIN-2023-50/warc.paths.gz"


@dataclass(frozen=True)
class Finding:
    """What was found of a host.

    Attributes:
        host: the host.
        is_reached: whether ssh gets through.
        facts: what there is; ``None`` if no Python answers.
        reaches_data: whether it reads what lies below the base URL; ``None`` if it could not be asked.
        problems: what keeps it from working; empty if it is fit.
    """

    host: Host
    is_reached: bool
    facts: Facts | None
    reaches_data: bool | None
    problems: tuple[Problem, ...]


def check_hosts(
    hosts: Sequence[Host],
    settings: Settings,
    *,
    ssh: str,
    python: str | None = None,
    workdir: str | None = None,
    tunnel: bool = False,
) -> Iterator[Finding]:
    """Yield what is found of each host, in the order given; eight are looked at side by side.

    On each, one small request is made below the base URL, with ``cctrawl`` as it is there, and one connection back
    to this machine: what a run needs.

    Args:
        hosts: the hosts.
        settings: where the data is.
        ssh: path of the OpenSSH client; may be empty if all hosts are local.
        python: the interpreter on ssh hosts whose line names none.
        workdir: the folder on hosts whose line names none.
        tunnel: let hosts come back through their ssh connections.

    Raises:
        OSError: this machine cannot listen at the address.
    """
    address = "127.0.0.1" if tunnel else _address_for(hosts)
    with _greeter(address) as port:
        linking = Linking(
            ssh=ssh,
            key="",
            scheduler_port=port,
            spec=partial(_spec, settings),
            scheduler_address=f"{address}:{port}",
            tunnel=tunnel,
            python=python,
            workdir=workdir,
            paths=() if is_url(settings.base_url) else [settings.base_url],
        )
        visits = Visits()
        yield from visits.each(hosts, partial(_look, visits, linking))


def _address_for(hosts: Sequence[Host]) -> str:
    try:
        return address_seen_by(hosts)
    except InvalidInputError:
        return "127.0.0.1"  # each host will say that it does not reach us there, if it is reached at all


def _spec(settings: Settings, linked: Linked) -> Mapping[str, Any]:
    file = _COMMON_CRAWLS_OWN_FILE if settings.base_url in OWN_BASE_URLS else "collinfo.json"
    return {
        "module": "cctrawl.runs.hosts.reaching",
        "base_url": settings.base_url,
        "contact": settings.contact,
        "location": settings.base_url + file,
        "driver": linked.scheduler,
    }


def _look(visits: Visits, linking: Linking, host: Host) -> Finding:
    forward = linking.forward_for(host)
    found = _look_once(visits, linking, host, forward)
    if isinstance(found, Trouble) and found.is_forward:  # the port may have been taken
        found = _look_once(visits, linking, host, linking.forward_for(host))
    if isinstance(found, Trouble):
        return Finding(host, found.is_reached, None, None, found.problems)
    return found


def _look_once(visits: Visits, linking: Linking, host: Host, forward: Forward | None) -> Finding | Trouble:
    words = linking.words_for(host, forward, CONNECT_TIMEOUT_S)
    with visits.connected(host, linking.python_of(host), words) as connection:
        if isinstance(connection, Trouble):
            return connection
        facts = connection.greet(linking.question_for(host))
        if isinstance(facts, Trouble):
            return facts
        problems = problems_of(host, facts)
        reaches_data = not facts.missing if linking.paths and facts.is_whole else None
        if facts.fingerprint == own_fingerprint():  # else it may not know what we ask
            connection.go(linking.spec(Linked(host, 0, facts, 1, linking.scheduler_of(forward))))
            unreached = _unreached(connection)
            problems += [Problem(host.name, what, hint) for what, hint in unreached.values()]
            reaches_data = reaches_data is not False and "data" not in unreached
        return Finding(host, True, facts, reaches_data, tuple(problems))


def _unreached(connection: Connection) -> Mapping[str, Sequence[str]]:
    """Return what the host does not reach: what is wrong and a hint, by ``data`` and ``driver``."""
    reached = connection.wait_for("reached", _ANSWER_LIMIT_S)
    if isinstance(reached, dict):
        return {name: trouble for name, trouble in reached.items() if trouble}
    what = f"it did not say whether it reaches the data: {connection.close()}"
    return {"data": (what, "is it very busy? Give this command again")}


@contextmanager
def _greeter(address: str) -> Iterator[int]:
    """Give a port of this machine at which everybody is greeted."""
    with socket.create_server((address, 0)) as server:
        thread = threading.Thread(target=_greet, args=(server,), daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)  # else the thread would not wake up
            thread.join()


def _greet(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            with server.accept()[0] as connection:
                connection.sendall(GREETING)
