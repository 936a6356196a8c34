"""What every kind of output does, and when."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cctrawl.errors import InvalidInputError
from cctrawl.runs.ledger import RunFolder
from cctrawl.store import STAGED, InputRow
from cctrawl.transport import sync_folder


@dataclass(frozen=True)
class DonePart:
    """The part of an input that is done.

    Attributes:
        position: the input.
        name: the part's file name among the staged ones, or where its worker has uploaded it: ``s3://…``.
        values: what else the ledger keeps of the input.
        damages: the damaged places found in it: ``(offset, skipped_bytes, reason)``.
    """

    position: int
    name: str
    values: Mapping[str, object]
    damages: Sequence[tuple[int, int, str]] = ()


class Output(ABC):
    """Where the rows of a run go.

    Args:
        folder: the run's folder: its ledger and its staged parts.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._ledger = folder.ledger

    def accept(self, parts: Sequence[DonePart]) -> None:
        """Enter inputs as done, all or none: their parts are durable, their names are made so here.

        Raises:
            OSError: the disk refuses.
        """
        sync_folder(self._folder.staged)
        with self._ledger.transaction():
            for part in parts:
                self._ledger.update(part.position, state=STAGED, part=part.name, **part.values)
                self._ledger.set_damages(part.position, part.damages)

    @abstractmethod
    def recover(self) -> None:
        """Bring disk and ledger together, whatever the last command died of.

        Raises:
            InvalidInputError: rows that the ledger has as placed are gone.
        """

    @abstractmethod
    def advance(self) -> None:
        """Place what can be placed now."""

    @abstractmethod
    def finish(self) -> None:
        """Give the output its name: every input is done or quarantined."""

    def results(self) -> Iterator[IO[bytes]]:
        """Open the finished files in list order, one after the other; whoever takes one closes it."""
        return iter(())

    def close(self) -> None:  # noqa: B027 - most outputs hold no file open
        """Let go of open files, finished or not."""

    def _see_parts(self) -> None:
        for row in self._ledger.inputs(STAGED):
            if not self._part(row).is_file():
                raise vanished(self._part(row))

    def _columns(self) -> list[str] | None:
        columns: list[str] | None = self._ledger.fact("columns")
        return columns

    def _part(self, row: InputRow) -> Path:
        assert row.part is not None  # noqa: S101 - staged inputs have one
        return self._folder.staged / row.part

    def _drop_parts(self, rows: list[InputRow]) -> None:
        for row in rows:
            self._part(row).unlink(missing_ok=True)


def vanished(path: Path | str) -> InvalidInputError:
    """Return the error for rows that somebody took away under the ledger."""
    return InvalidInputError(
        f"{path} is gone or was changed, but the ledger has its rows",
        hint="put it back, or begin anew with --restart",
    )
