"""Keeps one host at work: connects, hands it what to do, connects again when it is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cctrawl.runs.hosts.connection import Connection
from cctrawl.runs.hosts.delays import Delays
from cctrawl.runs.hosts.hostfile import Host
from cctrawl.runs.hosts.linking import Linked, LinkEvent, Linking, Printed, Refused, Unlinked
from cctrawl.runs.hosts.preflight import Facts, Problem, problems_of
from cctrawl.runs.hosts.troubles import Trouble, trouble_of_start

CONNECTING_AT_ONCE = 8  # sshd's MaxStartups begins to refuse at 10, and many lines may lead through one jump host
STOP_PATIENCE_S = 2.0
_POLL_S = 0.05
_connecting = threading.BoundedSemaphore(CONNECTING_AT_ONCE)


class Link:
    """A thread that keeps one host at work until `stop`.

    A host that was at work until just now is asked again within a fraction of a second, one that cannot be reached
    after 0.5, 1, 2, … 30 s, one that is not fit each minute. At most 8 of all links connect at once.

    Args:
        host: the host.
        linking: what all links share.
        on_event: called with what happens, in threads of this link; must be quick, and not raise.

    Attributes:
        host: the host.
    """

    def __init__(self, host: Host, linking: Linking, on_event: Callable[[LinkEvent], None]) -> None:
        self.host = host
        self._linking = linking
        self._on_event = on_event
        self._thread = threading.Thread(target=self._keep, name=f"link to {host.name}", daemon=True)
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # of the next two
        self._connection: Connection | None = None
        self._is_working = False
        self._generation = 0
        self._delays = Delays()
        self._refused: tuple[Problem, ...] = ()

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """End the connection and the thread; takes about 2 s at most. For many links: `stop_links`."""
        stop_links([self])

    def ask_to_stop(self) -> None:
        """Begin to end: a host at work is told, a connection that is not there yet is given up."""
        self._stopping.set()
        with self._lock:
            if self._connection is not None and self._is_working:
                self._connection.hang_up()
            elif self._connection is not None:
                self._connection.kill()

    def wait(self, timeout_s: float) -> None:
        """Wait for the end, after `ask_to_stop`; make one when the time is over."""
        if self._thread.ident is None:
            return
        self._thread.join(max(timeout_s, 0.0))
        with self._lock:
            if self._connection is not None:
                self._connection.kill()
        self._thread.join()

    def _keep(self) -> None:
        is_second_port = False
        while not self._stopping.is_set():
            trouble = self._visit()
            if trouble is None:
                delay_s = self._delays.after_work()
            elif trouble.is_forward and not is_second_port:
                is_second_port = True  # the first may have been taken
                continue
            else:
                delay_s = self._delays.after(trouble)
                self._refuse(trouble)
            is_second_port = False
            self._stopping.wait(delay_s)

    def _visit(self) -> Trouble | None:
        """Connect and stay until the connection ends; return what is wrong with the host."""
        forward = self._linking.forward_for(self.host)
        with _turn_to_connect(self._stopping):
            began_s = time.monotonic()
            words = self._linking.words_for(self.host, forward, self._delays.connect_timeout_s())
            connection = self._connect(words)
            if not isinstance(connection, Connection):
                return connection
            found = connection.greet(self._linking.question_for(self.host))
        try:
            if isinstance(found, Trouble):
                return found
            problems = problems_of(self.host, found)
            if problems:
                return Trouble(tuple(problems))
            self._delays.met(time.monotonic() - began_s)
            return self._work(connection, found, self._linking.scheduler_of(forward))
        finally:
            connection.close()
            with self._lock:
                self._connection = None
                self._is_working = False

    def _connect(self, words: Sequence[str]) -> Connection | Trouble | None:
        """Return a connection that begins; ``None`` if there is to be none any more."""
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                self._connection = Connection(self.host, self._linking.python_of(self.host), words, self._printed)
            except OSError as error:
                return trouble_of_start(self.host, words[0], error)
            return self._connection

    def _work(self, connection: Connection, facts: Facts, scheduler: str) -> Trouble | None:
        workers = self.host.workers or self._linking.workers or facts.cores
        linked = Linked(self.host, self._generation, facts, workers, scheduler)
        with self._lock:
            self._is_working = True
        self._generation += 1
        self._refused = ()
        began_s = time.monotonic()
        self._on_event(linked)
        connection.go(self._linking.spec(linked))
        if self._stopping.is_set():  # it may have been asked to before it was at work
            connection.hang_up()
        ended = connection.wait_for("ended")
        reason = str(ended) if ended is not None else connection.close()
        self._on_event(Unlinked(self.host, linked.generation, reason, is_empty=ended is not None))
        return self._delays.worked(self.host, time.monotonic() - began_s, reason)

    def _refuse(self, trouble: Trouble) -> None:
        if trouble.problems != self._refused and not self._stopping.is_set():
            self._refused = trouble.problems
            self._on_event(Refused(self.host, trouble.problems))

    def _printed(self, line: str) -> None:
        self._on_event(Printed(self.host, line))


def stop_links(links: Sequence[Link]) -> None:
    """End many links, side by side; takes about 2 s at most."""
    for link in links:
        link.ask_to_stop()
    until_s = time.monotonic() + STOP_PATIENCE_S
    for link in links:
        link.wait(until_s - time.monotonic())


@contextmanager
def _turn_to_connect(stopping: threading.Event) -> Iterator[None]:
    """Wait until few enough others connect, or until it does not matter any more."""
    is_mine = False
    while not is_mine and not stopping.is_set():
        is_mine = _connecting.acquire(timeout=_POLL_S)
    try:
        yield
    finally:
        if is_mine:
            _connecting.release()
