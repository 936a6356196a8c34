"""Short visits to many hosts, side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from cctrawl.runs.hosts.connection import Connection
from cctrawl.runs.hosts.hostfile import Host
from cctrawl.runs.hosts.link import CONNECTING_AT_ONCE
from cctrawl.runs.hosts.troubles import Trouble, trouble_of_start

Found = TypeVar("Found")
CONNECT_TIMEOUT_S = 10


class Visits:
    """Connections of one command; all end with it, also by Ctrl-C."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of the next two
        self._connections: list[Connection] = []
        self._are_over = False

    def each(self, hosts: Sequence[Host], visit: Callable[[Host], Found]) -> Iterator[Found]:
        """Yield what a visit to each host returns, in order; eight go on at once."""
        with ThreadPoolExecutor(CONNECTING_AT_ONCE) as crew:
            futures = [crew.submit(visit, host) for host in hosts]
            try:
                for future in futures:
                    yield future.result()
            finally:
                crew.shutdown(wait=False, cancel_futures=True)
                self._end()

    @contextmanager
    def connected(self, host: Host, python: str | None, words: Sequence[str]) -> Iterator[Connection | Trouble]:
        """Give a connection for as long as the block lasts, or why there is none.

        Args:
            host: the host.
            python: the interpreter asked for, for messages.
            words: the command.
        """
        try:
            connection = Connection(host, python, words, _ignore)
        except OSError as error:
            yield trouble_of_start(host, words[0], error)
            return
        with self._lock:
            self._connections.append(connection)
            if self._are_over:
                connection.kill()
        try:
            yield connection
        finally:
            connection.close()

    def _end(self) -> None:
        with self._lock:
            self._are_over = True
            for connection in self._connections:
                connection.kill()


def _ignore(line: str) -> None:
    """Take a line that something printed on a host."""
