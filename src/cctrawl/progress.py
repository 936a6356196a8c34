"""How far a run or harvest is, on stderr: one live line on a terminal, one line a minute in a pipe or log.

Below it a run over hosts has a line for each of them; of more than twenty for those in trouble first.

Whoever works hands over a `Snapshot` every now and then; rates and the time left are worked out here.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.live import Live

_WINDOW_S = 30.0
_LOG_INTERVAL_S = 60.0
_LIVE_INTERVAL_S = 0.25
_TOPIC_PAUSE_S = 10.0
_SHOWN_HOSTS = 20
_ERROR_CHARACTERS = 100


class ShownHost(Protocol):
    """A host that works on a run: `runs.engine.HostStatus` says what each means."""

    @property
    def name(self) -> str:
        """The host."""

    @property
    def state(self) -> str:
        """``up``, or what else it is."""

    @property
    def workers(self) -> int:
        """Tasks it can do at once."""

    @property
    def files_done(self) -> int:
        """Inputs it has done."""

    @property
    def source_bytes(self) -> int:
        """Bytes read there."""

    @property
    def last_error(self) -> str:
        """What went wrong there last."""


@dataclass(frozen=True)
class Snapshot:
    """A run or harvest at one moment. Counts grow from the beginning of this command, but for ``done``.

    Attributes:
        total: files (or what ``noun`` says) there are to do; ``None``: nobody knows.
        done: those that are done for good.
        finished: those finished, in fractions of what is under way, for the time left.
        source_bytes: bytes read, shown as a rate.
        steps: what was done so often, by name, shown as rates: ``{"records": 1000}``.
        results: what came of it so far, by name: ``{"rows": 20}``.
        troubles: what went wrong so often, by name, shown when it is not 0.
        waiting: what everything waits for, if it does; for example a block.
        noun: what there is to do, in the plural.
        hosts: the machines that work on it, if it is not this one alone.
    """

    total: int | None
    done: int
    finished: float
    source_bytes: int
    steps: Mapping[str, int]
    results: Mapping[str, int]
    troubles: Mapping[str, int]
    waiting: str = ""
    noun: str = "files"
    hosts: Sequence[ShownHost] = ()


class Progress(Protocol):
    """Where a run tells how far it is."""

    def update(self, snapshot: Snapshot) -> None:
        """Take the newest numbers; cheap, to be called often."""

    def note(self, message: str) -> None:
        """Say something that stays: a warning, a failure."""

    def close(self) -> None:
        """Take the live line away."""


def open_progress(*, quiet: bool = False, stream: IO[str] | None = None) -> Progress:
    """Return a live line if the stream (stderr) is a terminal, a log otherwise, only notes if ``quiet``."""
    stream = stream if stream is not None else sys.stderr
    if quiet:
        return _Log(stream, interval_s=float("inf"))
    if stream.isatty():
        return _LiveLine(stream)
    return _Log(stream, _LOG_INTERVAL_S)


class _Rates:
    """Rates over the last half minute, and the time left at the pace of the whole command."""

    def __init__(self) -> None:
        self._history: deque[tuple[float, Snapshot]] = deque()
        self._began: tuple[float, float] | None = None

    def begin(self, snapshot: Snapshot) -> None:
        """Note where it begins, for a log's first line, which comes late; once is enough."""
        if self._began is None:
            now = time.monotonic()
            self._began = now, snapshot.finished
            self._history.append((now, snapshot))

    def lines(self, snapshot: Snapshot) -> list[str]:
        """Return the line of the whole, and those of its hosts."""
        return [self._line(snapshot), *self._host_lines(snapshot.hosts)]

    def _line(self, snapshot: Snapshot) -> str:
        self.begin(snapshot)
        now = time.monotonic()
        self._history.append((now, snapshot))
        while len(self._history) > 2 and now - self._history[1][0] >= _WINDOW_S:  # a log's lines are further apart
            self._history.popleft()
        then, earlier = self._history[0]
        passed_s = max(now - then, 1e-9)
        bytes_per_s = (snapshot.source_bytes - earlier.source_bytes) / passed_s
        of_all = "" if snapshot.total is None else f"/{snapshot.total:,}"
        parts = [f"{snapshot.done:,}{of_all} {snapshot.noun}", f"{bytes_per_s / 1e6:.1f} MB/s"]
        for name, number in snapshot.steps.items():
            parts.append(f"{(number - earlier.steps[name]) / passed_s:,.0f} {name}/s")
        parts += [f"{number:,} {name}" for name, number in snapshot.results.items()]
        parts += [f"{number:,} {name}" for name, number in snapshot.troubles.items() if number]
        if snapshot.waiting or snapshot.total is not None:
            parts.append(snapshot.waiting or f"ETA {self._time_left(now, snapshot)}")
        return " · ".join(parts)

    def _host_lines(self, hosts: Sequence[ShownHost]) -> Iterator[str]:
        (then, earlier), (now, _) = self._history[0], self._history[-1]
        before = {host.name: host.source_bytes for host in earlier.hosts}
        width = max((len(host.name) for host in hosts), default=0)
        in_trouble_first = sorted(hosts, key=lambda host: host.state == "up")
        for host in (hosts if len(hosts) <= _SHOWN_HOSTS else in_trouble_first)[:_SHOWN_HOSTS]:
            bytes_per_s = (host.source_bytes - before.get(host.name, 0)) / max(now - then, 1e-9)
            parts = [f"  {host.name:{width}} {host.state:8} {format_count(host.workers, 'worker')}"]
            parts += [format_count(host.files_done, "file"), f"{bytes_per_s / 1e6:.1f} MB/s"]
            if host.last_error:
                parts.append(f"last error: {one_line(host.last_error)[:_ERROR_CHARACTERS]}")
            yield " · ".join(parts)
        if len(hosts) > _SHOWN_HOSTS:
            yield f"  … and {len(hosts) - _SHOWN_HOSTS:,} more"

    def _time_left(self, now: float, snapshot: Snapshot) -> str:
        began_s, began = self._began or (now, 0.0)
        done = snapshot.finished - began
        if done <= 0 or snapshot.total is None:
            return "unknown"
        return format_duration((snapshot.total - snapshot.finished) * (now - began_s) / done)


class Topics:
    """Keeps what is said again and again from filling the screen: each topic is due once in ten seconds."""

    def __init__(self) -> None:
        self._silent_until: dict[str, float] = {}

    def is_due(self, topic: str) -> bool:
        """Tell whether a topic may be spoken of; if so, it may not for a while. The counters go on telling."""
        now = time.monotonic()
        if now < self._silent_until.get(topic, 0.0):
            return False
        self._silent_until[topic] = now + _TOPIC_PAUSE_S
        return True


class _Log:
    def __init__(self, stream: IO[str], interval_s: float) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._rates = _Rates()
        self._next = time.monotonic() + interval_s

    def update(self, snapshot: Snapshot) -> None:
        self._rates.begin(snapshot)
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._interval_s
            self.note("\n".join(self._rates.lines(snapshot)))

    def note(self, message: str) -> None:
        print(message, file=self._stream, flush=True)

    def close(self) -> None:
        """Leave the log as it is."""


class _LiveLine:
    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console  # noqa: PLC0415 - only on a terminal
        from rich.live import Live  # noqa: PLC0415 - only on a terminal

        console = Console(file=stream, highlight=False, markup=False)
        self._live: Live = Live(console=console, auto_refresh=False, transient=True)
        self._rates = _Rates()
        self._next = 0.0
        self._live.start()

    def update(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if now >= self._next:
            from rich.text import Text  # noqa: PLC0415 - only on a terminal

            self._next = now + _LIVE_INTERVAL_S
            text = Text("\n".join(self._rates.lines(snapshot)), no_wrap=True, overflow="ellipsis")
            self._live.update(text, refresh=True)

    def note(self, message: str) -> None:
        self._live.console.print(message, soft_wrap=True)

    def close(self) -> None:
        self._live.stop()


def one_line(text: str) -> str:
    """Return a text of another machine in one line that a terminal can show without harm."""
    return "".join(character if character.isprintable() else "�" for character in " ".join(text.split()))


def format_duration(seconds: float) -> str:
    """Return a duration for people: ``0.8 s``, ``42 s``, ``3 min 20 s``, ``5 h 02 min``, ``3 d 4 h``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest_s = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest_s:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24} h"


def format_bytes(number: float) -> str:
    """Return a size for people, in powers of ten: ``812 B``, ``1.2 MB``, ``3.4 TB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def format_count(number: int, noun: str) -> str:
    """Return a number of things for people: ``1 file``, ``2,000 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
