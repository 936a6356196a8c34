"""Which row groups may hold a key: none is lost, whatever the kind of its bounds, and few are for nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.held_index import Enter, group, path_of

from cctrawl.errors import InvalidInputError, NotFoundError
from cctrawl.index import find_row_groups, row_groups_with
from cctrawl.index.keys import may_hold
from cctrawl.settings import Settings
from cctrawl.store import GroupRow, IndexFile, Selection, open_index, put_file, put_row_groups
from cctrawl.surt import KeyRange, target_ranges
from cctrawl.testing import FakeCrawls

CRAWL = "CC-MAIN-2020-24"
TEXT = st.text(st.sampled_from("com,a)/é\u0100\U0001f600~-\x7f"), max_size=6)
KINDS = ("ordered", "signed", "absent", "computed")


def signed_order(key: bytes) -> list[int]:
    """Return what the deprecated statistics compare."""
    return [byte - 256 if byte > 127 else byte for byte in key]


def bounded(keys: list[bytes], kind: str) -> GroupRow:
    """Return a row group with the bounds that a writer of this kind gives these keys."""
    if kind == "absent":
        return GroupRow(len(keys), 0, kind, None, None)
    order = signed_order if kind == "signed" else bytes
    return group(min(keys, key=order), max(keys, key=order), kind, len(keys))


def held_by(rows: list[GroupRow], ranges: list[KeyRange]) -> set[int]:
    """Return the numbers of those row groups of one file that are found, out of a store of their own."""
    with tempfile.TemporaryDirectory() as folder, open_index(Path(folder), "s3://mine/") as index:
        with index.transaction() as connection:
            facts = {"size": 1, "footer_bytes": 1, "num_rows": 1, "row_groups": len(rows), "state": "held"}
            file = put_file(connection, path="p", crawl=CRAWL, subset="warc", schema=None, error=None, **facts)
            put_row_groups(connection, file, rows)
        return {row.row_group for row in row_groups_with(index, Selection([CRAWL]), ranges)}


@given(
    st.lists(st.tuples(st.lists(TEXT, min_size=1, max_size=3), st.sampled_from(KINDS)), min_size=1, max_size=5),
    st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_no_row_group_that_holds_a_key_is_lost(
    groups: list[tuple[list[str], str]], between: list[tuple[str, str]]
) -> None:
    """Row groups with a key in a range are found, of any kind; the others only if one range cannot exclude them."""
    ranges = [KeyRange(min(pair, key=str.encode), max(pair, key=str.encode)) for pair in between]
    rows = [bounded([key.encode() for key in keys], kind) for keys, kind in groups]
    found = held_by(rows, ranges)
    for number, (keys, kind) in enumerate(groups):
        holds = any(start.encode() <= key.encode() < stop.encode() for key in keys for start, stop in ranges)
        assert number in found or not holds
        row = rows[number]
        low, high = row.low, row.high
        if kind == "signed":
            low, high = (bytes(byte ^ 0x80 for byte in bound or b"") for bound in (low, high))
        if number in found:
            assert any(may_hold(range_, kind, low, high) for range_ in ranges)


def test_bounds_that_are_open_exclude_nothing_on_their_side() -> None:
    """A row group with one bound alone is excluded by that one only."""
    for kind in ("ordered", "signed"):
        rows = [group(b"m", None, kind), group(None, b"m", kind)]
        assert held_by(rows, [KeyRange("a", "b")]) == {1}
        assert held_by(rows, [KeyRange("x", "y")]) == {0}
        assert held_by([rows[0]], [KeyRange("x", "y")]) == {0}
        assert held_by(rows, [KeyRange("m", "m\0")]) == {0, 1}


def test_deprecated_bounds_prune_and_lose_nothing() -> None:
    """Compared naively, é would make the row group's maximum its smallest key; the prefix test is right."""
    keys = [b"com,example)/a", "com,example)/é".encode(), b"com,other)/"]
    row = bounded(keys, "signed")
    for key in ("com,example)/é", "com,example)/a", "com,other)/"):
        assert held_by([row], target_ranges("surt:" + key)) == {0}
    assert held_by([row], target_ranges("surt:com,zebra)/")) == set()
    assert held_by([row], target_ranges("example.org")) == set()


def test_row_groups_come_newest_crawl_first(held: Settings, enter: Enter) -> None:
    """The order is crawl (newest first), path, number; the kind absent is among them."""
    for crawl in ("CC-MAIN-2019-04", CRAWL):
        for number in (1, 0):
            enter([group(b"a", b"z"), group(None, None, "absent"), group(b"a", b"b")], crawl=crawl, number=number)
    enter([group(b"a", b"z")], subset="robotstxt")
    found = find_row_groups("example.com", "all", settings=held)
    assert found.incomplete == []
    assert [(row.path, row.row_group, row.statistics) for row in found.row_groups] == [
        (path_of(crawl, "warc", number), group_number, kind)
        for crawl in (CRAWL, "CC-MAIN-2019-04")
        for number in (0, 1)
        for group_number, kind in ((0, "ordered"), (1, "absent"))
    ]
    assert found.row_groups[0][2:] == (10, 1000, "ordered", "a", "z")
    every = find_row_groups("example.com", CRAWL, subset="all", settings=held)
    assert {row.path.split("/")[5] for row in every.row_groups} == {"subset=warc", "subset=robotstxt"}


def test_what_cannot_be_asked(held: Settings, index: IndexFile) -> None:
    """A target, crawl or subset that cannot be, or is not held, is an error with a hint."""
    assert index
    with pytest.raises(InvalidInputError, match="no target"):
        find_row_groups("a b", CRAWL, settings=held)
    with pytest.raises(InvalidInputError, match="no subset"):
        find_row_groups("a.org", CRAWL, subset="wat", settings=held)
    with pytest.raises(NotFoundError, match=CRAWL) as caught:
        find_row_groups("a.org", CRAWL, settings=held)
    assert f"cctrawl harvest -c {CRAWL}" in str(caught.value.hint)


@pytest.mark.parametrize("crawl", ["CC-MAIN-2018-05", "CC-MAIN-2020-24", "CC-MAIN-2024-22"])
def test_every_row_of_every_generation_is_found(crawl: str, harvested: Settings, fake: FakeCrawls) -> None:
    """In harvested files of each time (deprecated statistics, overlapping row groups, sorted) no row is lost."""
    pruned = 0
    with open_index(harvested.data_dir, harvested.base_url) as index:
        for file in fake.index_files(crawl):
            for number, row_group in enumerate(file.row_groups):
                for row in row_group.rows:
                    ranges = target_ranges("surt:" + str(row["url_surtkey"]))
                    found = list(row_groups_with(index, Selection([crawl], "warc"), ranges))
                    assert (file.path, number) in {(one.path, one.row_group) for one in found}
                    pruned += 9 - len(found)
    assert pruned > 0
