"""Deprecated statistics, ordered by signed bytes, prune and lose no row: on files that have no others.

The files are written by the fake as parquet-mr 1.8 wrote them (``tests/testing/test_footers.py`` holds it to that),
and by the real parquet-mr 1.8.2 (``data/README.md``). Their footers go the whole way: listed, harvested, distilled,
stored, asked.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from pyarrow import parquet

from cctrawl.index import export_row_groups, harvest, import_row_groups, may_hold, open_held, row_groups_with
from cctrawl.settings import Settings
from cctrawl.store import Selection
from cctrawl.surt import KeyRange, target_ranges
from cctrawl.testing import FakeCrawls
from cctrawl.testing.catalogue import write_listing
from cctrawl.testing.columnar import index_folder, write_index_file

SIGNED, ORDERED = "CC-MAIN-2018-05", "CC-MAIN-2020-24"
GOLDEN = Path(__file__).parent / "data" / "parquet-mr-1.8.2.gz.parquet"
# Bytes on both sides of 0x80, of every length in UTF-8; signed, those above come before those below.
LETTERS = "ab)/,:~ü\x7f\x80éÿĀ߿ࠀ語\uffff\U00010000😀"
NAMES = ("com,a", "com,b", "com,ä", "de,münchen", "de,munchen", "org,example", "語,例", "ü", "\x7f", "😀,a", "")
TARGETS = (
    *("b.com", "*.com", "*.münchen.de", "münchen.de", "a.com/b*", "*.例.語"),
    *("example.org/ü", "a.com:8080", "www.a.com/~", "*.ü", "example.org/a/*"),
)

Place: TypeAlias = "tuple[str, int]"  # path and number of a row group
Bounds: TypeAlias = "tuple[bytes | None, bytes | None]"


@dataclass
class Table:
    """An index that is harvested, and what is really in it.

    Attributes:
        settings: lead to the data folder that holds it.
        keys: the keys of each row group, by path and number.
        bounds: the bounds of each as its footer has them.
    """

    settings: Settings
    keys: dict[Place, list[bytes]]
    bounds: dict[Place, Bounds]

    def holding(self, ranges: list[KeyRange]) -> set[Place]:
        """Return the row groups that hold a key of the ranges: every row is looked at."""
        spans = [(start.encode(), stop.encode()) for start, stop in ranges]
        return {
            place
            for place, keys in self.keys.items()
            if any(start <= key < stop for key in keys for start, stop in spans)
        }


def random_key(rng: Random) -> str:
    """Return a key as nobody has seen one: a name, often with a path, perhaps a prefix of others, perhaps empty."""
    key = rng.choice(NAMES)
    if rng.random() < 0.9:
        key += rng.choice((")/", ":8080)/", ",www)/", ")"))
    return key + "".join(rng.choice(LETTERS) for _ in range(rng.randrange(4)))


def nasty_groups(rng: Random, count: int) -> list[list[str]]:
    """Return the keys of row groups: neighbours in one order or the other, now and then just anything."""
    keys = [random_key(rng) for _ in range(count * 8)]
    keys.sort(key=str.encode if rng.random() < 0.5 else lambda key: signed(key.encode()))
    if rng.random() < 0.2:
        rng.shuffle(keys)
    return [keys[start : start + 8] for start in range(0, len(keys), 8)]


def signed(key: bytes) -> list[int]:
    """Return what parquet-mr 1.8 compared."""
    return [byte - 256 if byte > 127 else byte for byte in key]


def harvested(root: Path, crawl: str, paths: list[str]) -> Settings:
    """List and harvest these files."""
    write_listing(root, f"crawl-data/{crawl}/", "cc-index-table", [index_folder(crawl), *paths])
    settings = Settings.resolve(base_url=str(root), data_dir=root / "data")
    assert harvest(crawl, quiet=True, settings=settings).state == "done"
    return settings


def nasty_table(root: Path, crawl: str, fake: FakeCrawls) -> Table:
    """Write files of nasty keys as this crawl's were written, and harvest them."""
    rng = Random(20180105)
    template = fake.index_files(crawl)[0].rows[0]
    keys: dict[Place, list[bytes]] = {}
    paths = [f"{index_folder(crawl)}subset=warc/part-{number:05}.c000.gz.parquet" for number in range(12)]
    for path in paths:
        groups = nasty_groups(rng, 6)
        rows = [[{**template, "url_surtkey": key} for key in group] for group in groups]
        write_index_file(root / path, crawl, rows)
        keys |= {(path, number): [key.encode() for key in group] for number, group in enumerate(groups)}
    order = signed if crawl == SIGNED else bytes
    return Table(
        harvested(root, crawl, paths), keys, {place: bounds_of(group, order) for place, group in keys.items()}
    )


def bounds_of(keys: list[bytes], order: Callable[[bytes], object]) -> Bounds:
    """Return the least and the greatest key in an order."""
    return min(keys, key=order), max(keys, key=order)  # type: ignore[arg-type]  # lists and bytes compare


def golden_table(root: Path) -> Table:
    """Harvest the file of the real writer."""
    path = f"{index_folder(SIGNED)}subset=warc/part-00000.c000.gz.parquet"
    (root / path).parent.mkdir(parents=True)
    shutil.copy(GOLDEN, root / path)
    file = parquet.ParquetFile(GOLDEN)
    keys = {
        (path, number): [
            str(key).encode() for key in file.read_row_group(number, ["url_surtkey"])["url_surtkey"].to_pylist()
        ]
        for number in range(file.num_row_groups)
    }
    bounds = {place: bounds_of(group, signed) for place, group in keys.items()}
    bounds[path, 3] = (None, None)  # the row group with a key of more than 4 KiB
    return Table(harvested(root, SIGNED, [path]), keys, bounds)


@pytest.fixture(scope="module")
def signed_table(tmp_path_factory: pytest.TempPathFactory, fake: FakeCrawls) -> Table:
    """Nasty keys, statistics of 2018."""
    return nasty_table(tmp_path_factory.mktemp("signed"), SIGNED, fake)


@pytest.fixture(scope="module")
def ordered_table(tmp_path_factory: pytest.TempPathFactory, fake: FakeCrawls) -> Table:
    """The same keys, statistics of today."""
    return nasty_table(tmp_path_factory.mktemp("ordered"), ORDERED, fake)


def questions(table: Table, count: int) -> Iterator[list[KeyRange]]:
    """Yield ranges as users and programs ask for them: keys, URLs, hosts, domains, prefixes, any range."""
    rng = Random(2018)
    held = sorted({key.decode() for keys in table.keys.values() for key in keys})
    for _ in range(count):
        key, other = rng.choice(held), rng.choice((rng.choice(held), random_key(rng)))
        kind = rng.random()
        if kind < 0.5:
            yield [KeyRange(min(key, other, key=str.encode), max(key, other, key=str.encode))]
        elif kind < 0.6:
            yield [KeyRange(key[:2], key[:2] + "\U0010ffff")]
        else:
            keys = [f"surt:{name}" for name in (key, other) if name]
            yield target_ranges(rng.choice([*keys, *TARGETS]))


def compare(table: Table, kind: str, count: int) -> tuple[int, int, int]:
    """Ask many questions; return how many row groups were named, could have been, and would be lost naively."""
    named = possible = lost = 0
    crawl = SIGNED if kind == "signed" else ORDERED
    with open_held(table.settings) as index:
        for ranges in questions(table, count):
            holding = table.holding(ranges)
            found = {(row.path, row.row_group) for row in row_groups_with(index, Selection([crawl]), ranges)}
            assert holding <= found, ranges
            pure, naive = set(), set()
            for place, (low, high) in table.bounds.items():
                told = "absent" if low is None else kind
                if any(may_hold(range_, told, low, high) for range_ in ranges):
                    pure.add(place)
                if low is None or any(may_hold(range_, "ordered", low, high) for range_ in ranges):
                    naive.add(place)
            assert holding <= pure, ranges
            named, possible = named + len(found), possible + len(table.keys)
            lost += len(holding - naive)
    return named, possible, lost


def test_signed_statistics_lose_no_row(signed_table: Table) -> None:
    """Of thousands of ranges, none misses a row group that holds one of its keys; naive comparison misses many."""
    with open_held(signed_table.settings) as index:
        rows = row_groups_with(index, Selection([SIGNED]), [KeyRange("", "\U0010ffff")])
        assert {row.statistics for row in rows} == {"signed"}
    named, possible, lost = compare(signed_table, "signed", 3000)
    assert named < possible * 0.75
    assert lost > 1000


@pytest.mark.parametrize("name", ["row_groups.parquet", "row_groups.csv"])
def test_signed_bounds_that_were_handed_on(name: str, signed_table: Table, tmp_path: Path) -> None:
    """Exported as stored and imported elsewhere, they lose no row either."""
    export_row_groups(str(tmp_path / name), name.rpartition(".")[2], settings=signed_table.settings)
    settings = Settings.resolve(base_url=signed_table.settings.base_url, data_dir=tmp_path / "data")
    import_row_groups(str(tmp_path / name), settings=settings)
    named, possible, lost = compare(replace(signed_table, settings=settings), "signed", 500)
    assert named < possible * 0.75
    assert lost > 100


def test_ordered_statistics_of_the_same_keys(ordered_table: Table) -> None:
    """The same questions to the same keys with today's statistics miss nothing either, compared as bytes."""
    named, possible, lost = compare(ordered_table, "ordered", 500)
    assert named < possible * 0.6
    assert lost == 0


def test_the_real_writers_file(tmp_path: Path) -> None:
    """Nor is a row group of the real parquet-mr 1.8.2's file missed, where naive comparison misses some."""
    table = golden_table(tmp_path)
    with open_held(table.settings) as index:
        rows = list(row_groups_with(index, Selection([SIGNED]), [KeyRange("", "\U0010ffff")]))
    assert [row.statistics for row in rows] == ["signed", "signed", "signed", "absent"]
    named, possible, lost = compare(table, "signed", 2000)
    assert named < possible
    assert lost > 50


def test_plain_targets_prune_signed_files_well(fake: FakeCrawls, tmp_path: Path) -> None:
    """On keys as Common Crawl has them, ASCII, signed bounds name no more row groups than ordered ones would."""
    settings = Settings.resolve(base_url=str(fake.root), data_dir=tmp_path)
    harvest(SIGNED, quiet=True, settings=settings)
    files = fake.index_files(SIGNED)
    with open_held(settings) as index:
        for host in {str(row["url_host_name"]) for file in files for row in file.rows}:
            ranges = target_ranges(host)
            found = {
                (row.path, row.row_group) for row in row_groups_with(index, Selection([SIGNED], "warc"), ranges)
            }
            assert found == {
                (file.path, number)
                for file in files
                for number, group in enumerate(file.row_groups)
                if any(may_hold(range_, "ordered", group.min, group.max) for range_ in ranges)
            }
