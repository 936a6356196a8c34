"""Intermittent failures: how often and how soon a request is tried again."""

from __future__ import annotations

import random
import re
import time
from http.client import HTTPException
from typing import TYPE_CHECKING

import urllib3

from cctrawl.errors import TransportError
from cctrawl.transport.events import TransportEvent
from cctrawl.transport.location import host_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cctrawl.transport.counters import Counters

_LONGEST_S = 30.0
_LITTLE_BYTES = 64 * 2**10
_WORTH_BYTES = 2**10  # a connection that brings less is hardly progress ...
_CRAWLS_PER_TRY = 10  # ... and only so many in a row are allowed for each try


class IntermittentError(Exception):
    """Something went wrong that may go right the next time; never leaves this room."""


# What a broken or odd answer raises; urllib3 lets the ValueError of a senseless redirect or chunk pass.
# Some of our own errors are among these by inheritance: let them pass first.
FAILURES = (IntermittentError, urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError)


class UnsatisfiedRangeError(Exception):
    """Status 416; ``size_bytes`` is the file's size, if the server told. Never leaves this room."""

    def __init__(self, size_bytes: int | None) -> None:
        super().__init__(size_bytes)
        self.size_bytes = size_bytes


def plain(error: Exception) -> Exception:
    """Return a failure as a user understands it: urllib3's own texts name pools and objects."""
    if isinstance(error, IntermittentError):
        return error
    reason = getattr(error, "reason", None)
    if isinstance(reason, Exception):  # MaxRetryError
        return plain(reason)
    if isinstance(error, urllib3.exceptions.ProxyError):
        return IntermittentError(f"the proxy does not let us through: {plain(error.original_error)}")
    if "IncompleteRead" in str(error):
        return IntermittentError("the connection ended before the body did")
    nested = [arg for arg in error.args if isinstance(arg, Exception)]
    if nested:  # ProtocolError
        return plain(nested[-1])
    text = re.sub(r"^\S*Connection(Pool)?\(.*?\): ", "", str(error))
    return IntermittentError(text or type(error).__name__)


class Tries:
    """The tries of one request or stream; progress makes them whole again, unless it is only a few bytes each time.

    Args:
        location: what is asked for.
        tries: how often in all without progress.
        spacing_s: the least time between two tries; the pause doubles from there.
        sleep: how to wait.
        counters: where retries are counted.
        on_event: who hears of them.
    """

    def __init__(  # noqa: PLR0917 - what one request must know, made in one place
        self,
        location: str,
        tries: int,
        spacing_s: float,
        sleep: Callable[[float], None],
        counters: Counters,
        on_event: Callable[[TransportEvent], None],
    ) -> None:
        self._location = location
        self._tries = tries
        self._spacing_s = spacing_s
        self._sleep = sleep
        self._counters = counters
        self._on_event = on_event
        self._failed = 0
        self._crawled = 0

    def progressed(self, brought_bytes: int, asked_at: float) -> None:
        """Bytes came: forget the failures before; when they were few, let the spacing pass before the next try.

        Args:
            brought_bytes: what the connection brought, at least 1.
            asked_at: when it was opened, on the monotonic clock.

        Raises:
            TransportError: ten connections for each try, in a row, brought less than 1 KiB each.
        """
        self._failed = 0
        self._crawled = self._crawled + 1 if brought_bytes < _WORTH_BYTES else 0
        if self._crawled >= _CRAWLS_PER_TRY * self._tries:
            raise TransportError(
                f"{self._location}: {self._crawled} connections in a row broke within {_WORTH_BYTES} bytes",
                hint="check the network, or allow more --tries",
            )
        if brought_bytes < _LITTLE_BYTES:
            self._sleep(asked_at + self._spacing_s - time.monotonic())

    def failed(self, error: Exception) -> None:
        """Wait until it is time to try again.

        Raises:
            TransportError: that was the last try.
        """
        self._failed += 1
        if self._failed >= self._tries:
            raise TransportError(
                f"{self._location}: {error} ({self._failed} tries)",
                hint="check the network, or allow more --tries",
            ) from error
        wait_s = min(_LONGEST_S, self._spacing_s * 2.0 ** (self._failed - 1))
        wait_s *= 1 + random.random() / 2  # noqa: S311 - jitter, not a secret
        self._counters.add(retries=1)
        reason = f"{self._location}: {error}"
        self._on_event(TransportEvent("retried", host_of(self._location), reason, wait_s))
        self._sleep(wait_s)
