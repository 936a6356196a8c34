"""Cached listings: the bytes of small files that rarely change, by location, with the time they were fetched."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.store.database import named_errors, open_database

if TYPE_CHECKING:
    import os
    from types import TracebackType

_VERSION = 1
_SCHEMA = (
    "CREATE TABLE listing (location TEXT PRIMARY KEY, fetched_at REAL NOT NULL, data BLOB NOT NULL) WITHOUT ROWID",
)


class CachedListing(NamedTuple):
    """A listing as it was fetched: its bytes, and when, in seconds since the epoch."""

    data: bytes
    fetched_at: float


class ListingCache:
    """The listings held in ``listings.sqlite`` of a data folder; safe for threads and processes; a context manager.

    Args:
        data_dir: the data folder; made if it is not there.

    Raises:
        InvalidInputError: the folder cannot be written.
        FormatError: the file is damaged.
    """

    def __init__(self, data_dir: str | os.PathLike[str]) -> None:
        self._lock = threading.Lock()
        # A lost listing is fetched again, so it is not worth an fsync.
        self._path = Path(data_dir) / "listings.sqlite"
        self._connection = open_database(self._path, schema=_SCHEMA, version=_VERSION, durable=False)

    def get(self, location: str) -> CachedListing | None:
        """Return what is held of a location, however old, or ``None``.

        Raises:
            CctrawlError: the file cannot be read.
        """
        query = "SELECT data, fetched_at FROM listing WHERE location = ?"
        with self._lock, named_errors(f"the cached listings {self._path}"):
            row = self._connection.execute(query, (location,)).fetchone()
        return None if row is None else CachedListing(bytes(row[0]), float(row[1]))

    def put(self, location: str, data: bytes, fetched_at: float) -> None:
        """Hold the bytes of a location; they replace those held before.

        Raises:
            CctrawlError: the file cannot be written, for example on a full disk.
        """
        statement = "INSERT OR REPLACE INTO listing (location, fetched_at, data) VALUES (?, ?, ?)"
        with self._lock, named_errors(f"the cached listings {self._path}"):
            self._connection.execute(statement, (location, fetched_at, data))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> ListingCache:  # noqa: PYI034 - Self needs Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
