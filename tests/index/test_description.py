"""One footer in full."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctrawl.errors import FormatError, InvalidInputError, NotFoundError
from cctrawl.index import describe_footer
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls, FakeServer

CRAWL = "CC-MAIN-2024-22"


@pytest.mark.parametrize("crawl", [CRAWL, "CC-MAIN-2018-05"])
def test_held_files_by_path_and_by_its_end(crawl: str, harvested: Settings, fake: FakeCrawls) -> None:
    """A held file is described without a request: rows, columns, chunks as pyarrow reads them."""
    path = fake.index_files(crawl)[1].path
    for name in (path, "/".join(path.split("/")[-3:])):
        found = describe_footer(name, settings=harvested)
        assert (found.name, found.is_held) == (path, True)
        assert found.size_bytes == (fake.root / path).stat().st_size
    theirs = pq.read_metadata(fake.root / path)
    rows = list(found.chunks())
    names = [column.name for column in found.footer.columns]
    assert len(rows) == theirs.num_row_groups * theirs.num_columns
    for row in rows:
        group = theirs.row_group(row.row_group)
        chunk = group.column(names.index(row.column))
        assert (row.num_rows, row.codec, row.num_values) == (group.num_rows, chunk.compression, chunk.num_values)
        assert (row.compressed_bytes, row.data_page_offset) == (chunk.total_compressed_size, chunk.data_page_offset)
    assert {row.column for row in found.chunks(column="fetch_time")} == {"fetch_time"}
    assert {row.row_group for row in found.chunks(row_group=1)} == {1}
    assert f"{theirs.num_rows} rows in {theirs.num_row_groups} row groups" in found.facts()


def test_an_end_that_is_of_several_files(harvested: Settings, fake: FakeCrawls) -> None:
    """The subsets of a crawl have files of one name: that of the subset is meant, or all are named."""
    path = fake.index_files(CRAWL)[0].path
    name = path.rpartition("/")[2]
    assert describe_footer(name, settings=harvested).name == path
    other = path.replace("subset=warc", "subset=robotstxt")
    assert describe_footer(name, subset="robotstxt", settings=harvested).name == other
    assert describe_footer(other, settings=harvested).name == other  # a whole path leaves no choice
    with pytest.raises(InvalidInputError, match="3 held files end in") as caught:
        describe_footer(name, subset="all", settings=harvested)
    assert path in str(caught.value)
    with pytest.raises(NotFoundError, match="no held file ends in"):
        describe_footer(name[1:], settings=harvested)  # the middle of a name is no end of a path


def test_files_that_are_not_held(fake: FakeCrawls, server: FakeServer, held: Settings, tmp_path: Path) -> None:
    """A file on disk, a URL and a listed path are described after one request."""
    path = fake.index_files(CRAWL)[0].path
    there = Settings.resolve(data_dir=tmp_path, base_url=server.url)
    described = [
        describe_footer(str(fake.root / path), settings=held),
        describe_footer(server.url + path, settings=held),
        describe_footer(path, settings=there),
    ]
    assert len({one.footer for one in described}) == 1
    assert not any(one.is_held for one in described)
    assert len([entry for entry in server.requests if entry.path.endswith(path)]) == 2


def test_a_footer_that_is_larger_than_the_first_request(held: Settings, tmp_path: Path) -> None:
    """Then a second request gets the rest."""
    file = tmp_path / "wide.parquet"
    pq.write_table(pa.table({f"column_{number:05}": [number] for number in range(3000)}), file)
    found = describe_footer(str(file), settings=held)
    assert found.footer_bytes > 128 * 2**10
    assert len(found.footer.columns) == 3000


def test_bounds_are_values(held: Settings, tmp_path: Path) -> None:
    """Bounds are decoded by type; what cannot be stays bytes."""
    table = pa.table({"number": [3, 1], "day": pa.array([0, 1], pa.date32()), "raw": [b"\xff", b"\xfe"]})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = list(describe_footer(str(tmp_path / "a.parquet"), settings=held).chunks())
    assert (rows[0].min, rows[0].max) == (1, 3)
    assert str(rows[1].max) == "1970-01-02"
    assert rows[2].min == b"\xfe"


def test_what_there_is_not(harvested: Settings, fake: FakeCrawls, tmp_path: Path) -> None:
    """A row group or column that the file lacks, and a file that is no Parquet, are errors with a hint."""
    found = describe_footer(fake.index_files(CRAWL)[0].path, settings=harvested)
    with pytest.raises(InvalidInputError, match="no row group 99"):
        list(found.chunks(row_group=99))
    with pytest.raises(InvalidInputError, match="no column 'x'"):
        list(found.chunks(column="x"))
    for name, data in (("short", b"PAR1"), ("xml", b"<Error>" * 9), ("long", b"\xff\xff\x00\x00PAR1")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FormatError, match=name) as caught:
            describe_footer(str(tmp_path / name), settings=harvested)
        assert caught.value.hint
