"""A folder with one part per input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cctrawl.runs.ledger import RunFolder
from cctrawl.runs.outputs.assembled import final_schema
from cctrawl.runs.outputs.output import Output, vanished
from cctrawl.store import PLACED, STAGED, InputRow
from cctrawl.transport import sync_folder

ANY_PART = f"part-{'[0-9]' * 6}.*"


class Folder(Output):
    """A folder with one part per input, ``part-000000.csv``."""

    def __init__(self, folder: RunFolder, path: Path, format: str) -> None:  # noqa: A002 - the option's name
        super().__init__(folder)
        self._path = path
        self._format = format

    def recover(self) -> None:
        """Move parts that the ledger has as staged to their place, and see that placed ones are there."""
        for row in self._ledger.inputs(PLACED):
            if not self._is_whole(row):
                raise vanished(self._name(row))
        for row in self._ledger.inputs(STAGED):
            if not self._part(row).is_file() and not self._name(row).is_file():
                raise vanished(self._part(row))
        self.advance()

    def advance(self) -> None:
        """Move staged parts to their place."""
        rows = list(self._ledger.inputs(STAGED))
        if not rows:
            return
        for row in rows:
            if self._part(row).exists():
                self._part(row).replace(self._name(row))
        sync_folder(self._path)
        with self._ledger.transaction():
            for row in rows:
                self._ledger.update(row.position, state=PLACED)

    def finish(self) -> None:
        """Give all Parquet parts the same columns and types; text parts are as they shall be."""
        if self._format == "parquet":
            self._harmonize()
        with self._ledger.transaction():
            self._ledger.set_fact("finished", True)

    def results(self) -> Iterator[IO[bytes]]:
        """Open the parts in list order."""
        for row in self._ledger.inputs(PLACED):
            yield self._name(row).open("rb")

    def _is_whole(self, row: InputRow) -> bool:
        name = self._name(row)
        return name.is_file() and name.stat().st_size in (row.length, row.start)

    def _name(self, row: InputRow) -> Path:
        return self._path / part_name(row.position, self._format)

    def _harmonize(self) -> None:
        from cctrawl.output import parquet  # noqa: PLC0415 - pyarrow only for Parquet

        schema = final_schema(self._folder)
        for row in self._ledger.inputs(PLACED):
            name = self._name(row)
            if parquet.schema_of(name) != schema:
                growing = self._folder.staged / name.name
                parquet.join_parts([name], growing, schema)
                sizes = {"length": name.stat().st_size, "start": growing.stat().st_size}
                with self._ledger.transaction():  # first: either size is right until the part is replaced
                    self._ledger.update(row.position, **sizes)
                growing.replace(name)
        sync_folder(self._path)


def part_name(position: int, format: str) -> str:  # noqa: A002 - the option's name everywhere
    """Return the file name of an input's part: ``part-000000.csv``."""
    return f"part-{position:06}.{format}"
