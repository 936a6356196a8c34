"""The history of runs: one row per output, so that `cctrawl runs` can say what there was and how to go on."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from cctrawl.store.database import named_errors, open_database, storable

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from typing_extensions import Self


@dataclass(frozen=True)
class HistoryRow:
    """What was entered of a run last. Times are seconds since the epoch.

    Attributes:
        output: where its rows go: an absolute path or a URL.
        folder: the folder of its ledger.
        job: the job's name.
        state: how it ended, or ``running``.
        inputs: its inputs.
        done: inputs whose rows are durable.
        failed: quarantined inputs.
        rows: rows of the inputs that are done.
        began_at: when it began.
        updated_at: when this was entered.
        working_folder: where its command was given.
        command: the command, as a shell takes it; empty for a run from Python.
    """

    output: str
    folder: str
    job: str
    state: str
    inputs: int
    done: int
    failed: int
    rows: int
    began_at: float
    updated_at: float
    working_folder: str
    command: str


_VERSION = 1
_COLUMNS = [field.name for field in fields(HistoryRow)]
_SCHEMA = [f"CREATE TABLE run (output PRIMARY KEY, {', '.join(_COLUMNS[1:])}) WITHOUT ROWID"]
_WRITE = f"REPLACE INTO run VALUES (?{', ?' * (len(_COLUMNS) - 1)})"  # noqa: S608 - our own column names
_READ = f"SELECT {', '.join(_COLUMNS)} FROM run"  # noqa: S608 - our own column names


class HistoryFile:
    """The history in ``runs.sqlite`` of a data folder; a context manager. Safe for processes, not for threads.

    Args:
        data_dir: the data folder; made if it is not there.

    Raises:
        InvalidInputError: the folder cannot be written.
        FormatError: the file is damaged.
    """

    def __init__(self, data_dir: str | os.PathLike[str]) -> None:
        self.path = Path(data_dir) / "runs.sqlite"
        # A lost row costs a look at the output: it is not worth an fsync.
        self._connection = open_database(self.path, schema=_SCHEMA, version=_VERSION, durable=False)

    def put(self, row: HistoryRow) -> None:
        """Enter a run, in place of what was entered of this output before.

        Raises:
            CctrawlError: the file cannot be written.
        """
        with named_errors(f"the history of runs {self.path}"):
            self._connection.execute(_WRITE, [storable(value) for value in astuple(row)])

    def get(self, output: str) -> HistoryRow | None:
        """Return what was entered of an output last.

        Raises:
            CctrawlError: the file cannot be read.
        """
        with named_errors(f"the history of runs {self.path}"):
            found = self._connection.execute(f"{_READ} WHERE output = ?", (output,)).fetchone()
        return HistoryRow(*found) if found else None

    def rows(self) -> list[HistoryRow]:
        """Return all runs, the one entered last first.

        Raises:
            CctrawlError: the file cannot be read.
        """
        with named_errors(f"the history of runs {self.path}"):
            found = self._connection.execute(f"{_READ} ORDER BY updated_at DESC, output").fetchall()
        return [HistoryRow(*values) for values in found]

    def forget(self, output: str) -> None:
        """Drop what was entered of an output.

        Raises:
            CctrawlError: the file cannot be written.
        """
        with named_errors(f"the history of runs {self.path}"):
            self._connection.execute("DELETE FROM run WHERE output = ?", (output,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
