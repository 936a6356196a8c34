"""What a server does wrong, as small values: give a list of them to ``FakeServer``.

Each fault concerns the paths that match its ``path`` (a glob over the path without its leading ``/``; ``*`` also
crosses ``/``). ``times`` limits how often one path suffers it, ``chance`` how likely each request does; chances are
drawn from the server's seed, so the same requests in the same order meet the same faults. The first refusing fault
that concerns a request answers it; faults of the body add up.

Refusals: ``Refuse``, ``RefuseAboveRate``. Broken connections: ``Reset``, ``CutBody``, ``DropRandomly``. Lies:
``WrongLength``, ``NoLength``, ``IgnoreRange``, ``WrongContentRange``, ``XmlWith200``, ``ChangedFile``. Slowness:
``SlowBytes``, ``SlowAnswer``.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What all faults share.

    Attributes:
        path: glob of the paths concerned, without leading ``/``.
        times: how often each path suffers it; ``None`` for always.
        chance: probability that a request suffers it, 0 to 1.
        after: how many requests of each path pass untouched first.
    """

    path: str = "*"
    times: int | None = None
    chance: float = 1.0
    after: int = 0

    def concerns(self, path: str) -> bool:
        """Tell whether ``path`` (without leading ``/``) matches the glob."""
        return fnmatchcase(path, self.path)


@dataclass(frozen=True, kw_only=True)
class Refuse(Fault):
    """Answer with an error status, as a rate limiter, a firewall or a broken server does.

    Attributes:
        status: the HTTP status, 400 to 599.
        retry_after: value of the ``Retry-After`` header, seconds or an HTTP date.
        from_s: seconds after the server (or this set of faults) began from which it refuses.
        for_s: for how many seconds it refuses; ``None`` for ever.
    """

    status: int = 503
    retry_after: str | float | None = None
    from_s: float = 0.0
    for_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class RefuseAboveRate(Fault):
    """Refuse what comes faster than a rate, over all concerned paths together.

    Attributes:
        per_s: requests per second that are answered.
        burst: how many may come at once; ``None`` for one second's worth.
        status: 403, 429 or 503.
        retry_after: value of the ``Retry-After`` header.
        block_s: after the first refusal, refuse everything for so many seconds (Common Crawl's 403).
    """

    per_s: float
    burst: float | None = None
    status: int = 503
    retry_after: str | float | None = None
    block_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Reset(Fault):
    """Reset the connection (TCP RST) after some bytes of the body; at 0 before any answer."""

    after_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class CutBody(Fault):
    """Close the connection politely after some bytes of the body, although more were announced.

    Attributes:
        after_bytes: bytes of the body that are sent.
        chunked: announce no length but send chunks, and leave out the last one.
    """

    after_bytes: int = 0
    chunked: bool = False


@dataclass(frozen=True, kw_only=True)
class DropRandomly(Fault):
    """Close each connection after a random number of body bytes, evenly from 1 to ``most_bytes``."""

    most_bytes: int


@dataclass(frozen=True, kw_only=True)
class WrongLength(Fault):
    """Announce a ``Content-Length`` that is off by ``by`` bytes; the file is sent as it is."""

    by: int = 1


@dataclass(frozen=True, kw_only=True)
class NoLength(Fault):
    """Announce neither a length nor chunks: the end of the connection is the end of the body, as in HTTP/1.0."""


@dataclass(frozen=True, kw_only=True)
class IgnoreRange(Fault):
    """Answer 200 with the whole file to a ranged request."""


@dataclass(frozen=True, kw_only=True)
class WrongContentRange(Fault):
    """Send the bytes that begin ``shift`` bytes later than asked for, and say so in ``Content-Range``."""

    shift: int = 1


@dataclass(frozen=True, kw_only=True)
class XmlWith200(Fault):
    """Send an error document with status 200, as some proxies do.

    Attributes:
        body: the document.
        content_type: its type; a lying proxy keeps the file's own.
    """

    body: str = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code></Error>'
    content_type: str = "application/xml"


@dataclass(frozen=True, kw_only=True)
class ChangedFile(Fault):
    """Send another ``ETag`` than before, as if the file had been replaced."""


@dataclass(frozen=True, kw_only=True)
class SlowBytes(Fault):
    """Send the body at ``bytes_per_s``."""

    bytes_per_s: float


@dataclass(frozen=True, kw_only=True)
class SlowAnswer(Fault):
    """Wait ``wait_s`` seconds before the answer."""

    wait_s: float


class FaultBook:
    """Decides which faults strike a request: counts, chances and rates, safe for threads.

    Args:
        faults: the faults in order.
        seed: chances and random lengths are drawn from it, separately for each fault and path.
        clock: seconds that only grow.
    """

    def __init__(self, faults: Sequence[Fault], *, seed: int, clock: Callable[[], float]) -> None:
        self._faults = tuple(faults)
        self._seed = seed
        self._clock = clock
        self._began_s = clock()
        self._lock = threading.Lock()
        self._seen: Counter[tuple[int, str]] = Counter()
        self._struck: Counter[tuple[int, str]] = Counter()
        self._dice: dict[tuple[int, str], random.Random] = {}
        self._buckets = {
            i: _Bucket(fault, self._began_s) for i, fault in enumerate(faults) if isinstance(fault, RefuseAboveRate)
        }

    def strike(self, path: str) -> list[Fault]:
        """Return the faults that this request of ``path`` suffers, in order, random ones made definite."""
        with self._lock:
            return [
                self._definite(fault, (i, path))
                for i, fault in enumerate(self._faults)
                if fault.concerns(path) and self._strikes(fault, (i, path))
            ]

    def _strikes(self, fault: Fault, key: tuple[int, str]) -> bool:
        self._seen[key] += 1
        if self._seen[key] <= fault.after or self._struck[key] == fault.times:
            return False
        if fault.chance < 1 and self._die(key).random() >= fault.chance:
            return False
        now_s = self._clock()
        if isinstance(fault, Refuse):
            end_s = float("inf") if fault.for_s is None else fault.from_s + fault.for_s
            if not fault.from_s <= now_s - self._began_s < end_s:
                return False
        if isinstance(fault, RefuseAboveRate) and self._buckets[key[0]].admit(now_s):
            return False
        self._struck[key] += 1
        return True

    def _definite(self, fault: Fault, key: tuple[int, str]) -> Fault:
        if isinstance(fault, DropRandomly):
            return CutBody(after_bytes=self._die(key).randint(1, fault.most_bytes))
        return fault

    def _die(self, key: tuple[int, str]) -> random.Random:
        if key not in self._dice:
            self._dice[key] = random.Random(f"{self._seed}/{key}")  # noqa: S311 - repeatable, not secret
        return self._dice[key]


class _Bucket:
    """The tokens of a ``RefuseAboveRate``."""

    def __init__(self, fault: RefuseAboveRate, now_s: float) -> None:
        self._fault = fault
        self._size = max(1.0, fault.per_s if fault.burst is None else fault.burst)
        self._tokens = self._size
        self._at_s = now_s
        self._blocked_until_s = now_s

    def admit(self, now_s: float) -> bool:
        self._tokens = min(self._size, self._tokens + (now_s - self._at_s) * self._fault.per_s)
        self._at_s = now_s
        if now_s < self._blocked_until_s:
            return False
        if self._tokens >= 1:
            self._tokens -= 1
            return True
        self._blocked_until_s = now_s + self._fault.block_s
        return False
