"""Imports, and the table anew: all or nothing, while readers go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.held_index import Enter, group, path_of

from cctrawl.errors import FormatError
from cctrawl.settings import Settings
from cctrawl.store import (
    IMPORTED,
    UNDECODABLE,
    DistilledFile,
    GroupRow,
    ImportCounts,
    IndexFile,
    Selection,
    all_row_groups,
    enter_row_groups,
    open_index,
    replace_row_groups,
)

CRAWL = "CC-MAIN-2020-24"


def lows(index: IndexFile) -> list[bytes | None]:
    """Return the lower bounds that the store has."""
    return [row.low for row in all_row_groups(index, Selection([CRAWL]))]


def incoming(number: int, *groups: GroupRow) -> Iterator[tuple[str, str, str, int, GroupRow]]:
    """Yield row groups of a file, the last one first."""
    for at in range(len(groups) - 1, -1, -1):
        yield path_of(CRAWL, "warc", number), CRAWL, "warc", at, groups[at]


def test_readers_see_the_old_table_until_the_new_one_is_whole(
    held: Settings, index: IndexFile, enter: Enter
) -> None:
    """While the table is made anew it answers as before, afterwards as it is."""
    enter([group(b"a", b"b")])
    enter([group(b"c", b"d")], number=1)
    seen = []
    with open_index(held.data_dir, held.base_url) as reader:

        def distilled() -> Iterator[DistilledFile]:
            for file in (1, 2):
                yield DistilledFile(file, ["url_surtkey"], 10, [group(b"x", b"y")])
                seen.append(lows(reader))

        replace_row_groups(index, distilled())
        assert seen == [[b"a", b"c"], [b"a", b"c"]]
        assert lows(reader) == [b"x", b"x"]


def test_whatever_stops_it_the_table_stays(index: IndexFile, enter: Enter) -> None:
    """An error in the middle takes back what was done."""
    enter([group(b"a", b"b")])

    def distilled() -> Iterator[DistilledFile]:
        yield DistilledFile(1, ["url_surtkey"], 10, [group(b"x", b"y")])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_row_groups(index, distilled())
    assert lows(index) == [b"a"]


def test_files_come_in_whole_and_in_any_order(index: IndexFile) -> None:
    """Row groups are entered by file and number, twice as well as once."""
    for _ in range(2):
        rows = incoming(3, group(b"a", b"b"), group(b"c", b"d"))
        assert enter_row_groups(index, rows) == ImportCounts(1, 2, 0)
        assert lows(index) == [b"a", b"c"]
    [[state, num_rows, row_groups]] = index.read("SELECT state, num_rows, row_groups FROM file")
    assert (state, num_rows, row_groups) == (IMPORTED, 20, 2)


def test_of_undecodable_files_what_came_in_is_known(index: IndexFile, enter: Enter) -> None:
    """A footer that nobody can decode does not keep imported row groups from pruning; it stays undecodable."""
    enter(state=UNDECODABLE)
    assert enter_row_groups(index, incoming(0, group(b"a", b"b"))).files == 1
    assert lows(index) == [b"a"]
    assert [state for (state,) in index.read("SELECT state FROM file")] == [UNDECODABLE]


def test_a_hole_is_found_and_the_next_import_is_not_in_its_way(index: IndexFile) -> None:
    """A file without one of its row groups is refused; what was staged is gone."""
    rows = list(incoming(0, group(b"a", b"b"), group(b"c", b"d")))
    with pytest.raises(FormatError, match="missing"):
        enter_row_groups(index, rows[:1])
    assert lows(index) == []
    assert enter_row_groups(index, rows).files == 1
