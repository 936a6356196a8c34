"""Ranges of keys against bounds: a "no" is always true, whatever order the bounds were made in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctrawl.index import common_prefix, flipped, may_hold, successor
from cctrawl.surt import KeyRange, host_ranges, prefix_ranges, surt_key

# Few bytes, some above 0x7F, so that prefixes and both orders matter.
KEYS = st.text(alphabet="ab,)é\x7f", min_size=1, max_size=5)
BOUNDS = st.lists(st.lists(st.sampled_from(b"ab,)\x7f\x80\xc3\xff"), max_size=6).map(bytes), min_size=1, max_size=6)


def range_of(one: str, other: str) -> KeyRange:
    """Return the range between two keys, whichever comes first as bytes."""
    start, stop = sorted([one, other], key=str.encode)
    return KeyRange(start, stop)


def signed(key: bytes) -> list[int]:
    """Return what parquet-mr 1.8 compared: signed bytes, the shorter key first."""
    return [byte - 256 if byte > 127 else byte for byte in key]


@given(BOUNDS, KEYS, KEYS)
@settings(max_examples=1200, deadline=None)
def test_no_key_is_lost_in_either_order(keys: list[bytes], one: str, other: str) -> None:
    """A row group that holds a key of the range is never ruled out, by ordered bounds nor by signed ones."""
    wanted = range_of(one, other)
    holds = any(wanted.start.encode() <= key < wanted.stop.encode() for key in keys)
    if holds:
        assert may_hold(wanted, "ordered", min(keys), max(keys))
        assert may_hold(wanted, "computed", min(keys), max(keys))
        assert may_hold(wanted, "signed", min(keys, key=signed), max(keys, key=signed))


@given(BOUNDS, KEYS, KEYS, st.integers(0, 6), st.sampled_from(["ordered", "signed"]))
@settings(max_examples=600, deadline=None)
def test_bounds_cut_short_or_missing_lose_no_key(
    keys: list[bytes], one: str, other: str, length: int, kind: str
) -> None:
    """A lower bound cut short, an upper one cut short and rounded up, or none at all rule out nothing they hold."""
    wanted = range_of(one, other)
    if not any(wanted.start.encode() <= key < wanted.stop.encode() for key in keys):
        return
    order = signed if kind == "signed" else bytes
    low, high = min(keys, key=order), max(keys, key=order)
    assert may_hold(wanted, kind, None, high)
    assert may_hold(wanted, kind, low, None)
    assert may_hold(wanted, kind, low[:length], high)
    if kind == "ordered" and len(high) > length:
        assert may_hold(wanted, kind, low, successor(high[:length]))


def test_signed_bounds_rule_out_what_they_do_not_hold() -> None:
    """Signed bounds prune: hosts before and behind the bounds are ruled out, those between are not."""
    bounds = ("com,b)/", "com,d)/é")
    low, high = (bound.encode() for bound in bounds)
    told = {name: may_hold(host_ranges(f"{name}.com")[0], "signed", low, high) for name in "abcde"}
    assert told == {"a": False, "b": True, "c": True, "d": True, "e": False}


def test_a_naive_comparison_would_lose_rows() -> None:
    """The case that makes the mapping necessary: in signed order a key that is not ASCII is the lower bound."""
    keys = ["com,a)/ü".encode(), b"com,a)/b"]
    low, high = min(keys, key=signed), max(keys, key=signed)
    assert (low, high) == tuple(keys)
    wanted = prefix_ranges("a.com/b")[0]
    assert may_hold(wanted, "signed", low, high)
    assert not may_hold(wanted, "ordered", low, high)


@pytest.mark.parametrize("kind", ["ordered", "computed", "signed"])
def test_absent_bounds_may_hold_anything(kind: str) -> None:
    """Without bounds every row group may hold every key."""
    wanted = host_ranges("example.com")[0]
    assert may_hold(wanted, "absent", b"x", b"y")
    assert may_hold(wanted, kind, None, None)


@given(KEYS, KEYS, KEYS)
@settings(max_examples=1000, deadline=None)
def test_all_keys_of_a_range_share_its_prefix(one: str, other: str, key: str) -> None:
    """Every key of a range starts with its common prefix, and none longer will do."""
    wanted = range_of(one, other)
    start, stop = wanted.start.encode(), wanted.stop.encode()
    prefix = common_prefix(wanted)
    if start <= key.encode() < stop:
        assert key.encode().startswith(prefix)
    if len(prefix) < len(start):
        behind = successor(start[: len(prefix) + 1])
        assert behind is not None
        assert start <= behind < stop


def test_prefixes_of_the_ranges_that_targets_make() -> None:
    """A host's range shares the host's key, a single key's the key."""
    assert [common_prefix(keys) for keys in host_ranges("example.com")] == [b"com,example)", b"com,example:"]
    key = surt_key("https://example.com/a")
    assert common_prefix(KeyRange(key, key + "\0")) == key.encode()
    assert common_prefix(KeyRange("a", "c")) == b""


@given(st.binary(), st.binary())
def test_flipping_maps_the_signed_order(one: bytes, other: bytes) -> None:
    """Flipped keys compare as the keys do by signed bytes, and flipping twice gives the key."""
    assert (flipped(one) < flipped(other)) == (signed(one) < signed(other))
    assert flipped(flipped(one)) == one


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_the_successor_stands_behind_all_that_start_with_a_prefix(prefix: bytes, key: bytes) -> None:
    """Keys from a prefix up to its successor are those that start with it."""
    behind = successor(prefix)
    assert key.startswith(prefix) == (prefix <= key and (behind is None or key < behind))
