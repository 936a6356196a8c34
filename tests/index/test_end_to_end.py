"""From the listed files of every age to the answers, as a user asks: no row is lost between them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from pyarrow import parquet

import cctrawl
from cctrawl.index import find_row_groups, missing_statistics, parse_footer
from cctrawl.settings import Settings
from cctrawl.surt import surt_key, target_ranges
from cctrawl.testing import FakeCrawls, FakeServer, Size, build

SUBSETS = ("warc", "robotstxt", "crawldiagnostics")
ARC = "CC-MAIN-2009-2010"
SIGNED = ("CC-MAIN-2018-05", "CC-MAIN-2018-43")
UNSORTED = ("CC-MAIN-2017-04", *SIGNED, "CC-MAIN-2020-24", "CC-MAIN-2021-49")
SORTED = ("CC-MAIN-2022-21", "CC-MAIN-2024-22", "CC-MAIN-2026-30")
WITH_LONG_URLS = ("CC-MAIN-2018-43", "CC-MAIN-2020-24", "CC-MAIN-2024-22")
SIZE = Size(
    crawls=(*UNSORTED, *SORTED), arc=(ARC,), news=(), segments=1, files_per_segment=2, pages_per_file=50,
    page_bytes=300, index_files=4, rows_per_group=5, long_urls=WITH_LONG_URLS,
)  # fmt: skip


@dataclass
class Held:
    """A fake whose index is harvested.

    Attributes:
        fake: what is true of it.
        settings: lead to the data folder that holds the harvest.
        keys: the keys in each row group as pyarrow reads them, by crawl and subset.
        told: what the harvest said.
    """

    fake: FakeCrawls
    settings: Settings
    keys: dict[tuple[str, str], dict[tuple[str, int], list[bytes]]]
    told: str

    def call(self, *words: str) -> list[dict[str, object]]:
        """Run a command on what is held and return its rows; the server is long gone."""
        words = ("index", *words, "-f", "jsonl", "--data-dir", str(self.settings.data_dir))
        done = run(*words, base_url=self.settings.base_url)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def run(*words: str, base_url: str) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    command = [sys.executable, "-m", "cctrawl", *words, "--base-url", base_url]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """Build an index of every age and harvest all of it over HTTP."""
    folder = tmp_path_factory.mktemp("ages")
    fake = build(folder / "fake", seed=3, size=SIZE)
    with FakeServer(fake.root) as server:
        words = ("harvest", "-c", "all", "--subset", "all", "--data-dir", str(folder / "data"))
        done = run(*words, base_url=server.url)
        settings = Settings.resolve(base_url=server.url, data_dir=folder / "data")
    assert done.returncode == 0, done.stderr
    keys: dict[tuple[str, str], dict[tuple[str, int], list[bytes]]] = defaultdict(dict)
    for known in fake.index:
        file = parquet.ParquetFile(fake.root / known.path)
        for number in range(file.num_row_groups):
            column = file.read_row_group(number, ["url_surtkey"])["url_surtkey"]
            keys[known.crawl, known.subset][known.path, number] = [key.encode() for key in column.to_pylist()]
    return Held(fake, settings, keys, done.stderr)


def targets_of(held: Held, rng: Random) -> list[str]:
    """Return targets of every kind, of what is there and of what is not."""
    rows = [row for file in held.fake.index for row in file.rows]
    found = []
    for row in rng.sample(rows, 40):
        url, host, key = str(row["url"]), str(row["url_host_name"]), str(row["url_surtkey"])
        domain = host.removeprefix("www.")
        found += [url, host, f"*.{domain}", f"*.{host.rpartition('.')[2]}", f"surt:{key}"]
        root, _, path = url.partition("?")[0].partition(host)
        found += [f"{root}{host}{path[: path.index('/') + rng.randrange(1, 12)]}*"]
    return [*found, "absent.example.net", "*.zz", "https://absent.example.com/", "a.b/c*", "surt:~"]


@pytest.mark.parametrize("subset", [*SUBSETS, "all"])
def test_no_row_is_lost_whatever_is_asked(held: Held, subset: str) -> None:
    """For every crawl and many targets the row groups named hold each row that a scan of all files finds."""
    rng = Random(subset)
    subsets = SUBSETS if subset == "all" else (subset,)
    for target in targets_of(held, rng):
        spans = [(start.encode(), stop.encode()) for start, stop in target_ranges(target)]
        for crawl in SIZE.crawls:
            named = find_row_groups(target, crawl, subset=subset, settings=held.settings)
            assert not named.incomplete
            holding = {
                place
                for one in subsets
                for place, keys in held.keys[crawl, one].items()
                if any(start <= key < stop for key in keys for start, stop in spans)
            }
            assert holding <= {(row.path, row.row_group) for row in named.row_groups}, (target, crawl)


def test_few_row_groups_are_named(held: Held) -> None:
    """A URL that is there needs a share of a crawl's row groups, in files of every age: signed bounds prune too."""
    rng = Random(5)
    for crawl in SIZE.crawls:
        files = held.fake.index_files(crawl)
        rows = [row for file in files for row in file.rows]
        total = sum(len(file.row_groups) for file in files)
        named = [
            len(find_row_groups(str(row["url"]), crawl, settings=held.settings).row_groups)
            for row in rng.sample(rows, 30)
        ]
        assert sum(named) / len(named) < total * (0.25 if crawl in SORTED else 0.4), crawl


@pytest.mark.parametrize("crawl", ["CC-MAIN-2018-43", "CC-MAIN-2020-24", "CC-MAIN-2024-22"])
def test_groups_from_the_command_line(crawl: str, held: Held) -> None:
    """`index groups` names row groups with the rows, sizes and bounds of the footers, and those without bounds."""
    known = {
        (file.path, number): group
        for file in held.fake.index_files(crawl)
        for number, group in enumerate(file.row_groups)
    }
    lines = held.call("groups", "commoncrawl.org", "-c", crawl)
    named = {(str(line["path"]), line["row_group"]): line for line in lines}
    assert len(named) == len(lines)
    key = surt_key("https://commoncrawl.org/").encode()
    assert {
        place for place, keys in held.keys[crawl, "warc"].items() if any(k.startswith(key) for k in keys)
    } <= set(named)
    for (path, number), line in named.items():
        group = known[path, int(str(number))]
        assert (line["statistics"], line["num_rows"]) == (group.statistics, len(group.rows))
        assert [line["min"], line["max"]] == [bound and bound.decode() for bound in (group.min, group.max)]
        metadata = parquet.read_metadata(held.fake.root / path).row_group(int(str(number)))
        assert line["byte_size"] == metadata.total_byte_size
    assert {line["statistics"] for line in lines} >= {"absent"}


def test_missing_statistics_are_those_that_were_left_out(held: Held) -> None:
    """`index missing` counts, crawl by crawl, the row groups that were written without ordered bounds."""
    expected = []
    for crawl in sorted(SIZE.crawls):
        files = held.fake.index_files(crawl)
        kinds = [group.statistics for file in files for group in file.row_groups]
        if set(kinds) != {"ordered"}:
            ordered = kinds.count("ordered")
            expected.append((crawl, len(kinds), len(files), ordered, ordered, kinds.count("signed")))
    assert [tuple(row) for row in missing_statistics(settings=held.settings)] == expected
    names = ("crawl", "row_groups", "files", "min_url", "max_url", "deprecated")
    assert held.call("missing") == [dict(zip(names, row, strict=True)) for row in expected]
    assert {row[0] for row in expected} == {*SIGNED, *WITH_LONG_URLS}


def test_crawls_without_an_index_are_passed_over(held: Held) -> None:
    """`-c all` harvests every crawl that has an index, and names on stderr the one that has none."""
    assert ARC in held.fake.crawls
    assert ARC in held.told
    lines = held.call("status")
    assert {(line["crawl"], line["subset"]) for line in lines} == set(held.keys)
    for line in lines:
        files = held.fake.index_files(str(line["crawl"]), str(line["subset"]))
        assert line["files"] == line["listed"] == len(files)
        assert line["row_groups"] == sum(len(file.row_groups) for file in files)
        assert line["rows"] == sum(len(file.rows) for file in files)


def test_footers_tell_what_was_written(held: Held) -> None:
    """A footer of any age says of each row group what the fake knows, and of its pages what pyarrow reads."""
    for known in held.fake.index:
        data = (held.fake.root / known.path).read_bytes()
        footer = parse_footer(data[-8 - int.from_bytes(data[-8:-4], "little") : -8], known.path)
        metadata = parquet.read_metadata(held.fake.root / known.path)
        assert [group.num_rows for group in footer.row_groups] == [len(group.rows) for group in known.row_groups]
        for number, group in enumerate(known.row_groups):
            key = footer.row_groups[number].columns[0]
            found = key.statistics
            assert (found.kind, found.min, found.max) == (group.statistics, group.min, group.max)
            for at, chunk in enumerate(footer.row_groups[number].columns):
                theirs = metadata.row_group(number).column(at)
                assert chunk.column.name == theirs.path_in_schema
                assert (chunk.offset_index is not None) == theirs.has_offset_index
                dictionary = theirs.dictionary_page_offset
                assert chunk.start == (theirs.data_page_offset if dictionary is None else dictionary)
                assert chunk.stop - chunk.start == theirs.total_compressed_size


@pytest.mark.parametrize("name", ["row_groups.parquet", "row_groups.csv.gz", "row_groups.jsonl"])
def test_a_table_that_was_handed_on_answers_the_same(held: Held, name: str, tmp_path: Path) -> None:
    """Who imports an exported table is named the same row groups, without a request: bounds of all kinds travel."""
    where = ("--data-dir", str(held.settings.data_dir))
    done = run("index", "export", str(tmp_path / name), "--subset", "all", *where, base_url=held.settings.base_url)
    assert done.returncode == 0, done.stderr
    where = ("--data-dir", str(tmp_path / "data"))
    done = run("index", "import", str(tmp_path / name), *where, base_url=held.settings.base_url)
    assert done.returncode == 0, done.stderr
    theirs = Settings.resolve(base_url=held.settings.base_url, data_dir=tmp_path / "data")
    for target in targets_of(held, Random(name))[::3]:
        for crawl in SIZE.crawls:
            ours = find_row_groups(target, crawl, subset="all", settings=held.settings)
            assert find_row_groups(target, crawl, subset="all", settings=theirs).row_groups == ours.row_groups


def test_a_rebuilt_table_answers_the_same(held: Held) -> None:
    """The table made anew from the held footers has the same row groups, in every column."""
    target = "*.com"
    before = [find_row_groups(target, crawl, subset="all", settings=held.settings) for crawl in SIZE.crawls]
    assert held.call("rebuild") == []
    after = [find_row_groups(target, crawl, subset="all", settings=held.settings) for crawl in SIZE.crawls]
    assert after == before


def test_bounds_of_other_columns_hold(held: Held) -> None:
    """Bounds of any column, where there are some, enclose its values; a crawl without the column has nulls."""
    columns = ["fetch_time", "fetch_status", "url_host_name", "url_host_name_reversed", "warc_record_offset"]
    table = cctrawl.row_groups(crawls="all", columns=columns, settings=held.settings).to_pylist()
    rows = {
        (file.path, number): group.rows
        for file in held.fake.index
        for number, group in enumerate(file.row_groups)
        if file.subset == "warc"
    }
    assert {(row["path"], row["row_group"]) for row in table} == set(rows)
    told: dict[str, set[str]] = defaultdict(set)
    for found in table:
        for column in columns:
            low, high = found[f"min_{column}"], found[f"max_{column}"]
            values = [row[column] for row in rows[found["path"], found["row_group"]] if row.get(column) is not None]
            if low is not None and values:
                told[column].add(found["crawl"])
                assert all(low <= value <= high for value in values), (found, column)
    new = {crawl for crawl in SIZE.crawls if crawl >= "CC-MAIN-2020-24"}
    assert told["fetch_time"] == new  # INT96 has no order
    assert told["fetch_status"] == told["warc_record_offset"] == set(SIZE.crawls)
    assert told["url_host_name_reversed"] == {crawl for crawl in new if crawl >= "CC-MAIN-2021-49"}
