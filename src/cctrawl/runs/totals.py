"""Totals: the columns that a job declares as ``sums``, added up over all inputs, grouped by the other columns.

They are made of the finished output, which holds each input's rows once; so they count everything once, too, and
can be made again at any time. Memory is bounded (`output.groups`), however many groups there are.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cctrawl.output import GroupedSums, read_rows, text_value, write_file
from cctrawl.runs.ledger import RunFolder
from cctrawl.runs.outputs import Sibling

_FACT = "totals"


class Totals:
    """The totals of a run.

    Args:
        folder: the run's folder and ledger.
        place: where they go.
        format: the format of the output and of the totals.
        columns: the job's columns.
        sums: those that are added up.
    """

    def __init__(
        self,
        folder: RunFolder,
        place: Sibling,
        format: str,  # noqa: A002 - the option's name everywhere
        columns: Sequence[str],
        sums: Sequence[str],
    ) -> None:
        self._folder = folder
        self._ledger = folder.ledger
        self._place = place
        self._format = format
        self._columns = tuple(columns)
        self._summed = [self._columns.index(name) for name in sums]
        self._grouped = [at for at in range(len(self._columns)) if at not in self._summed]

    @property
    def are_made(self) -> bool:
        """Whether they are there and hold all inputs that are done by now."""
        return bool(self._ledger.fact(_FACT) == self._ledger.totals().done and self._place.exists())

    def make(self, results: Iterator[IO[bytes]]) -> None:
        """Add up the rows of the finished files; the totals have their name only when they are whole.

        Args:
            results: the files, open for reading, one after the other in list order; closed here.

        Raises:
            JobError: a sum that the format cannot hold.
            OSError: the disk refuses.
        """
        growing = self._folder.path / "totals.part"
        with self._scratch() as scratch:
            groups = GroupedSums(scratch)
            for file in results:
                with file:
                    self._add(groups, read_rows(file, self._format))
            write_file(growing, self._format, self._columns, map(self._row, groups.rows()))
        self._place.take(growing)
        with self._ledger.transaction():
            self._ledger.set_fact(_FACT, self._ledger.totals().done)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Give an empty folder, whatever an earlier command left there; it goes again."""
        scratch = self._folder.path / "sums"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _add(self, groups: GroupedSums, rows: Iterator[tuple[Any, ...]]) -> None:
        number = _number if self._format == "csv" else _itself
        for row in rows:
            key = tuple(_key_value(row[at]) for at in self._grouped)
            groups.add(key, [number(row[at]) for at in self._summed])

    def _row(self, group: tuple[tuple[Any, ...], list[Any]]) -> tuple[Any, ...]:
        values = dict(zip((*self._grouped, *self._summed), (*group[0], *group[1]), strict=True))
        return tuple(values[at] for at in range(len(self._columns)))


def has_totals(folder: RunFolder) -> bool:
    """Tell whether a run has made totals."""
    return folder.ledger.fact(_FACT) is not None


def _key_value(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    if isinstance(value, (list, dict)):
        return text_value(value)
    return None if value != value else value  # noqa: PLR0124 - NaN, which is no key: it does not equal itself


def _number(text: str) -> int | float | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def _itself(value: Any) -> Any:  # noqa: ANN401 - a number or None, as the writer has seen to
    return value
