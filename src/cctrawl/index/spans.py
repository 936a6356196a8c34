"""Ranges of keys as spans of bytes that compare with the bounds in the store, and a quick test of many of them."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from cctrawl.index.keys import common_prefix, flipped, successor
from cctrawl.store import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cctrawl.store import RowGroupRow
    from cctrawl.surt import KeyRange

_NOWHERE = Span(b"", b"")


class KeySpans:
    """The keys that are looked for, as spans for each kind of bounds.

    Bounds of kind ``signed`` are those of keys with each byte XOR 0x80. What is one range of keys is scattered
    there; but keys with one prefix stay together: those spans are of the longest prefix that a range shares.

    Args:
        ranges: the ranges of keys; they may overlap.

    Attributes:
        keys: one span around all, for bounds of kind ``ordered`` and ``computed``.
        signed: one span around all, for bounds of kind ``signed``.
    """

    def __init__(self, ranges: Iterable[KeyRange]) -> None:
        ranges = list(ranges)
        self._keys = _merged(Span(range_.start.encode(), range_.stop.encode()) for range_ in ranges)
        self._signed = _merged(_starting_with(flipped(common_prefix(range_))) for range_ in ranges)
        self.keys = _hull(self._keys)
        self.signed = _hull(self._signed)

    def may_meet(self, row: RowGroupRow) -> bool:
        """Tell whether a row group may hold one of the keys; without bounds it may hold any."""
        if row.statistics == "absent":
            return True
        spans = self._signed if row.statistics == "signed" else self._keys
        # The spans before this one end at the lower bound or below it.
        number = bisect_right(spans, (False, row.low or b""), key=_end)
        return number < len(spans) and (row.high is None or spans[number].start <= row.high)


def _starting_with(start: bytes) -> Span:
    return Span(start, successor(start))


def _end(span: Span) -> tuple[bool, bytes]:
    """The end of a span, to compare: none comes last."""
    return span.stop is None, span.stop or b""


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that touch made one; without the empty ones."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, _end(span))):
        if (False, span.start) >= _end(span):
            continue
        if merged and (False, span.start) <= _end(merged[-1]):
            merged[-1] = Span(merged[-1].start, max(merged[-1], span, key=_end).stop)
        else:
            merged.append(span)
    return merged


def _hull(spans: list[Span]) -> Span:
    return Span(spans[0].start, spans[-1].stop) if spans else _NOWHERE
