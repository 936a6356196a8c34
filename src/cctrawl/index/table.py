"""The row-group table: the seed's eight columns, the kind of statistics, and bounds of other columns on demand."""

from __future__ import annotations

from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from cctrawl.index.bounds import text_bounds
from cctrawl.index.columns import arrow_types, chosen_columns, decoded_bounds, hold_columns
from cctrawl.index.holdings import held_selection, open_held
from cctrawl.store import IndexFile, Selection, all_row_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from cctrawl.settings import Settings

COLUMNS = (
    "path",
    "crawl",
    "subset",
    "row_group",
    "num_rows",
    "byte_size",
    "min_url_surtkey",
    "max_url_surtkey",
    "statistics",
)
_NUMBERS = ("row_group", "num_rows", "byte_size")
_REPEATED = ("path", "crawl", "subset", "statistics")
_BATCH_ROWS = 16_384


def row_groups(
    *,
    crawls: str | Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    subset: str = "warc",
    settings: Settings | None = None,
) -> pa.Table:
    """Return the row-group table of what is held as an Arrow table; nothing is asked of the network.

    Its columns are ``path``, ``crawl``, ``subset``, ``row_group`` (from 0), ``num_rows``, ``byte_size`` (bytes, not
    compressed), ``min_url_surtkey`` and ``max_url_surtkey`` (bounds, perhaps cut short: no values), ``statistics``,
    and ``min_X`` and ``max_X`` of each further column X, of X's type. ``statistics`` is the kind of the bounds:
    ``ordered``, ``signed`` (in the order of signed bytes: do not compare them as text), ``computed`` or ``absent``.
    A bound that is null is unknown: the row group may hold anything. Newest crawl first, then by path and number.

    Args:
        crawls: a crawl expression, or several, among the held crawls; ``None`` for all that are held.
        columns: names of further columns, or ``all``. Their bounds are decoded from the held footers when they are
            first asked for (some milliseconds a file), and kept. Imported files have none.
        subset: ``warc``, ``robotstxt``, ``crawldiagnostics`` or ``all``.
        settings: the settings in force if not given.

    Raises:
        InvalidInputError: no such subset or column.
        NotFoundError: nothing is held, or not a crawl that is named.
        CctrawlError: the index cannot be read, or written.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to load

    with open_held(settings) as index:
        table = RowGroupTable(index, held_selection(index, crawls, subset), columns or ())
        return pa.Table.from_batches(table.batches(), table.schema())


class RowGroupTable:
    """The row groups of a selection with the bounds of some columns.

    Args:
        index: the index; it must stay open, and shows the table as it is now, whatever others change.
        selection: the files.
        columns: names of further columns, or ``all``; what is lacking of their bounds is decoded now.

    Attributes:
        names: of the table's columns.

    Raises:
        InvalidInputError: no such column.
        CctrawlError: the index cannot be read, or written.
    """

    def __init__(self, index: IndexFile, selection: Selection, columns: str | Sequence[str] = ()) -> None:
        self._index = index
        self._selection = selection
        self._columns = chosen_columns(index, selection, columns)
        hold_columns(index, selection, self._columns)
        self.names = (*COLUMNS, *(f"{side}_{name}" for name in self._columns for side in ("min", "max")))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows, newest crawl first, then by path and number; lazy, memory holds a crawl at most."""
        for file, groups in groupby(all_row_groups(self._index, self._selection), attrgetter("file")):
            known = decoded_bounds(self._index, file) if self._columns else {}
            for row in groups:
                kind, low, high = text_bounds(row)
                more = [bound for name in self._columns for bound in known.get((name, row.row_group), (None, None))]
                yield (*row[:6], low, high, kind, *more)

    def schema(self) -> pa.Schema:
        """Return the table's Arrow schema; loads pyarrow."""
        import pyarrow as pa  # noqa: PLC0415 - slow to load

        text, repeated = pa.string(), pa.dictionary(pa.int32(), pa.string())
        types = {
            name: pa.int64() if name in _NUMBERS else repeated if name in _REPEATED else text for name in COLUMNS
        }
        for name, type_ in arrow_types(self._index, self._selection, self._columns).items():
            types |= {f"min_{name}": type_, f"max_{name}": type_}
        return pa.schema(list(types.items()))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches of the schema; lazy; loads pyarrow."""
        import pyarrow as pa  # noqa: PLC0415 - slow to load

        schema = self.schema()
        rows = self.rows()
        while batch := list(islice(rows, _BATCH_ROWS)):
            arrays = [
                _array(values, field.type) for values, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            yield pa.record_batch(arrays, schema=schema)


def _array(values: Iterable[Any], type_: pa.DataType) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - loaded by the caller already

    if pa.types.is_dictionary(type_):
        return pa.array(values, pa.string()).dictionary_encode()
    if pa.types.is_string(type_):  # of columns whose types have nothing else in common
        values = [value if value is None or isinstance(value, str) else str(value) for value in values]
    return pa.array(values, type_)
