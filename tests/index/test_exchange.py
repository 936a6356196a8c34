"""The row-group table out of one data folder and into another: the same answers, and nothing that cannot be."""

from __future__ import annotations

import csv
import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.held_index import Enter, group, path_of

import cctrawl
from cctrawl.errors import FormatError, InvalidInputError, NotFoundError
from cctrawl.index import ImportCounts, export_row_groups, find_row_groups, holdings, import_row_groups, open_held
from cctrawl.settings import Settings
from cctrawl.store import IndexFile, all_row_groups, index_path, open_index
from cctrawl.store.rowgroups import Selection, held_crawls

CRAWL = "CC-MAIN-2020-24"
ENDINGS = [("parquet", "parquet"), ("csv", "csv"), ("csv.gz", "csv"), ("jsonl", "jsonl"), ("jsonl.gz", "jsonl")]
ROW: dict[str, Any] = {
    "path": path_of(CRAWL, "warc", 0), "crawl": CRAWL, "subset": "warc", "row_group": 0, "num_rows": 10,
    "byte_size": 100, "min_url_surtkey": "a", "max_url_surtkey": "b", "statistics": "ordered",
}  # fmt: skip


@pytest.fixture
def elsewhere(held: Settings, tmp_path: Path) -> Settings:
    """Settings of a data folder that is empty."""
    return replace(held, data_dir=tmp_path / "elsewhere")


def known(settings: Settings) -> list[tuple[object, ...]]:
    """Return all row groups that are known, as the store has them."""
    with open_index(settings.data_dir, settings.base_url) as index:
        return [tuple(row[:-1]) for row in all_row_groups(index, Selection(held_crawls(index)))]


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize(("ending", "format_"), ENDINGS)
def test_the_same_answers_elsewhere(
    ending: str, format_: str, harvested: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    """What was exported and imported answers as the original does; importing it again changes nothing."""
    there = replace(elsewhere, base_url=harvested.base_url)
    file = str(tmp_path / f"row_groups.{ending}")
    report = export_row_groups(file, format_, subset="all", settings=harvested)
    assert report.size_bytes == Path(file).stat().st_size
    for _ in range(2):
        assert import_row_groups(file, settings=there) == ImportCounts(36, report.rows, 0)
        assert known(there) == known(harvested)
    for target in ("*.com", "example.com", "surt:org,"):
        found = find_row_groups(target, "all", subset="all", settings=there)
        assert found.row_groups == find_row_groups(target, "all", subset="all", settings=harvested).row_groups
    again = str(tmp_path / f"again.{ending}")
    export_row_groups(again, format_, subset="all", settings=there)
    assert Path(again).read_bytes() == Path(file).read_bytes()


@pytest.mark.parametrize(("ending", "format_"), ENDINGS)
def test_odd_bounds_survive(ending: str, format_: str, held: Settings, enter: Enter, elsewhere: Settings) -> None:
    """Bounds that are signed, no UTF-8, absent or empty come out as texts that hold no less, and stay so."""
    enter(
        [
            group(b"a", 'é,"\n'.encode(), "ordered"),
            group("é".encode(), b"z", "signed"),
            group(b"a\xc3", b"ab\xc3"),
            group(b"a\xc3", b"\xff"),
            group(None, None, "absent"),
            group(b"", b"z"),
            group(b"a", b"b", "computed"),
        ]
    )
    file = str(held.data_dir.parent / f"rows.{ending}")
    export_row_groups(file, format_, settings=held)
    import_row_groups(file, settings=elsewhere)
    bounds = [row[6:] for row in known(elsewhere)]
    assert bounds[0] == ("ordered", b"a", 'é,"\n'.encode())
    assert bounds[1] == ("signed", b"\x43\x29", b"\xfa")
    assert bounds[2] == ("ordered", b"a", b"ac")
    assert bounds[3] == ("ordered", b"a", None)
    assert bounds[4] == ("absent", None, None)
    assert bounds[5] in [("ordered", b"", b"z"), ("ordered", None, b"z")]  # CSV has no empty text
    assert bounds[6] == ("computed", b"a", b"b")


def test_more_columns_are_exported_and_passed_over(copied: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    """--columns adds bounds with their types, as texts where a format has no type for them."""
    there = replace(elsewhere, base_url=copied.base_url)
    for ending in ("parquet", "csv", "jsonl"):
        file = str(tmp_path / f"rows.{ending}")
        export_row_groups(file, ending, columns="fetch_time,url_port", settings=copied)
        assert import_row_groups(file, settings=there).row_groups > 0
    schema = pq.read_schema(tmp_path / "rows.parquet")
    assert schema.field("min_fetch_time").type == pa.timestamp("us", "UTC")
    with (tmp_path / "rows.csv").open(newline="") as lines:
        first = next(csv.DictReader(lines))
    assert first["min_fetch_time"].endswith("Z")
    assert list(first)[-2:] == ["min_url_port", "max_url_port"]


def test_what_is_held_wins(copied: Settings, tmp_path: Path) -> None:
    """Of a file whose footer is held nothing is imported."""
    before = known(copied)
    [first, *_] = cctrawl.row_groups(settings=copied).to_pylist()
    changed = {**first, "row_group": 0, "max_url_surtkey": "zzz"}
    counts = import_row_groups(written(tmp_path / "a.jsonl", [changed]), settings=copied)
    assert counts == ImportCounts(0, 0, 1)
    assert known(copied) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"row_group": 1}, "missing or contradict"),
        ({"row_group": -1}, "row_group is -1"),
        ({"row_group": "x"}, "row_group is 'x'"),
        ({"num_rows": None}, "num_rows is None"),
        ({"num_rows": True}, "num_rows is True"),
        ({"byte_size": 2**63}, "byte_size is"),
        ({"byte_size": 1.5}, "byte_size is 1.5"),
        ({"statistics": "sorted"}, "statistics is 'sorted'"),
        ({"statistics": None}, "statistics is None"),
        ({"statistics": "absent"}, "absent are there"),
        ({"min_url_surtkey": "c"}, "above the upper"),
        ({"min_url_surtkey": 1}, "no text"),
        ({"min_url_surtkey": "\ud800"}, "no text"),
        ({"path": ""}, "no path"),
        ({"path": "\ud800"}, "no path"),
        ({"path": f"a\x1b[31m/crawl={CRAWL}/subset=warc/b"}, "no path"),
        ({"path": f"a/../../crawl={CRAWL}/subset=warc/b"}, "no path"),
        ({"path": f"a/crawl={CRAWL}/subset=warc/" + "b" * 1024}, "no path"),
        ({"path": f"/crawl={CRAWL}/subset=warc/b"}, "is not of"),
        ({"path": f"https://example.org/crawl={CRAWL}/subset=warc/b"}, "is not of"),
        ({"path": "b.parquet"}, "is not of"),
        ({"crawl": "CC-MAIN"}, "no crawl"),
        ({"crawl": "CC-MAIN-2021-04"}, "is not of"),
        ({"subset": "wat"}, "no crawl and subset"),
        ({"subset": ["warc"]}, "no crawl and subset"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_all_others(
    change: dict[str, object], words: str, held: Settings, index: IndexFile, enter: Enter
) -> None:
    """A row that is wrong is named, and nothing of its file is taken in."""
    enter([group(b"x", b"y")], number=7)
    rows = [{**ROW, "path": path_of(CRAWL, "warc", 3)}, {**ROW, **change}]
    with pytest.raises(FormatError, match=words) as caught:
        import_row_groups(written(held.data_dir.parent / "rows.jsonl", rows), settings=held)
    assert caught.value.hint
    assert [row.path for row in all_row_groups(index, Selection([CRAWL]))] == [path_of(CRAWL, "warc", 7)]


def test_a_row_group_that_is_there_twice(held: Settings, tmp_path: Path) -> None:
    """A row group that is there twice is refused."""
    with pytest.raises(FormatError, match="twice"):
        import_row_groups(written(tmp_path / "rows.jsonl", [ROW, ROW]), settings=held)


DAMAGES: list[tuple[str, Callable[[Path], object]]] = [
    ("a.parquet", lambda path: path.write_bytes(b"no Parquet")),
    ("a.parquet", lambda path: pq.write_table(pa.table({"path": ["a"]}), path)),
    ("a.csv", lambda path: path.write_bytes(b"\xff\xfe")),
    ("a.csv", lambda path: path.write_text("path,crawl\n1,2\n")),
    ("a.csv", lambda path: path.write_text("")),
    ("a.csv", lambda path: path.write_text(",".join(ROW) + '\n"unclosed')),
    ("a.csv", lambda path: path.write_text(",".join(ROW) + "\ntoo,few\n")),
    ("a.csv", lambda path: path.write_text(",".join(ROW) + "\none,too,many" + ",x" * 7 + "\n")),
    ("a.jsonl.gz", lambda path: path.write_bytes(gzip.compress(bytes(2**25)))),
    ("a.csv.gz", lambda path: path.write_bytes(gzip.compress(b"x" * 99)[:-7])),
    ("a.csv.gz", lambda path: path.write_bytes(b"no gzip")),
    ("a.jsonl", lambda path: path.write_text("{}\n")),
    ("a.jsonl", lambda path: path.write_text("[1]\n")),
    ("a.jsonl", lambda path: path.write_text("{\n")),
    ("a.jsonl", lambda path: path.write_text("[" * 100_000)),
]


@pytest.mark.parametrize(("name", "make"), DAMAGES)
def test_files_that_hold_something_else(
    name: str, make: Callable[[Path], object], held: Settings, tmp_path: Path
) -> None:
    """Damaged and foreign files are errors that name them, with a hint."""
    make(tmp_path / name)
    with pytest.raises(FormatError, match=name) as caught:
        import_row_groups(str(tmp_path / name), settings=held)
    assert caught.value.hint
    assert known(held) == []


def test_files_that_are_none(held: Settings, tmp_path: Path) -> None:
    """A file that is not there, or of no format that is known, is an error."""
    with pytest.raises(NotFoundError):
        import_row_groups(str(tmp_path / "none.csv"), settings=held)
    with pytest.raises(InvalidInputError):
        import_row_groups(str(tmp_path / "rows.xlsx"), settings=held)
    assert not held.data_dir.exists()


def test_columns_of_imported_files(held: Settings, tmp_path: Path) -> None:
    """Of imported files nobody knows other columns: that is said, and `all` are the nine."""
    import_row_groups(written(tmp_path / "rows.jsonl", [ROW]), settings=held)
    with pytest.raises(InvalidInputError, match="no column: 'fetch_time'") as caught:
        cctrawl.row_groups(columns="fetch_time", settings=held)
    assert "imported" in str(caught.value.hint)
    assert cctrawl.row_groups(columns="all", settings=held).column_names == list(ROW)


def test_a_byte_order_mark(held: Settings, tmp_path: Path) -> None:
    """Text that begins with a byte-order mark, as spreadsheets write it, is taken in like any other."""
    lines = ",".join(ROW) + "\n" + ",".join(map(str, ROW.values())) + "\n"
    (tmp_path / "a.csv").write_text(lines, encoding="utf-8-sig")
    (tmp_path / "a.jsonl").write_text(json.dumps(ROW), encoding="utf-8-sig")
    for name in ("a.csv", "a.jsonl"):
        assert import_row_groups(str(tmp_path / name), settings=held) == ImportCounts(1, 1, 0)


def test_numbers_whose_sum_is_too_large(held: Settings, tmp_path: Path) -> None:
    """A table that claims more rows than can be added up breaks neither the import nor the list of what is held."""
    rows = [
        {**ROW, "path": path_of(CRAWL, "warc", number), "row_group": at, "num_rows": 2**63 - 1}
        for number in range(2)
        for at in range(2)
    ]
    assert import_row_groups(written(tmp_path / "rows.jsonl", rows), settings=held).row_groups == 4
    with open_held(held) as index:
        [row] = holdings(index)
    assert row.num_rows == 2**63 - 1


def test_a_parquet_file_of_other_types(held: Settings, tmp_path: Path) -> None:
    """Columns of other types are refused, smaller integers and large texts are not."""
    small = pa.table({name: [value] for name, value in ROW.items()})
    fitting = small.set_column(3, "row_group", pa.array([0], pa.int16())).set_column(
        6, "min_url_surtkey", pa.array(["a"], pa.large_string())
    )
    pq.write_table(fitting, tmp_path / "fits.parquet")
    assert import_row_groups(str(tmp_path / "fits.parquet"), settings=held).row_groups == 1
    pq.write_table(small.set_column(4, "num_rows", pa.array([1.0])), tmp_path / "wrong.parquet")
    with pytest.raises(FormatError, match=r"num_rows is 1\.0"):
        import_row_groups(str(tmp_path / "wrong.parquet"), settings=held)


def test_unknown_bounds_cost_nothing_but_pruning(held: Settings, tmp_path: Path) -> None:
    """A row group that was imported without bounds may hold anything."""
    rows = [{**ROW, "min_url_surtkey": None, "max_url_surtkey": None, "statistics": "absent"}]
    import_row_groups(written(tmp_path / "rows.jsonl", rows), settings=held)
    assert len(find_row_groups("example.com", CRAWL, settings=held).row_groups) == 1
    assert known(held)[0][4:] == (10, 100, "absent", None, None)


def test_an_import_that_is_killed_took_in_nothing(held: Settings, tmp_path: Path) -> None:
    """Killed in the middle it leaves the table as it was, and the same command takes in everything."""
    file = written(tmp_path / "rows.jsonl", [{**ROW, "path": path_of(CRAWL, "warc", at)} for at in range(30_000)])
    words = ["index", "import", file, "--data-dir", str(held.data_dir), "--base-url", held.base_url]
    wal = index_path(held.data_dir, held.base_url).with_suffix(".sqlite-wal")
    process = subprocess.Popen([sys.executable, "-m", "cctrawl", *words], stderr=subprocess.DEVNULL)
    while process.poll() is None and not (wal.exists() and wal.stat().st_size > 1 << 20):
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
    assert known(held) == []
    assert import_row_groups(file, settings=held).files == 30_000
    assert len(known(held)) == 30_000
