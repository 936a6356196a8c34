"""The columns of a row group as results have them, whatever the file has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.captures.columnar.limits import Limits, chunk_limits
from cctrawl.captures.columnar.rows import Runs, count
from cctrawl.captures.columns import COLUMN_KINDS, arrow_type_of
from cctrawl.errors import FormatError
from cctrawl.index import array_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from cctrawl.index import RowGroup, RowGroupReader

_REQUEST_BYTES = 64 * 2**10  # it would be 500 KB by time alone, but they go side by side, and bytes count
# Texts of which hardly two rows have the same: as dictionaries they would take more room, not less.
_DISTINCT = frozenset({"url_surtkey", "url", "url_path", "url_query", "content_digest", "fetch_redirect"})


class Group:
    """The columns of a row group: of the types of results, those that the file lacks null, partitions constant.

    Args:
        reader: reads its pages.
        row_group: what the footer tells of it.
        constants: values that all of its rows have, by column: those of partitions.
        name: of file and row group, for errors.

    Attributes:
        reader: the same.
        num_rows: how many rows it has.
        limits: what the footer tells of the values of its columns.
    """

    def __init__(
        self, reader: RowGroupReader, row_group: RowGroup, constants: Mapping[str, str], name: str
    ) -> None:
        self.reader = reader
        self.num_rows = row_group.num_rows
        self._name = name
        self._constants = constants
        self._chunks = {chunk.column.name: chunk for chunk in row_group.columns}
        found = {chunk.column.name: chunk_limits(chunk) for chunk in row_group.columns}
        self.limits: dict[str, Limits] = {column: limits for column, limits in found.items() if limits is not None}

    def stored(self, columns: Iterable[str]) -> list[str]:
        """Return those of the columns that are read from the file, in a fixed order."""
        wanted = set(columns) - self._constants.keys()
        return [name for name in self._chunks if name in wanted]

    def has_bounds(self, column: str) -> bool:
        """Tell whether the footer says that there are bounds of the column's pages, in an order that is known."""
        chunk = self._chunks[column]
        is_ordered = chunk.statistics.kind == "ordered" and chunk.column.order != "undefined"
        return is_ordered and chunk.column_index is not None and chunk.offset_index is not None

    def has_nulls(self, column: str) -> bool:
        """Tell whether a value of the column may be missing."""
        chunk = self._chunks[column]
        return chunk.column.max_definition_level > 0 and chunk.statistics.null_count != 0

    def page_limits(self, column: str) -> list[tuple[tuple[int, int], Limits]]:
        """Return the rows of each page of a column and what is known of their values; empty if nothing is."""
        bounds = self.reader.page_bounds(column)
        if bounds is None:
            return []
        schema_column = self._chunks[column].column
        starts = self.reader.page_starts(column)
        pages = zip(starts, starts[1:], bounds.min, bounds.max, bounds.null_pages, strict=False)
        return [
            (
                (start, stop),
                Limits(schema_column, None if is_null else low, None if is_null else high, is_null=is_null),
            )
            for start, stop, low, high, is_null in pages
        ]

    def cost_bytes(self, columns: Iterable[str], rows: Runs) -> int:
        """Return how many bytes it takes at most to read rows of columns; a request counts as some, too."""
        requests, bytes_ = self.reader.cost(self.stored(columns), rows)
        return bytes_ + requests * _REQUEST_BYTES

    def read(self, columns: Iterable[str], rows: Runs, *, coded: bool = False) -> pa.Table:
        """Return rows of columns; one round of requests as a rule.

        Args:
            columns: names; the table has them in this order.
            rows: which.
            coded: texts that repeat come dictionary-encoded.

        Raises:
            FormatError: pages are damaged, or have values of another type than the column.
            CctrawlError: the file cannot be read.
        """
        import pyarrow as pa  # noqa: PLC0415 - slow to load

        names = list(dict.fromkeys(columns))
        stored = self.stored(names)
        as_codes = [name for name in stored if coded and _is_coded(name)]
        table = self.reader.read(stored, rows, dictionary=as_codes)
        num_rows = count(rows)
        arrays = []
        for name in names:
            if name in self._constants:
                value = array_of([self._constants[name]], pa.string())
                arrays.append(pa.chunked_array([pa.DictionaryArray.from_arrays(_zeros(num_rows), value)]))
            elif name in self._chunks:
                arrays.append(self._typed(name, table[name], keep_codes=name in as_codes))
            else:
                arrays.append(pa.chunked_array([pa.nulls(num_rows, arrow_type_of(name))]))
        made = pa.table(arrays, names=names)
        return made if coded else plain(made)

    def _typed(self, column: str, values: pa.ChunkedArray, *, keep_codes: bool) -> pa.ChunkedArray:
        import pyarrow as pa  # noqa: PLC0415 - slow to load

        if keep_codes and pa.types.is_dictionary(values.type) and pa.types.is_string(values.type.value_type):
            return values
        type_ = arrow_type_of(column)
        if values.type == type_:
            return values
        try:
            # Not all files have milliseconds; what is finer is nobody's time of a capture.
            return values.cast(type_, safe=not pa.types.is_timestamp(values.type))
        except pa.ArrowException as error:
            raise FormatError(
                f"{column} of {self._name} is {values.type}: {error}", hint="is it a file of the columnar index?"
            ) from error


def plain(table: pa.Table) -> pa.Table:
    """Return a table without dictionaries."""
    import pyarrow as pa  # noqa: PLC0415 - slow to load

    for number, name in enumerate(table.column_names):
        if pa.types.is_dictionary(table[name].type):
            table = table.set_column(number, name, table[name].cast(arrow_type_of(name)))
    return table


def _is_coded(column: str) -> bool:
    return COLUMN_KINDS.get(column) == "string" and column not in _DISTINCT


def _zeros(length: int) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - slow to load

    return pa.Array.from_buffers(pa.int8(), length, [None, pa.py_buffer(bytes(length))])
