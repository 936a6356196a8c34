"""The stretch of the source that is in memory: a window that moves forward over ``read(n)``.

Positions are absolute byte offsets in the source; ``buf[0]`` is byte ``base``.
"""

from __future__ import annotations

from typing import Protocol


class Readable(Protocol):
    """Anything with ``read(n)``: a file, an HTTP response, a ``cctrawl.transport.Stream``."""

    def read(self, length: int, /) -> bytes:
        """Return 1 to ``length`` bytes, or ``b""`` at the end."""


class Window:
    """The bytes ``[base, stop)`` of a source.

    Args:
        source: read sequentially, never sought.
        chunk_bytes: how much ``extend`` adds.
    """

    __slots__ = ("_chunk_bytes", "_source", "base", "buf", "ended")

    def __init__(self, source: Readable, chunk_bytes: int) -> None:
        self._source = source
        self._chunk_bytes = chunk_bytes
        self.buf = b""
        self.base = 0
        self.ended = False

    @property
    def stop(self) -> int:
        """The offset behind the last byte in memory: how much of the source has been read."""
        return self.base + len(self.buf)

    def extend(self, keep_from: int) -> bool:
        """Drop what lies before offset ``keep_from`` and read ``chunk_bytes`` more.

        Short reads are gathered, so that a source that gives a few bytes at a time does not make the readers
        begin over and over.

        Returns:
            False when nothing was left to read; then nothing is dropped either.
        """
        pieces: list[bytes] = []
        missing = self._chunk_bytes
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
