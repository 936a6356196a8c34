"""Many threads of one interpreter, kept on one core.

They run one at a time anyway, because of the interpreter's lock. Spread over cores they hand it, and with it all
that the caches hold, from core to core with every request: a harvest then takes a quarter more processor time,
and longer. ``benchmarks/one_core.py`` shows it.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def one_core() -> Iterator[None]:
    """Keep the calling thread, and those it starts meanwhile, on one of the cores it may use.

    Does nothing where the system has no such call (macOS, Windows) or refuses it, and where threads run side by
    side (Python without the global lock).
    """
    if sys.platform != "linux" or not _has_global_lock():
        yield
        return
    before = os.sched_getaffinity(0)
    core = sorted(before)[os.getpid() % len(before)]  # two processes seldom choose the same
    with suppress(OSError):
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, before)


def _has_global_lock() -> bool:
    ask = getattr(sys, "_is_gil_enabled", None)  # since Python 3.13
    return ask is None or bool(ask())
