"""Locks between processes, held by the kernel: they end with the process that took them, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from cctrawl.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

_TRIES = 20
_PAUSE_S = 0.05


def take_lock(path: Path, what: str, hint: str) -> IO[bytes]:
    """Take a lock and return its file: who closes it lets go. Patient for a second.

    Args:
        path: the lock's file; made if it is missing, in a folder that is there.
        what: what the owner is doing, for the refusal: ``works on this output``.
        hint: what to do when it is taken.

    Raises:
        InvalidInputError: another process holds it.
        OSError: the file cannot be written.
    """
    file = path.open("ab+", buffering=0)  # a full disk is to be met here, not when it is closed
    try:
        _take(file, what, hint)
        file.truncate(0)
        file.write(str(os.getpid()).encode("ascii"))
    except BaseException:
        file.close()
        raise
    return file


def is_locked(path: Path) -> bool:
    """Tell whether a process holds the lock of this file."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _take(file: IO[bytes], what: str, hint: str) -> None:
    """Take the lock, with patience for a second.

    `is_locked` holds it for an instant, and so may a worker that was being born when its driver was killed.
    """
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE_S)
    file.seek(0)
    owner = file.read().decode("ascii", "replace") or "unknown"
    raise InvalidInputError(f"another cctrawl (process {owner}) {what}", hint=hint)
