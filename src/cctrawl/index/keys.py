"""Ranges of keys against the bounds of a row group: may it hold one of them? Pure, and never wrong by a "no".

Keys compare as unsigned bytes. Bounds of kind ``signed`` were made by comparing *signed* bytes: 0x80 to 0xFF stand
below 0x00 to 0x7F. XOR 0x80 of every byte maps that order onto the usual one. A range of keys does not stay a range
when it is mapped, but keys that share a prefix stay together: they are tested by the prefix all of them share.
"""

from __future__ import annotations

from typing import Final

from cctrawl.surt import KeyRange

_FLIPPED: Final = bytes(byte ^ 0x80 for byte in range(256))


def flipped(key: bytes) -> bytes:
    """Return a key with each byte XOR 0x80: signed order becomes unsigned order, and back."""
    return key.translate(_FLIPPED)


def common_prefix(keys: KeyRange) -> bytes:
    """Return the longest prefix that all keys in the range share, those included that nobody has ever seen."""
    start, stop = keys.start.encode(), keys.stop.encode()
    for length in range(len(start), 0, -1):
        after = successor(start[:length])
        if after is None or stop <= after:
            return start[:length]
    return b""


def successor(prefix: bytes) -> bytes | None:
    """Return the first key behind all that start with the prefix; None if there is none behind them."""
    rest = prefix.rstrip(b"\xff")
    return rest[:-1] + bytes([rest[-1] + 1]) if rest else None


def may_hold(keys: KeyRange, statistics: str, low: bytes | None, high: bytes | None) -> bool:
    """Tell whether a row group with these bounds may hold a key of the range.

    Args:
        keys: the range.
        statistics: kind of the bounds: ``ordered`` or ``computed``, ``signed``, ``absent``.
        low: lower bound as stored (for ``signed``: not mapped), perhaps cut short; None: open.
        high: upper bound as stored, perhaps cut short and rounded up; None: open.

    Returns:
        False only if it holds none for sure.
    """
    if statistics == "absent":
        return True
    start, stop = keys.start.encode(), keys.stop.encode()
    if statistics == "signed":
        prefix = common_prefix(keys)
        start, after = flipped(prefix), successor(flipped(prefix))
        low, high = low and flipped(low), high and flipped(high)
    else:
        after = stop
    return (high is None or high >= start) and (low is None or after is None or low < after)
