from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.testing.test_build import TINY, cdxj_lines

from cctrawl.errors import NotFoundError
from cctrawl.index.thrift import List, Struct, read_struct
from cctrawl.testing import FakeCrawls, FakeIndexFile, build
from cctrawl.testing.footers import key_bounds
from cctrawl.testing.generations import generation_of

SUBSETS = ["warc", "robotstxt", "crawldiagnostics"]
SIGNED, ZIPPED, SORTED, NEWEST = "CC-MAIN-2018-05", "CC-MAIN-2020-24", "CC-MAIN-2023-50", "CC-MAIN-2024-22"
YOUNGEST = "CC-MAIN-2026-30"


@pytest.fixture(scope="module")
def ages(tmp_path_factory: pytest.TempPathFactory) -> FakeCrawls:
    """An index of every age, with a URL of more than 4 KiB in each."""
    before_2020 = ("CC-MAIN-2017-04", SIGNED, "CC-MAIN-2018-43", "CC-MAIN-2019-47")
    crawls = (*before_2020, ZIPPED, "CC-MAIN-2021-43", "CC-MAIN-2021-49", "CC-MAIN-2022-21", SORTED, YOUNGEST)
    size = replace(TINY, crawls=crawls, long_urls=crawls, pages_per_file=60, index_files=2, arc=(), news=())
    return build(tmp_path_factory.mktemp("ages"), size=size)


def read_rows(fake: FakeCrawls, file: FakeIndexFile) -> list[dict[str, Any]]:
    """Return the rows of a file as pyarrow reads them, times in UTC with milliseconds."""
    table = parquet.read_table(fake.root / file.path, partitioning=None, coerce_int96_timestamp_unit="ms")
    number = table.schema.get_field_index("fetch_time")
    time = table["fetch_time"].cast(pa.timestamp("ms"), safe=True).cast(pa.timestamp("ms", tz="UTC"))
    rows: list[dict[str, Any]] = table.set_column(number, "fetch_time", time).to_pylist()
    return rows


def footer_of(file: Path) -> Struct:
    """Return a file's footer as Thrift has it."""
    data = file.read_bytes()
    return read_struct(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))[0]


def structs(struct: Struct, field: int) -> list[Struct]:
    """Return the structs of a field that is a list of them."""
    value = struct[field].value
    assert isinstance(value, List)
    return value.values  # type: ignore[return-value]  # a list of structs


def test_readers_find_the_rows_that_the_fake_knows(ages: FakeCrawls, fake: FakeCrawls) -> None:
    """Pyarrow and DuckDB read every file, of every age: the rows that the fake tells, in its order."""
    for built in (ages, fake):
        for file in built.index:
            path = str(built.root / file.path)
            assert read_rows(built, file) == [dict(row) for row in file.rows]
            keys = duckdb.read_parquet(path, hive_partitioning=False).project("url_surtkey, warc_record_offset")
            assert keys.fetchall() == [(row["url_surtkey"], row["warc_record_offset"]) for row in file.rows]
            metadata = parquet.read_metadata(path)
            counts = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
            assert counts == [len(group.rows) for group in file.row_groups]


@pytest.mark.parametrize("subset", SUBSETS)
@pytest.mark.parametrize("crawl", [SIGNED, ZIPPED, NEWEST])
def test_both_indexes_tell_the_same(crawl: str, subset: str, fake: FakeCrawls) -> None:
    """The columnar index has the captures that CDXJ has, each once, with the same fields, whatever its age."""
    names = {"redirect": "fetch_redirect", "charset": "content_charset", "languages": "content_languages"}
    names |= {"truncated": "content_truncated", "digest": "content_digest", "mime": "content_mime_type"}
    ours = [
        (row["url"], row["warc_filename"], row["warc_record_offset"], *(row.get(name) for name in names.values()))
        for file in fake.index_files(crawl, subset)
        for row in file.rows
    ]
    lines = [json.loads(line.split(" ", 2)[2]) for line in cdxj_lines(fake.root, crawl)]
    theirs = [
        (line["url"], line["filename"], int(line["offset"]), *(line.get(name) for name in names))
        for line in lines
        if f"/{subset}/" in line["filename"]
    ]
    assert sorted(ours, key=str) == sorted(theirs, key=str)


@pytest.mark.parametrize(
    ("crawl", "count", "new"),
    [
        ("CC-MAIN-2017-04", 25, set()),
        ("CC-MAIN-2018-43", 27, {"content_charset", "content_languages"}),
        ("CC-MAIN-2019-47", 29, {"fetch_redirect", "content_truncated"}),
        ("CC-MAIN-2021-43", 29, set()),
        ("CC-MAIN-2021-49", 30, {"url_host_name_reversed"}),
        (YOUNGEST, 31, {"warc_record_id"}),
    ],
)
def test_columns_by_year(crawl: str, count: int, new: set[str], ages: FakeCrawls) -> None:
    """Each crawl has the columns of its time, in the published order."""
    names = parquet.read_schema(ages.root / ages.index_files(crawl)[0].path).names
    assert len(names) == count
    assert new <= set(names)
    assert [name for name in generation_of(YOUNGEST).column_names if name in names] == names


@pytest.mark.parametrize(
    ("crawl", "writer", "time"),
    [
        ("CC-MAIN-2017-04", "parquet-mr version 1.10.1", ("INT96", "NONE", "NONE")),
        (SIGNED, "parquet-mr version 1.8.2", ("INT96", "NONE", "NONE")),
        (ZIPPED, "parquet-mr version 1.10.1", ("INT64", "TIMESTAMP_MILLIS", "TIMESTAMP")),
        ("CC-MAIN-2021-49", "parquet-mr version 1.12.2", ("INT64", "TIMESTAMP_MILLIS", "TIMESTAMP")),
    ],
)
def test_writers_and_times_by_year(crawl: str, writer: str, time: tuple[str, str, str], ages: FakeCrawls) -> None:
    """Each crawl names the writer of its time, and has fetch_time in that writer's form."""
    path = ages.root / ages.index_files(crawl)[0].path
    metadata = parquet.read_metadata(path)
    assert metadata.created_by.startswith(writer + " (build ")
    column = metadata.schema.column(metadata.schema.names.index("fetch_time"))
    assert (column.physical_type, column.converted_type, column.logical_type.type) == time
    (told,) = duckdb.read_parquet(str(path)).project("fetch_time").types
    assert told == ("TIMESTAMP WITH TIME ZONE" if crawl >= "CC-MAIN-2021-49" else "TIMESTAMP")


def test_page_indexes_and_dictionary_offsets_by_year(ages: FakeCrawls) -> None:
    """Only files since CC-MAIN-2021-49 tell where dictionaries are and have page indexes."""
    for file in ages.index:
        metadata = parquet.read_metadata(ages.root / file.path)
        chunks = [metadata.row_group(0).column(number) for number in range(metadata.num_columns)]
        is_young = file.crawl >= "CC-MAIN-2021-49"
        assert {chunk.has_offset_index for chunk in chunks} == {is_young}
        assert any(chunk.has_column_index for chunk in chunks) == is_young
        assert any(chunk.has_dictionary_page for chunk in chunks) == is_young
        assert any("DICTIONARY" in encoding for chunk in chunks for encoding in chunk.encodings)
        assert {chunk.compression for chunk in chunks} == {"ZSTD" if file.crawl >= YOUNGEST else "GZIP"}


def as_text(bound: bytes | None) -> str | None:
    """Return a bound as pyarrow gives it."""
    return None if bound is None else bound.decode()


def test_statistics_are_those_the_fake_tells(ages: FakeCrawls, fake: FakeCrawls) -> None:
    """Ordered bounds are those that pyarrow sees; it sees none where they are signed or absent."""
    kinds = set()
    for built in (ages, fake):
        for file in built.index:
            metadata = parquet.read_metadata(built.root / file.path)
            for number, group in enumerate(file.row_groups):
                statistics = metadata.row_group(number).column(0).statistics
                if file.crawl >= "CC-MAIN-2021-49":
                    has_index = metadata.row_group(number).column(0).has_column_index
                    assert has_index == (group.statistics == "ordered")
                seen = statistics is not None and statistics.has_min_max
                assert seen == (group.statistics == "ordered")
                if seen:
                    keys = sorted(str(row["url_surtkey"]) for row in group.rows)
                    assert (statistics.min, statistics.max) == (keys[0], keys[-1])
                    assert (as_text(group.min), as_text(group.max)) == (keys[0], keys[-1])
                kinds.add((file.crawl == SIGNED, group.statistics))
    assert kinds == {(True, "signed"), (True, "absent"), (False, "ordered"), (False, "absent"), (False, "signed")}


def test_deprecated_statistics_of_the_first_crawls(ages: FakeCrawls) -> None:
    """Footers of CC-MAIN-2017-43 to 2018-43 hold the deprecated pair alone, and it bounds the keys."""
    for crawl in (SIGNED, "CC-MAIN-2018-43"):
        for file in ages.index_files(crawl):
            footer = footer_of(ages.root / file.path)
            assert 7 not in footer
            for row_group, known in zip(structs(footer, 4), file.row_groups, strict=True):
                meta: Any = structs(row_group, 1)[0][3].value
                statistics = meta[12].value
                if known.statistics == "absent":
                    assert statistics == {}
                    continue
                assert list(statistics) == [1, 2, 3]
                assert (statistics[2].value, statistics[1].value) == (known.min, known.max)


def test_a_long_url_costs_its_row_group_the_statistics(ages: FakeCrawls, fake: FakeCrawls) -> None:
    """One row group of such a crawl has no statistics of the key: the one with a URL of more than 4 KiB."""
    for crawl in ages.size.crawls:
        groups = [group for file in ages.index_files(crawl) for group in file.row_groups]
        (absent,) = (group for group in groups if group.statistics == "absent")
        assert max(len(str(row["url"])) for row in absent.rows) > 4096
        assert max(len(str(row["url"])) for group in groups if group is not absent for row in group.rows) < 200
    absent_in = {
        file.crawl for file in fake.index if any(group.statistics == "absent" for group in file.row_groups)
    }
    assert absent_in == {ZIPPED}


def test_bounds_of_4096_bytes_are_one_too_long() -> None:
    """parquet-mr keeps statistics whose two bounds take less than 4,096 bytes together, and no others."""
    generation = generation_of("CC-MAIN-2020-24")
    for low, high, kind in ((2047, 2048, "ordered"), (2048, 2048, "absent"), (1, 4095, "absent")):
        rows = [{"url_surtkey": "a" * low}, {"url_surtkey": "b" * high}]
        assert key_bounds(rows, generation).statistics == kind


def test_times_are_int96_until_2020() -> None:
    """The last crawl with INT96 is that of December 2019, the thirteenth with deprecated statistics of 2018-43."""
    assert [generation_of(f"CC-MAIN-{crawl}").is_int96 for crawl in ("2019-51", "2020-05")] == [True, False]
    crawls = ("2017-39", "2017-43", "2018-43", "2018-47")
    assert [generation_of(f"CC-MAIN-{crawl}").writer.orders_unsigned for crawl in crawls] == [
        True, False, False, True,
    ]  # fmt: skip


def test_old_files_are_zipped_sorted_runs(ages: FakeCrawls, fake: FakeCrawls) -> None:
    """Before mid-2022 the row groups of a file overlap, and the files do; since then all rows are in order."""
    across = []
    for built in (ages, fake):
        for crawl in built.size.crawls:
            files = [[str(row["url_surtkey"]).encode() for row in file.rows] for file in built.index_files(crawl)]
            if crawl >= "CC-MAIN-2022-21":
                keys = [key for file in files for key in file]
                assert keys == sorted(keys)
                continue
            across += [max(before) > min(after) for before, after in pairwise(files)]
            for file in built.index_files(crawl):
                groups = [[str(row["url_surtkey"]).encode() for row in group.rows] for group in file.row_groups]
                overlaps = [max(before) > min(after) for before, after in pairwise(groups)]
                assert any(overlaps)
    assert across.count(True) > len(across) / 2  # with few rows, here and there none is dealt to a neighbour


@pytest.mark.parametrize("crawl", ["CC-MAIN-2021-49", SORTED])
def test_page_indexes_call_zipped_files_sorted(crawl: str, tmp_path: Path) -> None:
    """Page indexes of zipped files, too, say ASCENDING; it is true of their bounds alone, for pages overlap."""
    size = replace(TINY, crawls=(crawl,), pages_per_file=300, index_files=1, rows_per_group=150, arc=(), news=())
    built = build(tmp_path / "fake", size=size)
    (file,) = built.index_files(crawl)
    data = (built.root / file.path).read_bytes()
    for group in structs(footer_of(built.root / file.path), 4):
        place: Any = structs(group, 1)[0][6].value
        index: Any = read_struct(data, place)[0]
        lows, highs = index[2].value.values, index[3].value.values
        assert len(lows) > 10
        assert index[4].value == 1  # ASCENDING
        assert (lows, highs) == (sorted(lows), sorted(highs))
        assert any(low < high for low, high in zip(lows[1:], highs, strict=False)) == (crawl != SORTED)


def test_equal_names_mean_equal_bytes(tmp_path: Path) -> None:
    """Files of another seed or another size have other names: who keeps footers by path must not mix them up."""
    tiny = replace(TINY, crawls=(SORTED,), arc=(), news=())
    choices = [(1, tiny), (1, tiny), (2, tiny)]
    choices += [(1, replace(tiny, rows_per_group=2)), (1, replace(tiny, page_bytes=301))]
    builds = [build(tmp_path / str(n), seed=seed, size=size) for n, (seed, size) in enumerate(choices)]
    paths = [tuple(file.path for file in built.index) for built in builds]
    assert paths[0] == paths[1]
    assert len(set(paths[1:])) == 4


def test_any_size(tmp_path: Path) -> None:
    """There are as many files and row groups as asked for, and no file without a row."""
    size = replace(TINY, crawls=(ZIPPED,), pages_per_file=8, index_files=5, rows_per_group=1, arc=(), news=())
    built = build(tmp_path / "fake", size=size)
    groups = [len(file.row_groups) for file in built.index_files(ZIPPED)]
    assert 2 <= len(groups) <= 5
    assert sum(groups) == 9  # one has a long URL
    assert all(len(group.rows) == 1 for file in built.index for group in file.row_groups)


def test_crawls_without_an_index(fake: FakeCrawls) -> None:
    """Asking for the index of an ARC crawl or an unknown subset is an error that names the crawls that have one."""
    for crawl, subset in (("CC-MAIN-2009-2010", "warc"), (NEWEST, "wat")):
        with pytest.raises(NotFoundError, match="no columnar index") as caught:
            fake.index_files(crawl, subset)
        assert NEWEST in str(caught.value.hint)
