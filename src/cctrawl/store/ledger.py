"""A run's ledger file: its inputs, what became of each, and where their rows lie. `runs.ledger` gives it meaning.

One row per input, by its position in the input list:

========== ==========================================================================================
state      means
========== ==========================================================================================
waiting    not done (or being worked on: a run that dies leaves nothing to undo)
staged     its rows are durable in a part beside the ledger
placed     its rows are in the output: bytes ``[start, start + length)`` of a file, or a part of a folder
failed     quarantined, with the reason
========== ==========================================================================================
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cctrawl.errors import FormatError, TransportError
from cctrawl.store.database import open_database, storable

WAITING, STAGED, PLACED, FAILED = "waiting", "staged", "placed", "failed"

_VERSION = 1
_SCHEMA = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE inputs (
        position INTEGER PRIMARY KEY,
        location TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        part TEXT,              -- file name of the staged part; its URL, if a worker has uploaded it
        start INTEGER,          -- first byte of its rows in a single text file; in a folder of Parquet the size of
                                -- the part once its types are the run's
        length INTEGER,         -- bytes of its rows; of its part, until its types are the run's
        rows INTEGER NOT NULL DEFAULT 0,
        records INTEGER NOT NULL DEFAULT 0,
        source_bytes INTEGER NOT NULL DEFAULT 0,
        damaged INTEGER NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL DEFAULT 0,
        tallies TEXT,           -- JSON: what the job counted
        error TEXT              -- why it failed
    )""",
    "CREATE INDEX by_state ON inputs (state, position)",
    """CREATE TABLE damages (
        position INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        skipped_bytes INTEGER NOT NULL,
        reason TEXT NOT NULL
    )""",
)


@dataclass(frozen=True, slots=True)  # there may be many
class InputRow:
    """One input of a run, as the ledger has it. Field names are the column names."""

    position: int
    location: str
    state: str
    part: str | None
    start: int | None
    length: int | None
    rows: int
    records: int
    source_bytes: int
    damaged: int
    tries: int
    tallies: str | None
    error: str | None


_COLUMNS = ", ".join(InputRow.__dataclass_fields__)


@dataclass(frozen=True)
class Totals:
    """Sums over the inputs that are staged or placed, and how many there are of each state."""

    waiting: int
    staged: int
    placed: int
    failed: int
    rows: int
    records: int
    source_bytes: int
    damaged: int

    @property
    def inputs(self) -> int:
        """All inputs."""
        return self.waiting + self.done + self.failed

    @property
    def done(self) -> int:
        """The inputs whose rows are durable."""
        return self.staged + self.placed


class LedgerFile:
    """A ledger on disk. Make changes within a `transaction`; they are durable when it ends.

    Args:
        path: the SQLite file; made if it is missing.

    Raises:
        FormatError: the file is no ledger, or damaged. Every method that reads raises it, too.
        CctrawlError: another version of cctrawl wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._database = open_database(path, schema=_SCHEMA, version=_VERSION)
        except FormatError as error:
            raise self._unreadable(error) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes within all or not at all, and durable together.

        Raises:
            TransportError: the disk refuses.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except BaseException as error:
            if self._database.in_transaction:
                with suppress(sqlite3.Error):  # what went wrong first is told
                    self._database.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise TransportError(f"the ledger {self.path} cannot be written: {error}") from error
            raise

    def check(self) -> None:
        """Read the whole file.

        Raises:
            FormatError: a part of it cannot be read, or contradicts another one.
        """
        for (found,) in self._read("PRAGMA quick_check"):
            if found != "ok":
                raise self._unreadable(found)

    def _read(self, query: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        try:
            yield from self._database.execute(query, parameters)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, why: object) -> FormatError:
        return FormatError(
            f"the ledger {self.path} cannot be read: {why}",
            hint="is the disk sound? Begin anew with --restart (the run's rows are dropped), or give another -o",
        )

    def fact(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return a fact of the run, or ``None``."""
        found = list(self._read("SELECT value FROM facts WHERE name = ?", (name,)))
        return json.loads(found[0][0]) if found else None

    def set_fact(self, name: str, value: object) -> None:
        """Keep a fact of the run: anything JSON can hold."""
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    def add_inputs(self, locations: Iterable[str]) -> None:
        """Add the inputs of the run, in order, from position 0."""
        self._database.executemany("INSERT INTO inputs (position, location) VALUES (?, ?)", enumerate(locations))

    def inputs(self, *states: str, start: int = 0) -> Iterator[InputRow]:
        """Yield the inputs in any of the states (all, if none is named) from a position on, in order, lazily."""
        after = start - 1
        marks = ", ".join("?" * len(states))
        condition = f"state IN ({marks}) AND" if states else ""
        query = f"SELECT {_COLUMNS} FROM inputs WHERE {condition} position > ? ORDER BY position LIMIT 1000"  # noqa: S608 - constants
        while batch := list(self._read(query, (*states, after))):
            for row in batch:
                yield InputRow(*row)
            after = batch[-1][0]

    def input(self, position: int) -> InputRow:
        """Return the input at a position of the list."""
        query = f"SELECT {_COLUMNS} FROM inputs WHERE position = ?"  # noqa: S608 - constants
        (found,) = self._read(query, (position,))
        return InputRow(*found)

    def last_position(self, state: str) -> int:
        """Return the last position of an input in this state, -1 if there is none."""
        query = "SELECT max(position) FROM inputs WHERE state = ?"
        ((last,),) = self._read(query, (state,))
        return -1 if last is None else int(last)

    def update(self, position: int, **values: object) -> None:
        """Set columns of one input."""
        assignments = ", ".join(f"{name} = ?" for name in values)
        self._database.execute(
            f"UPDATE inputs SET {assignments} WHERE position = ?",  # noqa: S608 - our own column names
            (*map(storable, values.values()), position),
        )

    def release_failed(self) -> int:
        """Make every quarantined input wait again; return how many."""
        cursor = self._database.execute(
            "UPDATE inputs SET state = 'waiting', error = NULL, tries = 0 WHERE state = 'failed'"
        )
        return cursor.rowcount

    def set_damages(self, position: int, damages: Iterable[tuple[int, int, str]]) -> None:
        """Keep the damage found in one input as ``(offset, skipped_bytes, reason)``, in place of what was kept."""
        self._database.execute("DELETE FROM damages WHERE position = ?", (position,))
        self._database.executemany(
            "INSERT INTO damages VALUES (?, ?, ?, ?)",
            ((position, offset, skipped, storable(reason)) for offset, skipped, reason in damages),
        )

    def damages(self) -> Iterator[tuple[str, int, int, str]]:
        """Yield ``(location, offset, skipped_bytes, reason)`` of all damage, by position and offset."""
        yield from self._read(
            "SELECT location, offset, skipped_bytes, reason FROM damages JOIN inputs USING (position)"
            " ORDER BY position, offset"
        )

    def tallies(self) -> dict[str, int]:
        """Return what the job counted, summed over the inputs that are done, by name."""
        summed: dict[str, int] = {}
        query = "SELECT tallies FROM inputs WHERE tallies IS NOT NULL AND state IN ('staged', 'placed')"
        for (text,) in self._read(query):
            for name, number in json.loads(text).items():
                summed[name] = summed.get(name, 0) + number
        return dict(sorted(summed.items()))

    def totals(self) -> Totals:
        """Return the sums over all inputs."""
        counts = dict(self._read("SELECT state, count(*) FROM inputs GROUP BY state"))
        (sums,) = self._read(
            "SELECT total(rows), total(records), total(source_bytes), total(damaged) FROM inputs"
            " WHERE state IN ('staged', 'placed')"
        )
        states = (counts.get(state, 0) for state in (WAITING, STAGED, PLACED, FAILED))
        return Totals(*states, *(int(value) for value in sums))
