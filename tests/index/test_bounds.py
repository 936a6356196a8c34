"""Bounds as users see them: the stored ones, and as text never narrower."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctrawl.index.bounds import stored_bounds, text_bounds
from cctrawl.store import RowGroupRow

KEY = st.binary(max_size=6) | st.text(max_size=4).map(str.encode)


def row(statistics: str, low: bytes | None, high: bytes | None) -> RowGroupRow:
    """Return a row group with these comparable bounds."""
    return RowGroupRow("path", "crawl", "warc", 0, 1, 1, statistics, low, high, 1)


def mapped(key: bytes) -> bytes:
    """Return the key with each byte XOR 0x80."""
    return bytes(byte ^ 0x80 for byte in key)


@given(KEY, KEY, st.sampled_from(["ordered", "signed", "computed"]))
def test_text_holds_what_the_bounds_hold(one: bytes, two: bytes, kind: str) -> None:
    """Bounds that are no UTF-8 become wider texts, or absent, in the order of their kind; others stay."""
    order = mapped if kind == "signed" else bytes
    low, high = sorted((one, two))
    stored = stored_bounds(row(kind, low, high))
    assert stored == (order(low), order(high))
    told, lower, upper = text_bounds(row(kind, low, high))
    if told == "absent":  # they would exclude nothing
        assert (lower, upper) == (None, None)
        with pytest.raises(UnicodeDecodeError):
            order(high).decode()
        return
    assert told == kind
    assert lower is not None
    assert lower or upper is not None
    assert order(lower.encode()) <= low
    assert upper is None or order(upper.encode()) >= high
    for text, bound in ((lower, stored[0]), (upper, stored[1])):
        assert bound is not None
        if bound.decode(errors="ignore").encode() == bound:
            assert text == bound.decode()


def test_absent_bounds() -> None:
    """What is not there is nothing, and of the kind absent; one bound alone is told."""
    assert text_bounds(row("absent", None, None)) == ("absent", None, None)
    assert text_bounds(row("ordered", b"a", None)) == ("ordered", "a", None)
    assert text_bounds(row("ordered", None, b"\xff")) == ("absent", None, None)
    assert text_bounds(row("ordered", b"\xfe", b"\xff")) == ("absent", None, None)
    assert text_bounds(row("ordered", b"a\xc3", b"ab\xc3")) == ("ordered", "a", "ac")
    # DEL is the last character that comes later in both orders: the one before it makes room.
    assert text_bounds(row("ordered", b"a", b"a\x7f\xc3")) == ("ordered", "a", "b")
    assert text_bounds(row("ordered", b"a", b"\x7f\xff")) == ("ordered", "a", None)
