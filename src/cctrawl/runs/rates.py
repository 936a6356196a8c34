"""One rate budget over all hosts: the driver keeps the book, workers elsewhere have their entries made by it.

No host has a share of its own: each slot is the driver's to give, so that the sum never exceeds the rate, whoever
comes, vanishes or comes back; a slot given to a host that vanished is lost. What is trouble for all (a cut of the
rate, a block, the end of one) is told to all at once; what other commands on the driver's machine meet, too.

Clocks differ between machines: each answer says what time it was given, by which its times become those of the
worker's clock (`_Clock`). An answer takes its time as well, and many that were held up would arrive together, their
slots all due: a burst. So a slot that is overdue when its answer comes is given up, and another one asked for.
Overdue means by more than the policy's slack, which late waiters have anyway, and the time that answers take at
best: requests of a host come at most so much behind their slots, and in no stretch of time there are more than the
rate allows in a stretch longer by that. So that on an uneven line not slot after slot is lost, the next one is
asked for with a lead. On a line that is always slow answers take long at best, too, and slots that lie in the
future, as they do where the rate is what limits, are never overdue.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import deque
from dataclasses import astuple, dataclass, replace
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from cctrawl.errors import AbortedError, CctrawlError
from cctrawl.store.rates import FILE_NAME, HostRate, RateBook
from cctrawl.transport import Admission, Reserve

if TYPE_CHECKING:
    from collections.abc import Callable

    from cctrawl.settings import Settings

T = TypeVar("T")

_LOOK_S = 0.05
_QUICKEST_OF_S = 10.0
_MOST_LEAD_S = 0.5
_LEAD_KEPT = 0.8
_TIMES = ("tokens_at", "ramp_from", "ramp_seen_at", "ramp_next_at", "window_from", "reduced_at", "cap_until",
          "streak_from", "pause_from", "probe_until", "answered_at")  # fmt: skip


@dataclass(frozen=True)
class _News:
    """The row of a host as it was at a time of the driver's clock.

    Attributes:
        number: grows with each news; of two, the one with the higher number is newer.
        at: the driver's time.
        host: the host.
        row: the fields of its row.
        result: what the entry returned, if this is an answer.
    """

    number: int
    at: float
    host: str
    row: tuple[Any, ...]
    result: Any = None


class RateDesk:
    """The driver's side: makes entries of workers elsewhere in the book of the data folder; safe for threads.

    Args:
        settings: where the data folder is.
        on_trouble: called with the data of a `RateUpdate` for all workers whenever the rate was cut, or a pause
            began or ended, by whomever; in any thread, so it must be quick.
    """

    def __init__(self, settings: Settings, on_trouble: Callable[[bytes], None]) -> None:
        self._path = settings.data_dir / FILE_NAME
        self._on_trouble = on_trouble
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._book: RateBook | None = None
        self._told: dict[str, tuple[float, ...]] = {}
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def answer(self, data: bytes) -> bytes:
        """Do what a worker asks for and return the answer; what goes wrong is an answer, too."""
        try:
            host, entry = pickle.loads(data)  # noqa: S301 - of our own workers, over authenticated connections
            return pickle.dumps(self._entered(host, entry))
        except CctrawlError as error:
            return pickle.dumps(error)
        except Exception as error:  # noqa: BLE001 - whatever it was, a worker waits
            hint = "is it the same version of cctrawl everywhere?"
            return pickle.dumps(AbortedError(f"the shared rate budget cannot be asked: {error!r}", hint=hint))

    def close(self) -> None:
        """Stop looking and close the book; may be called twice."""
        self._closed.set()
        if self._watcher.is_alive():
            self._watcher.join()
        with self._lock:
            if self._book is not None:
                self._book.close()

    def _entered(self, host: str, entry: Callable[[HostRate, float], object] | None) -> _News:
        """Make an entry, or, without one, look."""
        with self._lock:
            if self._book is None:
                self._book = RateBook(self._path)
                self._watcher.start()
            if entry is None:
                news, is_trouble = self._seen(host, self._book.read(host))
            else:
                result, row = self._book.change(host, entry)
                news, is_trouble = self._seen(host, row, result)
        if is_trouble:
            self._tell(news)
        return news

    def _seen(self, host: str, row: HostRate, result: object = None) -> tuple[_News, bool]:
        """Return the news of a row, and whether it has trouble in it that the others do not know of."""
        trouble = (row.cuts, row.reduced_per_s, row.pause_s, row.pause_from, row.probe_until, row.cap_until)
        is_new = self._told.get(host, trouble) != trouble  # the first to ask of a host is told with its answer
        self._told[host] = trouble
        return _News(next(self._numbers), time.time(), host, astuple(row), result), is_new

    def _tell(self, news: _News) -> None:
        self._on_trouble(pickle.dumps(replace(news, result=None)))

    def _watch(self) -> None:
        """Tell of what other commands on this machine meet."""
        while not self._closed.wait(_LOOK_S):
            for host in [*self._told]:
                self._look(host)

    def _look(self, host: str) -> None:
        try:
            with self._lock:
                assert self._book is not None  # noqa: S101 - it was opened before this began
                news, is_trouble = self._seen(host, self._book.read(host))
        except CctrawlError:
            return  # the next to ask is told of it
        if is_trouble:
            self._tell(news)


class RemoteRates:
    """The worker's side: the rate book of a driver elsewhere; safe for threads.

    A row that is known is read without a question: each answer, and each update of the driver's, brings the newest.
    An asker waits until it is answered: where the driver cannot be reached any more, the end of the lease ends it.

    Args:
        ask: sends a question, by number and data; its answer goes to `answered`.
    """

    def __init__(self, ask: Callable[[int, bytes], None]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._waiting: dict[int, SimpleQueue[tuple[bytes, float]]] = {}
        self._rows: dict[str, tuple[int, HostRate]] = {}
        self._clock = _Clock()
        self._lead_s = 0.0

    @property
    def is_asking(self) -> bool:
        """Whether a thread waits for an answer."""
        return bool(self._waiting)

    def read(self, host: str, age_s: float = 0.0) -> HostRate:  # noqa: ARG002 - nothing is newer than what is here
        """Return the newest row of a host that is known here; ask for it if none is. Do not alter it.

        Raises:
            CctrawlError: the driver cannot use its book.
        """
        known = self._rows.get(host)
        return known[1] if known is not None else self._exchange(host, None)[1]

    def change(self, host: str, change: Callable[[HostRate, float], T]) -> tuple[T, HostRate]:
        """Have an entry made; return what it returns, and the row then, in times of our clock.

        Raises:
            CctrawlError: the driver cannot use its book.
        """
        if isinstance(change, Reserve):
            return self._reserve(host, change)  # type: ignore[return-value]  # an Admission, as it returns
        return self._exchange(host, change)[:2]

    def _reserve(self, host: str, entry: Reserve) -> tuple[Admission, HostRate]:
        """Reserve until the slot is not overdue when we hear of it: the more so, the farther away it must be."""
        entry = replace(entry, lead_s=self._lead_s if self._lead_s > entry.policy.slack_s else 0.0)
        while True:
            admission, row, ahead_s = self._exchange(host, entry)
            admission = replace(admission, at=admission.at + ahead_s)
            late_s = time.time() - admission.at
            if admission.action != "go" or late_s <= entry.policy.slack_s + self._clock.quickest_s:
                self._lead_s *= _LEAD_KEPT
                return admission, row
            self._lead_s = min(self._lead_s + late_s, _MOST_LEAD_S)
            entry = replace(entry, asked=0, lead_s=self._lead_s)  # they are counted

    def answered(self, number: int, data: bytes) -> None:
        """Take the answer to a question."""
        box = self._waiting.get(number)
        if box is not None:
            box.put((data, time.time()))

    def heard(self, update: bytes) -> None:
        """Take an update of the driver's."""
        heard_at = time.time()
        news: _News = pickle.loads(update)  # noqa: S301 - of our own driver
        with self._lock:
            self._keep(news, _shifted(news.row, self._clock.ahead_s(news.at, heard_at)))

    def _exchange(self, host: str, entry: Callable[[HostRate, float], T] | None) -> tuple[T, HostRate, float]:
        """Ask, and return the result, the row, and how far our clock is ahead of the times in the result."""
        box: SimpleQueue[tuple[bytes, float]] = SimpleQueue()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = box
        try:
            asked_at = time.time()
            self._ask(number, pickle.dumps((host, entry)))
            data, heard_at = box.get()
        finally:
            del self._waiting[number]
        answer: _News | CctrawlError = pickle.loads(data)  # noqa: S301 - of our own driver
        if isinstance(answer, CctrawlError):
            raise answer
        with self._lock:
            ahead_s = self._clock.noted(asked_at, answer.at, heard_at)
            row = _shifted(answer.row, ahead_s)
            self._keep(answer, row)
        return answer.result, row, ahead_s

    def _keep(self, news: _News, row: HostRate) -> None:
        if news.number > self._rows.get(news.host, (0,))[0]:
            self._rows[news.host] = news.number, row


def _shifted(fields: tuple[Any, ...], ahead_s: float) -> HostRate:
    """Return a row with its times moved to a clock that is so far ahead; 0 stays: it means never."""
    row = HostRate(*fields)
    for name in _TIMES:
        time_then: float = getattr(row, name)
        if time_then:
            setattr(row, name, time_then + ahead_s)
    return row


@dataclass(frozen=True)
class _Bounds:
    """What one question tells of the clocks: it was answered between its sending and the answer's arrival.

    Attributes:
        least_s: ours is ahead by at least so much ...
        most_s: ... and at most so much.
        until: when this is too old to be believed, on the monotonic clock.
    """

    least_s: float
    most_s: float
    until: float

    @property
    def width_s(self) -> float:
        """How long the question took."""
        return self.most_s - self.least_s


class _Clock:
    """How far our clock is ahead of the driver's, by the quickest question of the last ten seconds.

    The quicker it was answered, the closer it bounds the difference. Every other answer has bounds, too: they are
    kept to, and where they leave no room, somebody has set a clock, and what was known before is void.
    """

    def __init__(self) -> None:
        self._bounds: deque[_Bounds] = deque()  # older ones are quicker

    @property
    def quickest_s(self) -> float:
        """How long a question takes at best."""
        return self._bounds[0].width_s if self._bounds else 0.0

    def noted(self, asked_at: float, theirs: float, heard_at: float) -> float:
        """Return how far we are ahead, from a question, its answer's time, and when we heard it."""
        now = time.monotonic()
        new = _Bounds(asked_at - theirs, max(asked_at, heard_at) - theirs, now + _QUICKEST_OF_S)
        bounds = self._bounds
        while bounds and bounds[0].until < now:
            bounds.popleft()
        if bounds and (bounds[0].most_s < new.least_s or bounds[0].least_s > new.most_s):
            bounds.clear()
        while bounds and bounds[-1].width_s >= new.width_s:
            bounds.pop()
        bounds.append(new)
        return min(max(_middle(bounds[0]), new.least_s), new.most_s)

    def ahead_s(self, theirs: float, heard_at: float) -> float:
        """Return how far we are ahead, from news that nobody asked for."""
        most_s = heard_at - theirs
        return min(_middle(self._bounds[0]), most_s) if self._bounds else most_s


def _middle(bounds: _Bounds) -> float:
    return (bounds.least_s + bounds.most_s) / 2
