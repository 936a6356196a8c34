"""How hard we ask: every request takes a ticket, waits for its slot, and reports what it was answered.

The state is shared by all threads, processes and commands of a user, on hosts too, through ``cctrawl.store.rates``
and the ``entries`` made there; the arithmetic is in ``pacing``. A waiter reserves its slot, sleeps until then, and
looks whether it still holds; only while somebody probes a block do the others look now and then.
"""

from __future__ import annotations

import math
import random
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from cctrawl.errors import AbortedError, AccessDeniedError, CctrawlError, TransportError
from cctrawl.settings import COLLINFO
from cctrawl.store.rates import FILE_NAME, RateBook
from cctrawl.transport import pacing
from cctrawl.transport.allowance import BUCKET, DATA_HOST, allowance, is_common_crawl
from cctrawl.transport.entries import Absolve, Memory, NoteAnswer, NoteProbe, NoteRefusal, Reserve
from cctrawl.transport.events import TransportEvent
from cctrawl.transport.location import host_of, is_url, path_of
from cctrawl.transport.pacing import Limits, Policy
from cctrawl.transport.rates import shared_rates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cctrawl.settings import Settings
    from cctrawl.store.rates import HostRate
    from cctrawl.transport.counters import Counters
    from cctrawl.transport.rates import Rates

T = TypeVar("T")

_INDEX_HOST = host_of(COLLINFO)
_COMMON_CRAWL_PROBE = "/crawl-data/CC-MAIN-2023-50/warc.paths.gz"


class Governor:
    """Gives tickets for requests; one for each process, safe for threads.

    Args:
        settings: rate, burst, base URL, pauses, patience, and the folder of the shared state.
        ramp: begin slowly and without burst (``run`` and ``harvest``).
        policy: the constants.
        counters: where waits and refusals are counted.
        on_event: who hears of refusals and blocks.
        probe: asks for a location once and tells whether the answer was no refusal.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ramp: bool,
        policy: Policy,
        counters: Counters,
        on_event: Callable[[TransportEvent], None],
        probe: Callable[[str], bool],
    ) -> None:
        self.settings = settings
        self.policy = policy
        self.counters = counters
        self.on_event = on_event
        self.probe = probe
        self._rates: Rates = shared_rates() or RateBook(settings.data_dir / FILE_NAME)
        self._base_host = host_of(settings.base_url) if is_url(settings.base_url) else ""
        self._ramp = ramp
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._asked: dict[str, int] = {}
        self._flushed_at: dict[str, float] = {}
        self._told_pause: dict[str, float] = {}
        self._blocked_before_s: dict[str, float] = {}

    def ticket(self, location: str) -> Ticket:
        """Return the ticket with which one location is asked for, as often as it takes."""
        return Ticket(self, location)

    def limits(self, host: str) -> Limits:
        """Return what may be asked of a host: the explicit rate for the base URL's, else the defaults.

        A rate of 0 frees the base URL's host of the ramp too, unless it is Common Crawl's own.
        """
        rate, burst = allowance(self.settings, host)
        is_freed = self.settings.rate == 0 and host == self._base_host and not is_common_crawl(host)
        return Limits(rate, burst, self._ramp and not is_freed)

    def is_ours(self, location: str) -> bool:
        """Tell whether a 403 there is a refusal: below the base URL, or on Common Crawl's own hosts."""
        return location.startswith(self.settings.base_url) or (
            is_common_crawl(self._base_host) and host_of(location) == _INDEX_HOST
        )

    def sleep(self, wait_s: float) -> None:
        """Wait, and count it.

        Raises:
            TransportError: the transport was closed meanwhile.
        """
        if wait_s > 0:
            self.counters.add(waited_s=wait_s, waiting=1)
            try:
                self._closed.wait(wait_s)
            finally:
                self.counters.add(waiting=-1)
        self.check_open()

    def check_open(self) -> None:
        """Do nothing while open.

        Raises:
            TransportError: the transport was closed.
        """
        if self._closed.is_set():
            raise TransportError("the transport is closed")

    def row(self, host: str) -> HostRate:
        """Return the shared row of a host as it is now, give or take the slack that late waiters have, too."""
        with self._while_open():
            row = self._rates.read(host, self.policy.slack_s)
        if host not in self._blocked_before_s:  # pauses before our first request try nobody's patience
            self._blocked_before_s[host] = pacing.blocked_s(row, time.time())
        return row

    def change(self, host: str, change: Callable[[HostRate, float], T]) -> tuple[T, HostRate]:
        """Let an entry alter the shared row of a host; return what it returns, and the row then."""
        with self._while_open():
            return self._rates.change(host, change)

    def close(self) -> None:
        """Wake all waiters and close the book, if it is this machine's."""
        self._closed.set()
        if isinstance(self._rates, RateBook):
            self._rates.close()

    def asked(self, host: str) -> None:
        """Count a request of this process, to be reported with the next change of the row."""
        with self._lock:
            self._asked[host] = self._asked.get(host, 0) + 1

    def take_asked(self, host: str) -> int:
        """Return the requests counted since the last call."""
        with self._lock:
            return self._asked.pop(host, 0)

    def is_flush_due(self, host: str, now: float) -> bool:
        """Tell whether answers should be reported again; not after each one."""
        with self._lock:
            due = not 0 <= now - self._flushed_at.get(host, 0.0) < self.policy.report_s
            if due:
                self._flushed_at[host] = now
            return due

    def wait_for_pause(self, host: str, row: HostRate, until: float) -> None:
        """Sleep through a pause as far as patience reaches.

        Patience counts the pauses since our first request, whoever waited in them. They are shared, so the workers
        of a run, which begin together, spend one patience and not one each.

        Args:
            host: who blocks us.
            row: its row, with the pause that is on.
            until: the end of the pause; later while somebody probes.

        Raises:
            AbortedError: patience is spent.
        """
        now = time.time()
        wait_s = until - now
        if now < row.pause_from + row.pause_s:
            left_s = self.settings.patience - (pacing.blocked_s(row, now) - self._blocked_before_s[host])
            if left_s <= 0:
                raise AbortedError(
                    f"{host} has refused everything for {self.settings.patience:.0f} s of waiting",
                    hint="a block may last for hours: run the same command later, it goes on where it stopped",
                )
            wait_s = min(wait_s, left_s)
        if self._is_news(host, row.paused_s):
            self.on_event(TransportEvent("paused", host, "refused again and again", wait_s))
        self.sleep(wait_s)

    def _is_news(self, host: str, paused_s: float) -> bool:
        """Tell whether this pause was not told yet; the sum of those before it makes it known."""
        with self._lock:
            is_new = self._told_pause.get(host) != paused_s
            self._told_pause[host] = paused_s
            return is_new

    def probe_of(self, host: str, row: HostRate, refused: str) -> str:
        """Return the location that decides whether a block is over: one known to exist, if any is known."""
        if row.known_path:
            return host + row.known_path
        if host in (DATA_HOST, BUCKET):
            return host + _COMMON_CRAWL_PROBE
        if host == self._base_host:
            return self.settings.base_url + "collinfo.json"
        return refused

    @contextmanager
    def _while_open(self) -> Iterator[None]:
        """Make sure that who comes after the closing hears of that, and of no database.

        Raises:
            AbortedError: the shared state cannot be used any more; no location is to blame.
        """
        try:
            yield
        except CctrawlError as error:
            self.check_open()
            raise AbortedError(str(error), hint=error.hint) from error


class Ticket:
    """One location's dealings with the governor, over all its requests.

    Args:
        governor: who gave it.
        location: what is asked for.
    """

    def __init__(self, governor: Governor, location: str) -> None:
        self._governor = governor
        self._location = location
        self._host = host_of(location)
        self._limits = governor.limits(self._host)
        self._memory = Memory()

    @property
    def _path(self) -> str:
        return path_of(self._location)  # seldom asked for

    def admit(self) -> None:
        """Wait for a slot, and through blocks.

        Raises:
            AbortedError: patience was spent on blocks.
        """
        governor = self._governor
        while True:
            row, now = governor.row(self._host), time.time()
            if pacing.is_free(row, now, self._limits, governor.policy):
                break
            until = pacing.paused_until(row, now, governor.policy)
            if until is not None:
                governor.wait_for_pause(self._host, row, until)
            elif self._reserved_and_waited():
                break
        governor.asked(self._host)

    def _reserved_and_waited(self) -> bool:
        """Take a slot and wait for it; tell whether it still holds then."""
        governor = self._governor
        entry = Reserve(governor.take_asked(self._host), self._limits, governor.policy)
        admission, reserved = governor.change(self._host, entry)
        if admission.action == "probe":
            self._probe(reserved)
        if admission.action != "go":
            return False
        wait_s = admission.at - time.time()
        governor.sleep(wait_s)
        return wait_s <= 0 or not pacing.is_void(reserved, governor.row(self._host))

    def answered(self, *, exists: bool) -> None:
        """Report an answer that is no refusal; ``exists``: with success."""
        governor = self._governor
        if self._memory.refused_at or governor.is_flush_due(self._host, time.time()):
            self._memory = Memory()
            asked, path = governor.take_asked(self._host), self._path if exists else ""
            governor.change(self._host, NoteAnswer(asked, path, self._limits.ramp))

    def refused(self, status: int, retry_after_s: float | None) -> None:
        """Report a refusal, and wait until this location may be asked again.

        Raises:
            TransportError: this path alone goes on being refused; ``AccessDeniedError`` for status 403.
        """
        governor = self._governor
        governor.counters.add(refusals=1)
        entry = NoteRefusal(
            governor.take_asked(self._host), self._path, self._memory, self._limits, governor.policy,
            pause_s=governor.settings.block_pause,
        )  # fmt: skip
        self._memory, row = governor.change(self._host, entry)
        if self._is_trouble(row):
            governor.change(self._host, Absolve(self._path))
            kind = AccessDeniedError if status == 403 else TransportError
            raise kind(
                f"{self._location} is refused with status {status} while others are answered",
                hint="the file may be withdrawn or private",
            )
        asked_s = min(retry_after_s or 0.0, governor.settings.patience)
        jitter = 1 + random.random() / 4  # noqa: S311 - jitter, not a secret
        wait_s = max(governor.policy.retry_s, asked_s) * jitter
        rate = pacing.rate_in_force(row, time.time(), self._limits, governor.policy)
        shown = None if rate == math.inf else rate
        governor.on_event(TransportEvent("refused", self._host, f"status {status}", wait_s, shown))
        governor.sleep(wait_s)

    def _is_trouble(self, row: HostRate) -> bool:
        """Tell whether this path is refused for itself: while others, or probes, are answered."""
        memory, policy = self._memory, self._governor.policy
        if memory.alone >= policy.path_refusals:
            return True
        again = memory.since_probe >= policy.block_refusals
        return memory.probes >= 3 or (memory.probes >= 1 and again and not row.refused_mixed)

    def _probe(self, row: HostRate) -> None:
        """Ask once for a file known to exist and tell everybody what that means."""
        governor = self._governor
        location = governor.probe_of(self._host, row, self._location)
        governor.on_event(TransportEvent("probing", self._host))
        is_answered = governor.probe(location)
        other = location != self._host + row.refused_path or bool(row.refused_mixed)
        _, row = governor.change(self._host, NoteProbe(governor.policy, is_answered=is_answered, other=other))
        if is_answered:
            rate = pacing.rate_in_force(row, time.time(), self._limits, governor.policy)
            governor.on_event(TransportEvent("resumed", self._host, rate_per_s=rate))
