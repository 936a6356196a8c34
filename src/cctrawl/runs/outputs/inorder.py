"""Outputs that grow in the order of the input list: stdout, and one CSV or JSON lines file."""

from __future__ import annotations

import codecs
import os
import sys
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from cctrawl.output import copy_bytes, header_bytes
from cctrawl.runs.ledger import RunFolder
from cctrawl.runs.outputs.output import Output, vanished
from cctrawl.store import FAILED, PLACED, STAGED, InputRow
from cctrawl.transport import sync_folder


class _InOrder(Output):
    """Rows are appended in the order of the input list; parts that are early wait."""

    _at_once = 64  # parts appended between two fsyncs

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder)
        # An input before this one that is done only now (--retry-failed) is late: its place has been passed.
        self._next = 1 + self._ledger.last_position(PLACED)
        self._inputs = self._ledger.totals().inputs

    def advance(self) -> None:
        """Append the parts whose turn it is."""
        while rows := self._due():
            self._append(rows)

    def _due(self) -> list[InputRow]:
        """Return the next staged inputs in list order, up to the first one that is not done."""
        rows: list[InputRow] = []
        while self._next < self._inputs and len(rows) < self._at_once:
            row = self._ledger.input(self._next)
            if row.state == STAGED:
                rows.append(row)
            elif row.state not in (PLACED, FAILED):
                break
            self._next += 1
        return rows

    @abstractmethod
    def _append(self, rows: list[InputRow]) -> None: ...


class Stdout(_InOrder):
    """Rows go to stdout as their turn comes; there is nothing to resume."""

    def __init__(self, folder: RunFolder, format: str) -> None:  # noqa: A002 - the option's name everywhere
        super().__init__(folder)
        self._format = format
        self._begun = False
        self._stdout = sys.stdout.buffer if hasattr(sys.stdout, "buffer") else cast("IO[bytes]", _AsText())

    def recover(self) -> None:
        """Nothing to bring together: the ledger is as new as the command."""

    def finish(self) -> None:
        """Write the column names, if there was no row to write them before."""
        self._begin()

    def _begin(self) -> None:
        if not self._begun and self._columns():
            self._stdout.write(header_bytes(self._format, self._columns()))
            self._begun = True

    def _append(self, rows: list[InputRow]) -> None:
        for row in rows:
            self._begin()
            with self._part(row).open("rb") as part:
                copy_bytes(part, self._stdout, row.length or 0)
        self._stdout.flush()
        with self._ledger.transaction():
            for row in rows:
                self._ledger.update(row.position, state=PLACED)
        self._drop_parts(rows)


class _AsText:
    """Writes bytes to a stdout that takes text, as notebooks have; half a character waits for its other half."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: bytes) -> None:
        sys.stdout.write(self._decoder.decode(data))

    def flush(self) -> None:
        sys.stdout.flush()


class TextFile(_InOrder):
    """One CSV or JSON lines file. It grows as ``NAME.part`` and gets its name at the end.

    The ledger knows how many bytes of ``NAME.part`` count, and where the rows of each input lie. Inputs that were
    quarantined and are done later get their place in list order: the file is then written anew from its own rows
    and the new parts (`_rebuild`).
    """

    def __init__(self, folder: RunFolder, path: Path, format: str) -> None:  # noqa: A002 - the option's name
        super().__init__(folder)
        self._path = path
        self._growing = path.with_name(path.name + ".part")
        self._format = format
        self._file: IO[bytes] | None = None

    def recover(self) -> None:
        """Cut off what was appended but never entered, and finish a change of names that was under way."""
        self._finish_rename()
        self._see_parts()
        if self._ledger.fact("finished"):
            if not self._path.is_file() or self._path.stat().st_size != self._counted():
                raise vanished(self._path)
            return
        if self._counted():
            if not self._growing.is_file() or self._growing.stat().st_size < self._counted():
                raise vanished(self._growing)
            os.truncate(self._growing, self._counted())
        self.advance()

    def advance(self) -> None:
        """Append the parts whose turn it is; in a file that has its name already, they wait for `finish`."""
        if not self._ledger.fact("finished"):
            super().advance()

    def finish(self) -> None:
        """Give the file its name, and late rows their place."""
        if not self._ledger.fact("finished"):
            self._rename(self._complete(), [])
        self._rebuild()

    def results(self) -> Iterator[IO[bytes]]:
        """Open the file."""
        yield self._path.open("rb")

    def close(self) -> None:
        """Close the growing file; what was not entered in the ledger does not count, so it may be lost."""
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError):  # a full disk refuses the last flush too
                file.close()

    def _complete(self) -> int:
        with self._appending() as file:
            self._file = None
            if not self._counted():
                file.write(header_bytes(self._format, self._columns()))
            file.flush()
            os.fsync(file.fileno())
            return file.tell()

    def _counted(self) -> int:
        return int(self._ledger.fact("output_bytes") or 0)

    def _appending(self) -> IO[bytes]:
        if self._file is None:
            self._file = self._growing.open("r+b" if self._growing.exists() else "w+b")
            self._file.seek(self._counted())
            self._file.truncate()
        return self._file

    def _append(self, rows: list[InputRow]) -> None:
        if not self._growing.exists() and self._counted():
            raise vanished(self._growing)
        file = self._appending()
        if not self._counted():
            file.write(header_bytes(self._format, self._columns()))
        starts = []
        for row in rows:
            starts.append(file.tell())
            with self._part(row).open("rb") as part:
                copy_bytes(part, file, row.length or 0)
        file.flush()
        os.fsync(file.fileno())
        with self._ledger.transaction():
            self._ledger.set_fact("output_bytes", file.tell())
            for row, start in zip(rows, starts, strict=True):
                self._ledger.update(row.position, state=PLACED, start=start)
        self._drop_parts(rows)

    def _rebuild(self) -> None:
        staged = list(self._ledger.inputs(STAGED))
        if not staged:
            return
        starts: list[tuple[int, int]] = []
        with self._path.open("rb") as old, self._growing.open("wb") as new:
            new.write(header_bytes(self._format, self._columns()))
            for row in self._ledger.inputs(PLACED, STAGED):
                starts.append((row.position, new.tell()))
                if row.state == PLACED:
                    old.seek(row.start or 0)
                    copy_bytes(old, new, row.length or 0)
                else:
                    with self._part(row).open("rb") as part:
                        copy_bytes(part, new, row.length or 0)
            new.flush()
            os.fsync(new.fileno())
            size = new.tell()
        self._rename(size, starts)
        self._drop_parts(staged)

    def _rename(self, size: int, starts: list[tuple[int, int]]) -> None:
        """Give ``NAME.part`` its name; the ledger says so first, so that a death in between can be finished."""
        sync_folder(self._path.parent)
        with self._ledger.transaction():
            self._ledger.set_fact("renaming", True)
            self._ledger.set_fact("output_bytes", size)
            for position, start in starts:
                self._ledger.update(position, state=PLACED, start=start)
        self._finish_rename()

    def _finish_rename(self) -> None:
        if not self._ledger.fact("renaming"):
            return
        if self._growing.exists():
            self._growing.replace(self._path)
            sync_folder(self._path.parent)
        with self._ledger.transaction():
            self._ledger.set_fact("renaming", False)
            self._ledger.set_fact("finished", True)
