"""Parts: how an agent sends one in pieces, and how the driver puts it together again."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import zstandard

from cctrawl.errors import FormatError

PIECE_BYTES = 256 * 2**10  # of the part, before compression
PIECES_AHEAD = 4  # of one part, on their way and not yet acknowledged
_LEVEL = 3
_LOOK_AGAIN_S = (0.05, 0.3, 1.0, 2.0)


def pieces_of(part: Path) -> Iterator[bytes]:
    """Yield a part as zstd frames, lazily.

    Raises:
        OSError: the disk refuses.
    """
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    with part.open("rb") as file:
        while data := file.read(PIECE_BYTES):
            yield compressor.compress(data)


def sha256_of(part: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        OSError: the disk refuses.
    """
    with part.open("rb") as file:
        digest = hashlib.sha256()
        while data := file.read(PIECE_BYTES):
            digest.update(data)
    return digest.hexdigest()


def see_shared(part: Path, size_bytes: int) -> None:
    """See that a part that a host wrote to a shared folder is there; a network file system may tell so late.

    Raises:
        FormatError: it is not there, or not whole.
    """
    for pause_s in _LOOK_AGAIN_S:
        if part.exists() and part.stat().st_size == size_bytes:
            return
        time.sleep(pause_s)
        sum(1 for _ in part.parent.iterdir())  # has the folder asked for anew
    raise FormatError(f"{part.name} is not whole in the shared folder")


class Credit:
    """How many pieces may be on their way: who sends takes from it, what was acknowledged goes back."""

    def __init__(self) -> None:
        self._left = threading.Semaphore(PIECES_AHEAD)
        self._is_void = False

    def take(self) -> bool:
        """Wait for room for one piece; tell whether it may be sent, for else nobody wants it any more."""
        self._left.acquire()
        return not self._is_void

    def give(self) -> None:
        """Make room for one more piece."""
        self._left.release()

    def void(self) -> None:
        """Let who waits go: the driver is gone."""
        self._is_void = True
        self._left.release()


class IncomingPart:
    """A part of which the pieces come in.

    Args:
        path: the file it becomes.

    Raises:
        OSError: the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self._decompressor = zstandard.ZstdDecompressor()
        self._next = 0

    def add(self, number: int, data: bytes) -> None:
        """Write the next piece.

        Raises:
            FormatError: it is not the next one.
            OSError: the disk refuses.
        """
        if number != self._next:
            raise FormatError(f"{self._path.name}: piece {number} came where {self._next} was due")
        self._next += 1
        rows = self._decompressor.decompress(data, max_output_size=PIECE_BYTES)
        self._digest.update(rows)
        self._file.write(rows)

    def finish(self, size_bytes: int, sha256: str) -> None:
        """Make the part durable.

        Raises:
            FormatError: it is not what was sent.
            OSError: the disk refuses.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._file.tell() != size_bytes or self._digest.hexdigest() != sha256:
            raise FormatError(f"{self._path.name} did not arrive as it was sent")
        self._file.close()

    def drop(self) -> None:
        """Forget it."""
        self._file.close()
        self._path.unlink(missing_ok=True)
