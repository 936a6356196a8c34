"""The shared rate budget: one row for each host, changed by one process at a time.

What the numbers mean is the business of ``cctrawl.transport.pacing``; this module keeps them.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, TypeVar

from cctrawl.store.database import named_errors, open_database

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from contextlib import AbstractContextManager

T = TypeVar("T")

_VERSION = 3
# The budget is worth less than the trouble of another version's table: each version has a file of its own.
FILE_NAME = f"rates-{_VERSION}.sqlite"


@dataclass
class HostRate:
    """What is known about one host. Times are wall-clock seconds, 0 for never; rates are requests per second.

    Attributes:
        tokens: requests that may go at once at ``tokens_at``; negative when slots in the future are taken.
        tokens_at: when ``tokens`` was true.
        ramp_from: when the present ramp began.
        ramp_seen_at: when a ramping request last came.
        ramp_next_at: the next free slot of the ramp.
        window_from: begin of the window in which requests are being counted.
        window_count: requests counted in it.
        measured_per_s: the rate measured in the window before.
        reduced_per_s: the rate right after the last cut; 0 while there was none.
        reduced_at: when that was.
        cuts: how often that happened; a slot reserved before the last time is void.
        recover_s: seconds it takes from there to just under ``refused_per_s``.
        refused_per_s: the rate that was refused.
        cap_per_s: an upper limit after a block.
        cap_until: when it ends.
        streak_count: refusals since the last other answer.
        streak_from: when the first of them came.
        streak_per_s: the rate in force before it.
        pause_s: length of the present pause; 0 while there is none.
        pause_from: when it began.
        paused_s: lengths of all pauses before it, summed up for ever.
        probe_until: until when the one who probes has time to report.
        probes_answered: how many probes of another path than the refused were answered.
        refused_path: the path refused since the last answered probe, if it is one alone.
        refused_mixed: 1 when there were several.
        answered_at: when the last other answer came.
        known_path: a path that was answered with success.
    """

    tokens: float = 0.0
    tokens_at: float = 0.0
    ramp_from: float = 0.0
    ramp_seen_at: float = 0.0
    ramp_next_at: float = 0.0
    window_from: float = 0.0
    window_count: int = 0
    measured_per_s: float = 0.0
    reduced_per_s: float = 0.0
    reduced_at: float = 0.0
    cuts: int = 0
    recover_s: float = 0.0
    refused_per_s: float = 0.0
    cap_per_s: float = 0.0
    cap_until: float = 0.0
    streak_count: int = 0
    streak_from: float = 0.0
    streak_per_s: float = 0.0
    pause_s: float = 0.0
    pause_from: float = 0.0
    paused_s: float = 0.0
    probe_until: float = 0.0
    probes_answered: int = 0
    refused_path: str = ""
    refused_mixed: int = 0
    answered_at: float = 0.0
    known_path: str = ""


_COLUMNS = [field.name for field in fields(HostRate)]
_SCHEMA = [f"CREATE TABLE host_rate (host TEXT PRIMARY KEY, {', '.join(_COLUMNS)}) WITHOUT ROWID"]
_READ = f"SELECT {', '.join(_COLUMNS)} FROM host_rate WHERE host = ?"  # noqa: S608 - our own column names
_WRITE = f"REPLACE INTO host_rate VALUES (?{', ?' * len(_COLUMNS)})"  # noqa: S608 - our own column names


class RateBook:
    """The rows of all hosts in one SQLite file, shared by threads and processes; a death never locks it.

    Args:
        path: the file.

    Raises:
        InvalidInputError: the file cannot be used.
        FormatError: the file is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read: dict[str, tuple[float, HostRate]] = {}
        self._connection = open_database(path, schema=_SCHEMA, version=_VERSION, durable=False)

    def read(self, host: str, age_s: float = 0.0) -> HostRate:
        """Return the row of a host as it was at most ``age_s`` ago; a new one when nothing is known.

        It may be handed to several: do not alter it. Where many threads look before each request, an age
        spares them the queue for the database.
        """
        now = time.monotonic()
        read_at, row = self._read.get(host, (-math.inf, None))
        if row is not None and now - read_at < age_s:
            return row
        if row is not None:
            self._read[host] = now, row  # the others go on with it while this thread reads
        with self._lock, self._named_errors():
            row = self._row(host)
        self._read[host] = now, row
        return row

    def change(self, host: str, change: Callable[[HostRate, float], T]) -> tuple[T, HostRate]:
        """Let ``change`` alter the row of a host while nobody else can.

        Args:
            host: the host.
            change: gets the row and the time.

        Returns:
            what ``change`` returns, and the row as it is now.
        """
        with self._lock, self._named_errors():
            try:
                return self._changed(host, change)
            finally:
                self._read.pop(host, None)

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            self._connection.close()

    def _changed(self, host: str, change: Callable[[HostRate, float], T]) -> tuple[T, HostRate]:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            row = self._row(host)
            result = change(row, time.time())
            execute(_WRITE, (host, *astuple(row)))
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        return result, row

    def _row(self, host: str) -> HostRate:
        found = self._connection.execute(_READ, (host,)).fetchone()
        return HostRate(*found) if found else HostRate()

    def _named_errors(self) -> AbstractContextManager[None]:
        hint = "put --data-dir on a local disk with free space"
        return named_errors(f"the shared rate budget {self._path}", hint)
