"""The columns of a run, and for Parquet their types: one set for all inputs."""

from __future__ import annotations

from cctrawl.errors import JobError
from cctrawl.output import PartSummary
from cctrawl.store import LedgerFile


class RunColumns:
    """The columns that all parts of a run share, kept in its ledger.

    Args:
        ledger: the run's ledger.

    Attributes:
        names: the column names; ``None`` until a declaration or a part with rows has told them.
    """

    def __init__(self, ledger: LedgerFile) -> None:
        self._ledger = ledger
        names = ledger.fact("columns")
        self.names: tuple[str, ...] | None = None if names is None else tuple(names)

    def settle(self, part: PartSummary) -> None:
        """Hold a part against the run's columns; the first one with names decides them, types widen.

        Raises:
            JobError: the part has other columns, or a type that does not go with those of other parts.
        """
        if part.columns is None:
            return
        if self.names is None:
            self.names = part.columns
            with self._ledger.transaction():
                self._ledger.set_fact("columns", part.columns)
        if part.columns != self.names:
            raise JobError(
                f"its columns {part.columns} are not the run's {self.names}",
                hint='declare the columns of the job: @cctrawl.job("first", "second")',
            )
        if part.schema:
            self._settle_types(part.schema)

    def _settle_types(self, schema: bytes) -> None:
        from cctrawl.output import parquet  # noqa: PLC0415 - pyarrow only for Parquet

        held = self._ledger.fact("schema")
        if held != schema.hex():
            schemas = [parquet.deserialized(bytes.fromhex(held))] if held else []
            both = parquet.unify([*schemas, parquet.deserialized(schema)])
            with self._ledger.transaction():
                self._ledger.set_fact("schema", parquet.serialized(both).hex())
