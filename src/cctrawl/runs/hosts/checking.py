"""Look at hosts before a run does: are they reached, fit, and do they reach what they need?"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from cctrawl.runs.hosts.command import Forward
from cctrawl.runs.hosts.connection import Connection
from cctrawl.runs.hosts.hostfile import Host
from cctrawl.runs.hosts.link import CONNECTING_AT_ONCE
from cctrawl.runs.hosts.linking import Linked, Linking
from cctrawl.runs.hosts.preflight import Facts, Problem, own_fingerprint, problems_of
from cctrawl.runs.hosts.reaching import GREETING
from cctrawl.runs.hosts.troubles import Trouble, trouble_of_start
from cctrawl.settings import OWN_BASE_URLS, Settings
from cctrawl.transport import is_url

_CONNECT_TIMEOUT_S = 10
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
    address: str,
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
        address: this machine's, as hosts see it; not asked for with a tunnel.
        python: the interpreter on ssh hosts whose line names none.
        workdir: the folder on hosts whose line names none.
        tunnel: let hosts come back through their ssh connections.

    Raises:
        OSError: this machine cannot listen at the address.
    """
    with _greeter("127.0.0.1" if tunnel else address) as port:
        linking = Linking(
            ssh=ssh,
            key="",
            scheduler_port=port,
            spec=partial(_spec, settings),
            scheduler_address=None if tunnel else f"{address}:{port}",
            tunnel=tunnel,
            python=python,
            workdir=workdir,
            paths=() if is_url(settings.base_url) else [settings.base_url],
        )
        yield from _side_by_side(hosts, linking)


def _spec(settings: Settings, linked: Linked) -> Mapping[str, Any]:
    file = _COMMON_CRAWLS_OWN_FILE if settings.base_url in OWN_BASE_URLS else "collinfo.json"
    return {
        "module": "cctrawl.runs.hosts.reaching",
        "base_url": settings.base_url,
        "contact": settings.contact,
        "location": settings.base_url + file,
        "driver": linked.scheduler,
    }


def _side_by_side(hosts: Sequence[Host], linking: Linking) -> Iterator[Finding]:
    visits = [_Visit(host, linking) for host in hosts]
    with ThreadPoolExecutor(CONNECTING_AT_ONCE) as crew:
        futures = [crew.submit(visit.finding) for visit in visits]
        try:
            for future in futures:
                yield future.result()
        finally:  # also of Ctrl-C
            crew.shutdown(wait=False, cancel_futures=True)
            for visit in visits:
                visit.give_up()


class _Visit:
    """A look at one host."""

    def __init__(self, host: Host, linking: Linking) -> None:
        self._host = host
        self._linking = linking
        self._lock = threading.Lock()  # of the next two
        self._connection: Connection | None = None
        self._is_given_up = False

    def give_up(self) -> None:
        """End it."""
        with self._lock:
            self._is_given_up = True
            if self._connection is not None:
                self._connection.kill()

    def finding(self) -> Finding:
        """Return what is found."""
        forward = self._linking.forward_for(self._host)
        facts = self._greet(forward)
        if isinstance(facts, Trouble) and facts.is_forward:  # the port may have been taken
            forward = self._linking.forward_for(self._host)
            facts = self._greet(forward)
        if isinstance(facts, Trouble):
            return Finding(self._host, facts.is_reached, None, None, facts.problems)
        problems = problems_of(self._host, facts)
        reaches_data = not facts.missing if self._linking.paths and facts.is_whole else None
        if facts.fingerprint == own_fingerprint():  # else it may not know what we ask
            unreached = self._ask(Linked(self._host, 0, facts, 1, self._linking.scheduler_of(forward)))
            problems += [Problem(self._host.name, what, hint) for what, hint in unreached.values()]
            reaches_data = reaches_data is not False and "data" not in unreached
        self._close()
        return Finding(self._host, True, facts, reaches_data, tuple(problems))

    def _greet(self, forward: Forward | None) -> Facts | Trouble:
        words = self._linking.words_for(self._host, forward, _CONNECT_TIMEOUT_S)
        with self._lock:
            try:
                self._connection = Connection(self._host, self._linking.python_of(self._host), words, _ignore)
            except OSError as error:
                return trouble_of_start(self._host, words[0], error)
            if self._is_given_up:
                self._connection.kill()
        return self._connection.greet(self._linking.question_for(self._host))

    def _ask(self, linked: Linked) -> Mapping[str, Sequence[str]]:
        """Return what the host does not reach: what is wrong and a hint, by ``data`` and ``driver``."""
        assert self._connection is not None  # noqa: S101 - it has greeted us
        self._connection.go(self._linking.spec(linked))
        reached = self._connection.wait_for("reached", _ANSWER_LIMIT_S)
        if not isinstance(reached, dict):
            what = f"it did not say whether it reaches the data: {self._connection.close()}"
            return {"data": (what, f"try `ssh {self._host.target}`, and this command again")}
        return {name: trouble for name, trouble in reached.items() if trouble}

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _ignore(line: str) -> None:
    """Take a line that something printed on a host."""


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
