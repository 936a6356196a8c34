"""Single pages of the columns of a row group: just those that hold the rows that are wanted.

What is asked for is settled here, in one round of ranges. ``column_pages`` sees to one column, ``chunk_ends`` to
one without a page index: ``page_index`` and ``page_headers`` tell them where pages are, ``row_selection`` which of
them hold the rows, ``page_file`` makes values of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from cctrawl.errors import FormatError, InvalidInputError
from cctrawl.index.chunk_ends import ChunkEnds
from cctrawl.index.column_pages import ColumnPages, IndexedPages, Range
from cctrawl.index.decoders import LARGE_BYTES, Decoders
from cctrawl.index.footer import ColumnChunk, Extent, RowGroup
from cctrawl.index.page_index import (
    MAX_INDEX_BYTES,
    PageBounds,
    PagePlaces,
    read_column_index,
    read_offset_index,
)
from cctrawl.index.row_selection import Rows, row_selection
from cctrawl.transport import ByteRange, coalesce

if TYPE_CHECKING:
    import pyarrow as pa

ReadRanges: TypeAlias = Callable[[Sequence[tuple[int, int]]], Iterable[bytes]]


class RowGroupReader:
    """Reads pages of a row group; keeps the page indexes it has read. For one thread at a time.

    A column of which no page index was loaded (`load_page_index`), or only one that cannot be, is read from its
    beginning or its end, whichever is nearer to the rows.

    Args:
        row_group: what the footer tells of it.
        read: returns the bytes of each half-open range of the file, in the order given, perhaps one after the other
            as they come. It is called once for each round, and may make one request of ranges that are near each
            other.
        name: of the file, for errors.
        decoders: threads that decode columns side by side while others are still to come; the caller's own, if
            there are none.

    Attributes:
        num_rows: of the row group.
    """

    def __init__(
        self, row_group: RowGroup, read: ReadRanges, name: str, *, decoders: Decoders | None = None
    ) -> None:
        self.num_rows = row_group.num_rows
        self._chunks = {chunk.column.name: chunk for chunk in row_group.columns}
        self._read = read
        self._name = name
        self._decoders = decoders
        self._places: dict[str, PagePlaces] = {}
        self._bounds: dict[str, PageBounds] = {}
        self._asked: set[tuple[str, Extent]] = set()

    @property
    def columns(self) -> KeysView[str]:
        """Names of the columns, in the order of the schema."""
        return self._chunks.keys()

    def has_pages(self, column: str) -> bool:
        """Tell whether the footer says that there is an index of the column's pages.

        Raises:
            InvalidInputError: the row group has no such column.
        """
        return self._chunk(column).offset_index is not None

    def load_page_index(self, columns: Iterable[str], *, bounds_of: Iterable[str] = ()) -> None:
        """Read where the pages of columns lie, in one round; columns without a page index are passed over.

        An index that is damaged, or contradicts the footer, counts as none.

        Args:
            columns: names of columns.
            bounds_of: columns of which the bounds of pages are read, too.

        Raises:
            InvalidInputError: the row group has no such column.
            CctrawlError: what ``read`` raises.
        """
        bounded = dict.fromkeys(bounds_of)
        wanted: dict[tuple[str, Extent], Range] = {}
        for column in dict.fromkeys([*columns, *bounded]):
            chunk = self._chunk(column)
            for index in (chunk.offset_index, chunk.column_index if column in bounded else None):
                if index and (column, index) not in self._asked and _is_sound(index):
                    wanted[column, index] = index.offset, index.offset + (index.length or 0)
        for (column, index), data in zip(wanted, self._fetch([*wanted.values()]), strict=True):
            self._asked.add((column, index))
            self._take_index(self._chunk(column), index, data)

    def page_starts(self, column: str) -> Sequence[int]:
        """Return the first row of each page, and the number of rows: of one page, as long as no index is loaded.

        Raises:
            InvalidInputError: the row group has no such column.
        """
        places = self._places.get(self._chunk(column).column.name)
        return places.starts if places else [0, self.num_rows]

    def page_bounds(self, column: str) -> PageBounds | None:
        """Return the bounds of each page, in the order of the column's type; ``None`` if none are loaded or sound.

        Raises:
            InvalidInputError: the row group has no such column.
        """
        return self._bounds.get(self._chunk(column).column.name)

    def read(self, columns: Iterable[str], rows: Rows, *, dictionary: Iterable[str] = ()) -> pa.Table:
        """Return rows of columns: only the pages that hold them are read, in one round; loads pyarrow.

        Of a column without a page index the chunk is read up to about the last row, or from about the first row on,
        whichever is less. A second round reads what turns out to be lacking: dictionaries that are large and lie
        apart, and the rest of a chunk where its end does not do. Without any rows nothing is asked for: the table
        tells the types. Those are pyarrow's, but for timestamps that the file tells in the older ways: they are in
        UTC, those of INT96 in microseconds.

        Args:
            columns: names of columns; the table has each once, in this order.
            rows: half-open ranges of row numbers, rising; or a mask with a value for each row of the row group,
                the quicker form for many ranges.
            dictionary: columns that come as dictionaries and indices; each chunk of such a column may have a
                dictionary of its own.

        Raises:
            InvalidInputError: the row group has no such column, the ranges do not rise or go beyond it, or the mask
                has nulls or another length.
            FormatError: pages are damaged, are not what page index or footer say, or are absurdly large; or a
                column is nested. The message names file and column.
            CctrawlError: what ``read`` raises.
        """
        import pyarrow as pa  # noqa: PLC0415 - slow to load

        names = list(dict.fromkeys(columns))
        as_codes = frozenset(dictionary)
        begun = [self._begun(batch, as_codes) for batch in _batches(self._arriving(self._parts(names, rows)))]
        values = {name: array for decoded in begun for name, array in decoded().items()}
        return pa.table({name: values[name] for name in names})

    def _arriving(self, parts: Sequence[ColumnPages]) -> Iterator[ColumnPages]:
        """Yield each column as soon as its pages are there, as a rule: the smaller ones come first."""
        by_size = sorted(parts, key=_size)
        late: dict[ColumnPages, Range] = {}
        data = iter(self._fetch([range_ for part in by_size for range_ in part.ranges]))
        for part in by_size:
            with self._named(part.chunk):
                part.put([next(data) for _ in part.ranges])
            if part.is_lacking and part.late_range:
                late[part] = part.late_range
            else:
                yield part
        for part, lacking in zip(late, self._fetch([*late.values()]), strict=True):
            with self._named(part.chunk):
                part.put_late(lacking)
            yield part

    def _begun(
        self, parts: Sequence[ColumnPages], as_codes: frozenset[str]
    ) -> Callable[[], dict[str, pa.ChunkedArray]]:
        """Decode columns, or have them decoded; what is returned waits for their values."""
        decode = partial(self._decode, parts, as_codes)
        return self._decoders.begin(decode, sum(map(_size, parts))) if self._decoders else decode

    def _decode(self, parts: Sequence[ColumnPages], as_codes: frozenset[str]) -> dict[str, pa.ChunkedArray]:
        values = {}
        for part in parts:
            name = part.chunk.column.name
            with self._named(part.chunk):
                values[name] = part.values(as_dictionary=name in as_codes)
        return values

    def cost(self, columns: Iterable[str], rows: Rows) -> tuple[int, int]:
        """Return how many requests `read` makes as a rule, and for how many bytes; nothing is asked for.

        It is less if a dictionary turns out not to be used, and more if the end of a chunk without a page index
        turns out not to do.

        Raises:
            InvalidInputError: as `read`.
            FormatError: a column is nested.
        """
        parts = self._parts(columns, rows)
        first = [ByteRange("", *range_) for part in parts for range_ in part.ranges]
        late = [ByteRange("", *part.late_range) for part in parts if part.late_range and part.is_late_likely]
        spans = [*coalesce(first), *coalesce(late)]
        return len(spans), sum(span.stop - span.start for span in spans)

    def _chunk(self, column: str) -> ColumnChunk:
        try:
            return self._chunks[column]
        except KeyError:
            raise InvalidInputError(
                f"{self._name} has no column {column!r}", hint=f"it has {', '.join(self._chunks)}"
            ) from None

    def _take_index(self, chunk: ColumnChunk, index: Extent, data: bytes) -> None:
        """Keep an index that was read, if it is sound; the places come before the bounds."""
        name = chunk.column.name
        with suppress(FormatError):  # as if there were none
            if index == chunk.offset_index:
                self._places[name] = read_offset_index(data, chunk, self.num_rows)
            elif name in self._places and chunk.column.order != "undefined":
                self._bounds[name] = read_column_index(data, len(self._places[name].starts) - 1)

    def _parts(self, columns: Iterable[str], rows: Rows) -> list[ColumnPages]:
        selection = row_selection(rows, self.num_rows)
        parts: list[ColumnPages] = []
        for chunk in map(self._chunk, dict.fromkeys(columns)):
            places = self._places.get(chunk.column.name)
            with self._named(chunk):
                parts.append(IndexedPages(chunk, selection, places) if places else ChunkEnds(chunk, selection))
        return parts

    def _fetch(self, ranges: Sequence[Range]) -> Iterable[bytes]:
        return self._read(ranges) if ranges else []

    @contextmanager
    def _named(self, chunk: ColumnChunk) -> Iterator[None]:
        """Let errors name file and column."""
        try:
            yield
        except FormatError as error:
            raise FormatError(
                f"column {chunk.column.name} of {self._name}: {error}",
                offset=error.offset,
                hint=error.hint or "is the file whole, and the one whose footer is held?",
            ) from error


def _size(part: ColumnPages) -> int:
    return sum(stop - start for start, stop in part.ranges)


def _batches(parts: Iterable[ColumnPages]) -> Iterator[list[ColumnPages]]:
    """Yield columns that are decoded by one thread: so many that they are large together, or one that is itself."""
    batch: list[ColumnPages] = []
    size_bytes = 0
    for part in parts:
        batch.append(part)
        size_bytes += _size(part)
        if size_bytes >= LARGE_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _is_sound(index: Extent) -> bool:
    return index.offset >= 0 and 0 < (index.length or 0) <= MAX_INDEX_BYTES
