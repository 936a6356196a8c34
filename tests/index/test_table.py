"""The row-group table of a harvested fake crawl, against the rows that the fake wrote."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from tests.held_index import Enter, group

import cctrawl
from cctrawl.errors import InvalidInputError
from cctrawl.index import open_held, rebuild_row_groups
from cctrawl.index.columns import decoded_bounds
from cctrawl.index.table import RowGroupTable
from cctrawl.settings import Settings
from cctrawl.store import IMPORTED, IndexFile, Selection, open_index
from cctrawl.testing import FakeCrawls

CRAWLS = ("CC-MAIN-2024-22", "CC-MAIN-2023-50", "CC-MAIN-2020-24", "CC-MAIN-2018-05")
NAMES = [
    "path", "crawl", "subset", "row_group", "num_rows", "byte_size", "min_url_surtkey", "max_url_surtkey",
    "statistics",
]  # fmt: skip


def rows_of(settings: Settings) -> int:
    """Return how many bounds of other columns the store keeps."""
    with open_index(settings.data_dir, settings.base_url) as index:
        [[count]] = index.read("SELECT count(*) FROM column_bounds")
    return int(count)


def test_the_table_has_what_the_files_have(harvested: Settings, fake: FakeCrawls) -> None:
    """Every row group of every file is there, with rows and bounds as the footer has them, newest crawl first."""
    table = cctrawl.row_groups(subset="all", settings=harvested)
    assert table.column_names == NAMES
    written = {
        (file.path, number): (len(row_group.rows), row_group.statistics, row_group.min, row_group.max)
        for crawl in CRAWLS
        for subset in ("warc", "robotstxt", "crawldiagnostics")
        for file in fake.index_files(crawl, subset)
        for number, row_group in enumerate(file.row_groups)
    }
    rows = table.to_pylist()
    assert len(rows) == len(written)
    for row in rows:
        bounds = (row[f"{side}_url_surtkey"] for side in ("min", "max"))
        told = (row["num_rows"], row["statistics"], *(bound and bound.encode() for bound in bounds))
        assert told == written[row["path"], row["row_group"]]
    order = [(row["crawl"], row["path"], row["row_group"]) for row in rows]
    assert all(one[0] > two[0] or (one[0] == two[0] and one < two) for one, two in pairwise(order))


def test_crawls_and_subsets_can_be_chosen(harvested: Settings) -> None:
    """Crawl expressions and subsets choose among what is held; warc is the default."""
    for crawls, subset, found in (
        ("2024", "warc", [CRAWLS[0]]),
        (["latest", "2018"], "robotstxt", [CRAWLS[0], CRAWLS[3]]),
        (None, "warc", list(CRAWLS)),
    ):
        table = cctrawl.row_groups(crawls=crawls, subset=subset, settings=harvested)
        assert table["crawl"].unique().to_pylist() == found
        assert table["subset"].unique().to_pylist() == [subset]


def test_bounds_of_other_columns_hold_the_values(copied: Settings, fake: FakeCrawls) -> None:
    """They have the column's type, hold every value, are nulls where unknown, and are decoded once."""
    columns = ["fetch_time", "url_host_name", "fetch_status", "content_languages", "url_host_name_reversed"]
    table = cctrawl.row_groups(columns=columns, settings=copied)
    types = {name: table.schema.field(f"max_{name}").type for name in columns}
    assert types["fetch_time"] == pa.timestamp("us", "UTC")  # INT96 in old files, milliseconds in new ones
    assert types["url_host_name"] == pa.string()
    assert pa.types.is_integer(types["fetch_status"])
    groups = [group for crawl in CRAWLS for file in fake.index_files(crawl) for group in file.row_groups]
    known = dict.fromkeys(columns, 0)
    for row, fake_group in zip(table.to_pylist(), groups, strict=True):
        for name in columns:
            values: list[Any] = [one[name] for one in fake_group.rows if one.get(name) is not None]
            low, high = row[f"min_{name}"], row[f"max_{name}"]
            known[name] += low is not None
            assert low is None or low <= min(values) <= max(values) <= high
    assert known["url_host_name"] >= len(groups) // 2
    assert known["fetch_time"]
    assert known["url_host_name_reversed"]
    kept = rows_of(copied)
    assert kept
    assert cctrawl.row_groups(columns=columns, settings=copied) == table
    assert rows_of(copied) == kept


def test_bounds_in_signed_order_are_not_shown_as_texts(copied: Settings) -> None:
    """Of other columns only what compares in the order of its type is told: texts of old crawls are nulls."""
    table = cctrawl.row_groups(crawls="2018", columns="url_host_name,fetch_status", settings=copied)
    assert set(table["statistics"].to_pylist()) == {"signed"}
    assert table["min_url_host_name"].null_count == len(table)
    assert table["min_fetch_status"].null_count == 0


def test_all_columns(copied: Settings) -> None:
    """`all` is every column of any schema but the key's; columns that old files lack are null there."""
    table = cctrawl.row_groups(columns="all", settings=copied)
    assert len(table.column_names) == len(NAMES) + 2 * 29
    assert rows_of(copied)
    old = table.filter(pa.compute.equal(table["crawl"], "CC-MAIN-2018-05"))
    assert old["min_content_charset"].null_count == len(old)


def test_an_unknown_column_is_refused(harvested: Settings) -> None:
    """The error names the nearest columns there are."""
    with pytest.raises(InvalidInputError, match="no column: 'fetch_tme'") as caught:
        cctrawl.row_groups(columns=["fetch_tme"], settings=harvested)
    assert "fetch_time" in str(caught.value.hint)


def test_imported_files_have_no_bounds_of_other_columns(held: Settings, index: IndexFile, enter: Enter) -> None:
    """Nothing can be decoded of a file without a footer, and it is no error."""
    enter([group(b"a", b"b")], state=IMPORTED)
    assert cctrawl.row_groups(columns="all", settings=held).num_rows == 1
    assert decoded_bounds(index, 1) == {}


def test_a_table_that_is_read_while_it_is_made_anew(copied: Settings) -> None:
    """Who has begun to read the table reads it to its end as it was, also when a rebuild drops bounds meanwhile."""
    selection = Selection(list(CRAWLS), "warc")
    with open_held(copied) as index:
        whole = list(RowGroupTable(index, selection, ["fetch_time"]).rows())
    with open_held(copied) as index:
        rows = RowGroupTable(index, selection, ["fetch_time"]).rows()
        first = next(rows)
        rebuild_row_groups(settings=copied)
        assert rows_of(copied) == 0
        assert [first, *rows] == whole
