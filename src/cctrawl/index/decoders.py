"""The threads that decode columns: a few for all readers of row groups.

pyarrow's allocator keeps memory for each thread that it works in, and takes some 10 ms to get it: where many
threads read, a few should decode. Who reads alone decodes little by itself, and has much decoded side by side.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from cctrawl.settings import usable_cores

T = TypeVar("T")

LARGE_BYTES: Final = 256 * 2**10  # to decode less takes hardly longer than to hand it to another thread


class Decoders:
    """Threads, one a usable core, that are made when they are needed; safe for threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(usable_cores(), "decode")
        self._lock = threading.Lock()
        self._readers = 0

    @contextmanager
    def used_by(self, readers: int) -> Iterator[None]:
        """Tell that so many more threads will have something to decode, while the context lasts."""
        with self._lock:
            self._readers += readers
        try:
            yield
        finally:
            with self._lock:
                self._readers -= readers

    def begin(self, decode: Callable[[], T], size_bytes: int) -> Callable[[], T]:
        """Decode so many bytes, now or by another thread; what is returned waits for what comes out, or its error.

        Raises:
            CctrawlError: what ``decode`` raises, if it is called at once.
        """
        if size_bytes >= LARGE_BYTES or self._readers > 1:
            return self._pool.submit(decode).result
        decoded = decode()
        return lambda: decoded

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
