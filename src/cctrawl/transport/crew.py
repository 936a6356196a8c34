"""The threads that ask for many ranges side by side: one crew for each transport, whoever calls."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cctrawl.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cctrawl.transport.coalescing import Span


class Crew:
    """Reads spans on threads of its own; safe for threads, which share them.

    Args:
        read: reads one span.
        threads: how many work at once, for all callers together.
    """

    def __init__(self, read: Callable[[str, int, int], bytes], threads: int) -> None:
        self._read = read
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def submit(self, span: Span) -> Future[bytes]:
        """Ask for a span when a thread is free.

        Raises:
            TransportError: the crew is closed.
        """
        with self._lock:
            if self._is_closed:
                raise TransportError("the transport is closed")
            self._pool = self._pool or ThreadPoolExecutor(self._threads, "ranges")
            return self._pool.submit(self._read_open, span)

    def _read_open(self, span: Span) -> bytes:
        if self._is_closed:
            raise TransportError("the transport is closed")
        return self._read(span.location, span.start, span.stop)

    @contextmanager
    def reading(self, spans: Sequence[Span]) -> Iterator[list[Future[bytes]]]:
        """Ask for spans; what has not begun at the end of the context is not asked for any more."""
        futures: list[Future[bytes]] = []
        try:
            futures.extend(self.submit(span) for span in spans)
            yield futures
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """Begin nothing more; what is under way ends with the connections."""
        with self._lock:
            self._is_closed = True
            if self._pool is not None:
                # What waits ends by itself, with an error: who waits for what is cancelled would wait for ever.
                self._pool.shutdown(wait=False)


def result_of(future: Future[bytes]) -> bytes:
    """Wait for a span's bytes.

    Raises:
        TransportError: the transport was closed before it was asked for; or as `Transport.read_range`.
    """
    try:
        return future.result()
    except CancelledError as error:
        raise TransportError("the transport is closed") from error
