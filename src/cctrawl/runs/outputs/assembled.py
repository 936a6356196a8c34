"""One Parquet file, put together at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from cctrawl.runs.ledger import RunFolder
from cctrawl.runs.outputs.output import Output, vanished
from cctrawl.store import PLACED, STAGED
from cctrawl.transport import sync_folder


class ParquetFile(Output):
    """One Parquet file, put together from the parts when all inputs are done or quarantined."""

    def __init__(self, folder: RunFolder, path: Path) -> None:
        super().__init__(folder)
        self._path = path

    def recover(self) -> None:
        """See that a finished file, and the parts that wait, are still there."""
        self._see_parts()
        sizes = self._ledger.fact("sizes_bytes")
        if self._ledger.fact("finished") and not (self._path.is_file() and self._path.stat().st_size in sizes):
            raise vanished(self._path)

    def advance(self) -> None:
        """Parts wait for the end."""

    def finish(self) -> None:
        """Put the parts together. They are kept while inputs are quarantined, whose rows may still come."""
        from cctrawl.output import parquet  # noqa: PLC0415 - pyarrow only for Parquet

        staged = self._ledger.totals().staged
        if staged != self._ledger.fact("joined"):
            growing = self._path.with_name(self._path.name + ".part")
            parts = (self._part(row) for row in self._ledger.inputs(STAGED))
            parquet.join_parts(parts, growing, final_schema(self._folder))
            self._expect(growing.stat().st_size)
            growing.replace(self._path)
            sync_folder(self._path.parent)
        whole = not self._ledger.totals().failed
        with self._ledger.transaction():
            self._ledger.set_fact("finished", True)
            self._ledger.set_fact("joined", 0 if whole else staged)
            self._ledger.set_fact("sizes_bytes", [self._path.stat().st_size])
            for row in self._ledger.inputs(STAGED) if whole else ():
                self._ledger.update(row.position, state=PLACED)
        self._folder.drop_orphans()

    def _expect(self, size_bytes: int) -> None:
        """Enter the size of the file to come: until it has replaced the one before, either size is right."""
        with self._ledger.transaction():
            self._ledger.set_fact("sizes_bytes", [*(self._ledger.fact("sizes_bytes") or ()), size_bytes])

    def results(self) -> Iterator[IO[bytes]]:
        """Open the file."""
        yield self._path.open("rb")


def final_schema(folder: RunFolder) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return the Arrow schema that holds the rows of all inputs done so far."""
    from cctrawl.output import parquet  # noqa: PLC0415 - pyarrow only for Parquet

    held = folder.ledger.fact("schema")
    schema = (
        parquet.deserialized(bytes.fromhex(held)) if held else parquet.schema_for(folder.ledger.fact("columns"))
    )
    return parquet.storable(schema)
