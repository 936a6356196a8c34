"""The stretch of the source that is in memory: a window that moves forward over ``read(n)``.

Positions are absolute byte offsets in the source; ``buf[0]`` is byte ``base``.
"""

from __future__ import annotations

import functools
from typing import Protocol

_KEPT_BYTES = 8 << 20


class Readable(Protocol):
    """Anything with ``read(n)``: a file, an HTTP response, a ``cctrawl.transport.Stream``."""

    def read(self, length: int, /) -> bytes:
        """Return 1 to ``length`` bytes, or ``b""`` at the end."""


@functools.cache
def keep_memory() -> None:
    """Have glibc keep blocks of a few MiB that are freed; otherwise each chunk's pages come from the kernel anew.

    It learns that from the largest block that was mapped and freed (mallopt(3), M_MMAP_THRESHOLD): this one, whose
    pages are never touched. Halves the time for plain files. No effect with other allocators.
    """
    bytes(_KEPT_BYTES)


class Window:
    """The bytes ``[base, stop)`` of a source.

    Args:
        source: read sequentially, never sought.
        chunk_bytes: how much ``extend`` adds.
    """

    __slots__ = ("_chunk_bytes", "_source", "_tail", "base", "buf", "ended")

    def __init__(self, source: Readable, chunk_bytes: int) -> None:
        keep_memory()
        self._source = source
        self._chunk_bytes = chunk_bytes
        self._tail = b""  # what stood before ``buf`` and is still wanted
        self.buf = b""
        self.base = 0
        self.ended = False

    @property
    def stop(self) -> int:
        """The offset behind the last byte in memory: how much of the source has been read."""
        return self.base + len(self.buf)

    def extend(self, keep_from: int, least_bytes: int = 0) -> bool:
        """Drop what lies before offset ``keep_from`` and read ``chunk_bytes`` more, at least ``least_bytes``.

        Short reads are gathered, so that a source that gives a few bytes at a time does not make the readers
        begin over and over.

        Returns:
            False when nothing was left to read; then nothing is dropped either.
        """
        pieces: list[bytes] = []
        missing = max(self._chunk_bytes, least_bytes)
        while missing > 0 and not self.ended:
            piece = self._source.read(missing)
            if not piece:
                self.ended = True
                break
            pieces.append(piece)
            missing -= len(piece)
        if not pieces:
            return False
        kept = self.buf[max(0, keep_from - self.base) :]
        self.base += len(self.buf) - len(kept)
        self.buf = b"".join((kept, *pieces)) if kept or len(pieces) > 1 else bytes(pieces[0])
        return True

    def bridge(self, keep_from: int, missing_bytes: int) -> bytes:
        """Read ``chunk_bytes`` more; return what was held from ``keep_from`` on and ``missing_bytes`` behind that.

        Spares the copy of a whole chunk that joining the two would be: afterwards the window begins where the old
        one ended. If less than ``missing_bytes`` is left to read, it holds everything from ``keep_from`` on.
        """
        tail = self.buf[keep_from - self.base :]
        if not self.extend(self.stop, missing_bytes):
            return tail
        self._tail = tail
        if len(self.buf) < missing_bytes:
            self.reach_back(keep_from)
            return self.buf
        return tail + self.buf[:missing_bytes]

    def reach_back(self, offset: int) -> None:
        """Hold what stands from ``offset`` on again, if ``bridge`` had moved on from there."""
        if offset < self.base:
            self.buf = self._tail + self.buf
            self.base -= len(self._tail)
            self._tail = b""
