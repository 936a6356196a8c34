"""The table anew from held footers: the same, without a request, all or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.index.test_exchange import known

import cctrawl
from cctrawl.errors import FormatError, InvalidInputError
from cctrawl.index import rebuild_row_groups
from cctrawl.settings import Settings
from cctrawl.store import UNDECODABLE, IndexFile, holdings, index_path, open_index, take_lock


@pytest.fixture
def opened(copied: Settings) -> IndexFile:
    """Return the index of the copy."""
    return open_index(copied.data_dir, copied.base_url)


def change(index: IndexFile, *statements: str) -> None:
    """Execute statements."""
    with index.transaction() as connection:
        for statement in statements:
            connection.execute(statement)


def test_the_table_comes_back(copied: Settings, opened: IndexFile) -> None:
    """Whatever became of the table, it is as it was harvested; undecodable footers are tried again."""
    before, states = known(copied), holdings(opened)
    cctrawl.row_groups(columns="fetch_status", settings=copied)
    change(
        opened,
        "UPDATE row_group SET low = x'00', statistics = 'ordered' WHERE row_group = 0",
        "DELETE FROM file_bounds WHERE file % 2",
        "UPDATE file SET state = 'undecodable', error = 'x', schema = NULL, num_rows = NULL WHERE id % 3 = 0",
    )
    report = rebuild_row_groups(settings=copied)
    assert (report.files, report.row_groups, report.undecodable) == (36, len(before), [])
    assert known(copied) == before
    assert holdings(opened) == states
    assert list(opened.read("SELECT * FROM column_bounds")) == []


def test_what_is_not_of_footers_stays(copied: Settings, opened: IndexFile) -> None:
    """Imported row groups stay, and computed bounds where a footer has none."""
    change(
        opened,
        "INSERT INTO file (path, crawl, subset, state, num_rows, row_groups)"
        " VALUES ('cc-index/part-x.parquet', 'CC-MAIN-2020-24', 'warc', 'imported', 1, 1)",
        "INSERT INTO row_group SELECT max(id), 0, 1, 1, 'ordered', x'61', x'62' FROM file",
        "UPDATE row_group SET statistics = 'computed', low = x'61', high = x'7a' WHERE statistics = 'absent'",
    )
    before = known(copied)
    assert "computed" in {row[6] for row in before}
    rebuild_row_groups(settings=copied)
    assert known(copied) == before


def test_footers_that_cannot_be_decoded_are_listed(copied: Settings, opened: IndexFile) -> None:
    """They stay held, and keep what was known of them; the others are done."""
    before = known(copied)
    change(opened, "UPDATE footer SET length = 9 WHERE file = 1")
    report = rebuild_row_groups(settings=copied)
    [[path, state]] = opened.read("SELECT path, state FROM file WHERE error IS NOT NULL")
    assert (state, [wrong[0] for wrong in report.undecodable]) == (UNDECODABLE, [path])
    assert report.undecodable[0][1]
    assert known(copied) == before


def test_a_rebuild_that_fails_changes_nothing(copied: Settings, opened: IndexFile) -> None:
    """A footer that is damaged in the store stops it, and readers see the table as it was."""
    change(
        opened, "UPDATE footer SET block = 99 WHERE file = 30", "UPDATE row_group SET low = x'00' WHERE file = 1"
    )
    before = known(copied)
    with pytest.raises(FormatError, match="damaged"):
        rebuild_row_groups(settings=copied)
    assert known(copied) == before


def test_one_at_a_time(copied: Settings) -> None:
    """While a harvest is at work nothing is rebuilt."""
    path = index_path(copied.data_dir, copied.base_url)
    with take_lock(Path(f"{path}.lock"), "", ""), pytest.raises(InvalidInputError, match="another"):
        rebuild_row_groups(settings=copied)
