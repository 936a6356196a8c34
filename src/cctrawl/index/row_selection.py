"""Rows that are wanted of a row group, against the pages that hold them. Pure but for masks, which are Arrow's.

There may be ten thousands of ranges on some hundred pages: nothing here goes through both, nor through the rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, TypeAlias

from cctrawl.errors import InvalidInputError

if TYPE_CHECKING:
    import pyarrow as pa

_FEW_PAGES = 8  # with less than the eighth part of the rows: masks of these alone are cheaper, column by column
Run = tuple[int, int]
Rows: TypeAlias = "Sequence[tuple[int, int]] | pa.BooleanArray"


def row_selection(rows: Rows, num_rows: int) -> RowSelection:
    """Return a selection.

    Args:
        rows: half-open ranges of row numbers, each behind the one before; or a mask, with a value for each row.
        num_rows: of the row group.

    Raises:
        InvalidInputError: ranges do not rise, or go beyond the row group; a mask has nulls, or another length.
    """
    return RangeSelection(rows, num_rows) if isinstance(rows, Sequence) else MaskSelection(rows, num_rows)


class RowSelection(ABC):
    """Rows of a row group.

    Attributes:
        num_rows: of the row group.
        first_row: the first that is wanted; 0 if none is.
        stop_row: the row behind the last one that is wanted; 0 if none is.
    """

    def __init__(self, num_rows: int, first_row: int, stop_row: int) -> None:
        self.num_rows = num_rows
        self.first_row = first_row
        self.stop_row = stop_row

    @abstractmethod
    def runs(self, starts: Sequence[int]) -> list[Run]:
        """Return the runs of pages that hold a row of the selection, as half-open ranges of their numbers.

        Args:
            starts: first row of each page, and the row behind the last page.
        """

    @abstractmethod
    def mask(self) -> pa.BooleanArray:
        """Return all rows of the row group, the selected ones true; loads pyarrow."""

    def of_pages(self, values: pa.ChunkedArray, starts: Sequence[int], runs: Sequence[Run]) -> pa.ChunkedArray:
        """Return the selected of the values of runs of pages; loads pyarrow.

        Args:
            values: all values of the pages.
            starts: first row of each page, and the row behind the last page.
            runs: what `runs` returned.
        """
        import pyarrow as pa  # noqa: PLC0415 - slow to load

        mask = self.mask()
        rows = [(starts[first], starts[stop]) for first, stop in runs]
        return values.filter(pa.chunked_array([mask.slice(a, b - a) for a, b in rows], pa.bool_()))


class RangeSelection(RowSelection):
    """Rows as ranges; see `row_selection`.

    Attributes:
        ranges: those that are not empty, those that touch made one.
    """

    def __init__(self, ranges: Sequence[tuple[int, int]], num_rows: int) -> None:
        edges = [0, *chain.from_iterable(ranges), num_rows]
        if any(start > stop for start, stop in pairwise(edges)):
            raise InvalidInputError(
                f"no ranges of rows: {ranges!s:.80}", hint=f"they must rise, from 0 to {num_rows:,}"
            )
        self.ranges = joined_runs(ranges)
        first_row, stop_row = (self.ranges[0][0], self.ranges[-1][1]) if self.ranges else (0, 0)
        super().__init__(num_rows, first_row, stop_row)
        self._starts = [start for start, _ in self.ranges]
        self._stops = [stop for _, stop in self.ranges]
        self._mask: pa.BooleanArray | None = None

    def runs(self, starts: Sequence[int]) -> list[Run]:
        """Return the runs of pages that hold a row of the selection."""
        found: list[Run] = []
        page, pages = 0, len(starts) - 1
        while page < pages:
            at = bisect_right(self._stops, starts[page])  # the first range that ends behind the page's first row
            if at == len(self.ranges):
                break
            if self._starts[at] >= starts[page + 1]:  # behind the page: on to where it begins
                page = bisect_right(starts, self._starts[at], page) - 1
                continue
            if starts[page] < starts[page + 1]:
                _append(found, page)
            page += 1
        return found

    def of_pages(self, values: pa.ChunkedArray, starts: Sequence[int], runs: Sequence[Run]) -> pa.ChunkedArray:
        """Return the selected of the values of runs of pages; loads pyarrow."""
        if len(self.ranges) == 1:
            (start, stop), first_row = self.ranges[0], starts[runs[0][0]]
            if 2 * (stop - start) >= len(values):  # of less, a slice would keep the memory of all
                return values.slice(start - first_row, stop - start)
        if _FEW_PAGES * len(values) > self.num_rows:
            return super().of_pages(values, starts, runs)
        import pyarrow as pa  # noqa: PLC0415 - slow to load

        masks = [self._mask_of(starts[first], starts[stop]) for first, stop in runs]
        return values.filter(pa.chunked_array(masks, pa.bool_()))

    def mask(self) -> pa.BooleanArray:
        """Return the selected rows as a mask, made once: each column asks for it."""
        if self._mask is None:
            self._mask = self._mask_of(0, self.num_rows)
        return self._mask

    def _mask_of(self, first_row: int, stop_row: int) -> pa.BooleanArray:
        """Return rows ``[first_row, stop_row)`` as a mask."""
        import pyarrow as pa  # noqa: PLC0415 - slow to load

        wanted = bytearray(stop_row - first_row)
        for start, stop in self.ranges[bisect_right(self._stops, first_row) : bisect_left(self._starts, stop_row)]:
            low, high = max(start, first_row), min(stop, stop_row)
            wanted[low - first_row : high - first_row] = b"\1" * (high - low)
        # Made of a buffer: what else makes arrays of Python's values loads pandas, see `arrays`.
        rows = pa.Array.from_buffers(pa.uint8(), len(wanted), [None, pa.py_buffer(bytes(wanted))])
        return rows.cast(pa.bool_())


class MaskSelection(RowSelection):
    """Rows as a mask; see `row_selection`."""

    def __init__(self, mask: pa.BooleanArray, num_rows: int) -> None:
        from pyarrow import compute  # noqa: PLC0415 - slow to load

        if len(mask) != num_rows or mask.null_count:
            raise InvalidInputError(
                f"no mask of rows: {len(mask):,} values, {mask.null_count:,} of them null",
                hint=f"it must have {num_rows:,}, and no nulls",
            )
        numbers = compute.indices_nonzero(mask)
        first_row, stop_row = (numbers[0].as_py(), numbers[-1].as_py() + 1) if len(numbers) else (0, 0)
        super().__init__(num_rows, first_row, stop_row)
        self._mask = mask

    def runs(self, starts: Sequence[int]) -> list[Run]:
        """Return the runs of pages that hold a row of the selection."""
        found: list[Run] = []
        for page, (start, stop) in enumerate(pairwise(starts)):
            if start < self.stop_row and self._mask.slice(start, stop - start).true_count:
                _append(found, page)
        return found

    def mask(self) -> pa.BooleanArray:
        """Return the mask."""
        return self._mask


def _append(runs: list[Run], page: int) -> None:
    """Add a page to rising runs."""
    if runs and runs[-1][1] == page:
        runs[-1] = runs[-1][0], page + 1
    else:
        runs.append((page, page + 1))


def joined_runs(runs: Sequence[Run]) -> list[Run]:
    """Return rising runs with those that touch made one, without empty ones."""
    found: list[Run] = []
    for run in runs:
        start, stop = run
        if start == stop:
            continue
        if found and found[-1][1] == start:
            found[-1] = found[-1][0], stop
        else:
            found.append(run)  # not a copy: there may be half a million
    return found
