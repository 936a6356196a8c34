"""Bounds of keys between the store, where they compare, and users, for whom they are as the footers have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.index.keys import flipped

if TYPE_CHECKING:
    from cctrawl.store import RowGroupRow

SIGNED, ABSENT = "signed", "absent"


def stored_bounds(row: RowGroupRow) -> tuple[bytes | None, bytes | None]:
    """Return the bounds of a row group as its footer has them; ``None`` for one that is absent."""
    if row.statistics != SIGNED:
        return row.low, row.high
    return row.low and flipped(row.low), row.high and flipped(row.high)


def text_bounds(row: RowGroupRow) -> tuple[str, str | None, str | None]:
    """Return the kind of a row group's bounds, and the bounds as texts that hold no less between them.

    A writer may cut a bound in the middle of a character. As text it is then a little wider; where there is no such
    text, the bound counts as absent.
    """
    low, high = stored_bounds(row)
    lower = None if low is None else _text_below(low)
    upper = None if high is None else _text_above(high)
    if not lower and upper is None:  # which excludes nothing
        return ABSENT, None, None
    return row.statistics, lower, upper


def _text_below(bound: bytes) -> str:
    """The text up to where the bound is none: what is shorter comes before, in either order."""
    try:
        return bound.decode()
    except UnicodeDecodeError as error:
        return bound[: error.start].decode()


def _text_above(bound: bytes) -> str | None:
    """The bound, or a text behind it in either order, signed and not; ``None`` if there is none."""
    try:
        return bound.decode()
    except UnicodeDecodeError as error:
        text = bound[: error.start]
    # A character of ASCII that is made the next one comes later in both orders; others would in one only.
    while text and not text[-1] < 0x7F:
        text = text[:-1]
    return (text[:-1] + bytes([text[-1] + 1])).decode() if text else None
