"""Totals: the columns that a job declares as sums, added up over all inputs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import cctrawl
from cctrawl.errors import InvalidInputError
from cctrawl.output import read_rows
from cctrawl.runs import RunReport
from cctrawl.runs.outputs.siblings import LocalSibling
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls, WarcWriter

CRAWL = "CC-MAIN-2024-22"
FORMATS = ("csv", "jsonl", "parquet")


@cctrawl.job("pages", "letter", "weight", sums=("pages", "weight"))
def _letters(records: Iterator[cctrawl.Record]) -> Iterator[tuple[int, str, float | None]]:
    for record in records:
        yield 1, record.url[-1], None if record.url.endswith("a") else 0.5


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Four files whose pages have URLs that end in b, a and c."""
    folder = tmp_path / "warcs"
    folder.mkdir()
    return [_warc(folder / f"{number}.warc.gz", "ba" + "c" * number) for number in range(4)]


def _warc(path: Path, letters: str) -> Path:
    with WarcWriter(path) as writer:
        for letter in letters:
            writer.write_response(f"http://x.org/{letter}", b"")
    return path


def rows_of(path: Path) -> list[tuple[Any, ...]]:
    """Return the rows of a file, by its ending."""
    with path.open("rb") as file:
        return list(read_rows(file, path.suffix[1:]))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("is_folder", [False, True])
def test_totals_of_a_crawl(fake: FakeCrawls, tmp_path: Path, format: str, *, is_folder: bool) -> None:  # noqa: A002 - the option's name
    """The servers of all pages are counted, in every format, beside a file and beside a folder, sorted."""
    output = tmp_path / ("servers" if is_folder else f"servers.{format}")
    report = cctrawl.run(
        "servers",
        crawl=CRAWL,
        output=f"{output}/" if is_folder else output,
        format=format,
        settings=Settings.resolve(base_url=str(fake.root)),
    )
    counts = Counter(page.server for path in fake.files(CRAWL) for page in fake.pages[path] if page.status != 304)
    number = str if format == "csv" else int
    assert rows_of(tmp_path / f"servers.totals.{format}") == [
        (name, number(counts[name])) for name in sorted(counts)
    ]
    assert report.totals == str(tmp_path / f"servers.totals.{format}")
    assert f"totals: {report.totals}" in report.summary()
    if is_folder:
        assert not [path for path in output.iterdir() if "totals" in path.name]


@pytest.mark.parametrize("format", FORMATS)
def test_columns_keep_their_place(files: list[Path], tmp_path: Path, format: str) -> None:  # noqa: A002 - the option's name
    """Totals have the job's columns in its order; fractions stay fractions, and only None adds up to None."""
    cctrawl.run(_letters, files=files, output=tmp_path / f"x.{format}")
    expected = [(4, "a", None), (4, "b", 2.0), (6, "c", 3.0)]
    if format == "csv":
        assert (tmp_path / "x.totals.csv").read_text() == "pages,letter,weight\n4,a,\n4,b,2.0\n6,c,3.0\n"
    else:
        assert rows_of(tmp_path / f"x.totals.{format}") == expected


def test_totals_of_no_rows_have_columns(tmp_path: Path) -> None:
    """Without rows there are totals without rows, in types that every reader knows."""
    cctrawl.run(_letters, files=[_warc(tmp_path / "x.warc.gz", "")], output=tmp_path / "x.parquet")
    assert set(map(str, pq.read_schema(tmp_path / "x.totals.parquet").types)) == {"string"}


@pytest.mark.parametrize("output", ["x.csv", "x.parquet", "out/"])
def test_totals_follow_retried_inputs(files: list[Path], tmp_path: Path, output: str) -> None:
    """Quarantined inputs are not in the totals; retried, they are, as if there had been no trouble."""
    whole = files[3].read_bytes()
    files[3].write_bytes(b"no WARC at all")
    place = f"{tmp_path}/{output}"
    settings = Settings.resolve(tries=1)
    report = cctrawl.run(_letters, files=files, output=place, format=None, settings=settings)
    assert report.state == "incomplete"
    assert [row[0] for row in rows_of(Path(report.totals))] in ([3, 3, 3], ["3", "3", "3"])
    files[3].write_bytes(whole)
    report = cctrawl.run(_letters, files=files, output=place, retry_failed=True)
    retried = Path(report.totals).read_bytes()
    untroubled = cctrawl.run(_letters, files=files, output=place, restart=True)
    assert Path(untroubled.totals).read_bytes() == retried


def test_totals_that_are_missing_are_made_again(files: list[Path], tmp_path: Path) -> None:
    """After a command that died while it added up, or without the file, the next one makes the same totals."""
    report = cctrawl.run(_letters, files=files, output=tmp_path / "x.csv")
    before = Path(report.totals).read_bytes()
    Path(report.totals).unlink()
    (tmp_path / "x.csv.cctrawl/sums").mkdir()
    (tmp_path / "x.csv.cctrawl/sums/000000").write_bytes(b"left by a command that was killed")
    report = cctrawl.run(_letters, files=files, output=tmp_path / "x.csv")
    assert Path(report.totals).read_bytes() == before
    time = Path(report.totals).stat().st_mtime_ns
    cctrawl.run(_letters, files=files, output=tmp_path / "x.csv")
    assert Path(report.totals).stat().st_mtime_ns == time, "made once only"
    assert not (tmp_path / "x.csv.cctrawl/sums").exists()


class Death(BaseException):
    """The process is killed here."""


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("retry", [False, True])
def test_a_death_around_the_change_of_names(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, late: bool, retry: bool
) -> None:
    """Dead before or after the totals got their name, the next command ends in the same bytes, not in old ones."""
    whole = files[3].read_bytes()
    settings = Settings.resolve(tries=1)
    if retry:
        files[3].write_bytes(b"no WARC at all")
        cctrawl.run(_letters, files=files, output=tmp_path / "x.csv", settings=settings)
        files[3].write_bytes(whole)
    expected = Path(cctrawl.run(_letters, files=files, output=tmp_path / "y.csv").totals).read_bytes()

    def die(sibling: LocalSibling, file: Path) -> None:
        if late:
            take(sibling, file)
        raise Death

    take = LocalSibling.take
    monkeypatch.setattr(LocalSibling, "take", die)
    with pytest.raises(Death):
        cctrawl.run(_letters, files=files, output=tmp_path / "x.csv", retry_failed=retry, settings=settings)
    monkeypatch.setattr(LocalSibling, "take", take)
    report = cctrawl.run(_letters, files=files, output=tmp_path / "x.csv")
    assert Path(report.totals).read_bytes() == expected


def test_totals_of_somebody_else_are_not_overwritten(files: list[Path], tmp_path: Path) -> None:
    """A file where the totals would go, that no run of ours has made, is refused and stays."""
    (tmp_path / "x.totals.csv").write_text("precious")
    with pytest.raises(InvalidInputError, match=r"x\.totals\.csv exists"):
        cctrawl.run(_letters, files=files, output=tmp_path / "x.csv")
    assert (tmp_path / "x.totals.csv").read_text() == "precious"


def test_a_restart_drops_totals(files: list[Path], tmp_path: Path) -> None:
    """A run that begins anew without sums leaves no totals of the run before."""
    cctrawl.run(_letters, files=files, output=tmp_path / "x.csv")
    report = cctrawl.run("themes", files=files, output=tmp_path / "x.csv", restart=True)
    assert (report.totals, (tmp_path / "x.totals.csv").exists()) == ("", False)


@cctrawl.job("letter", "count", sums=("count",))
def _counts_no_numbers(records: Iterator[cctrawl.Record]) -> Iterator[dict[str, object]]:
    for record in records:
        yield {"letter": record.url[-1], "count": "three" if record.url.endswith("c") else 1}


@pytest.mark.parametrize("output", ["x.csv", "x.jsonl", "x.parquet"])
def test_what_is_no_number_fails_its_input(files: list[Path], tmp_path: Path, output: str) -> None:
    """A row without a number in a column of sums quarantines its input at once, and is shown; not at the end."""
    report = cctrawl.run(
        _counts_no_numbers, files=files, output=tmp_path / output, settings=Settings.resolve(tries=1)
    )
    assert len(report.failures) == 3
    assert "column 'count' is to be added up, but holds no number: 'three'" in report.failures[0].error
    assert len(rows_of(Path(report.totals))) == 2


@cctrawl.job("tags", "n", sums=("n",))
def _lists(records: Iterator[cctrawl.Record]) -> Iterator[tuple[list[str], int]]:
    for record in records:
        yield [record.url[-1], "ü"], 1


@pytest.mark.parametrize("format", FORMATS)
def test_groups_by_lists(files: list[Path], tmp_path: Path, format: str) -> None:  # noqa: A002 - the option's name
    """A column of lists groups, too; in totals they are their JSON."""
    report = cctrawl.run(_lists, files=files, output=tmp_path / f"x.{format}")
    assert [row[0] for row in rows_of(Path(report.totals))] == [
        json.dumps([x, "ü"], ensure_ascii=False) for x in "abc"
    ]


def test_stdout_has_no_totals(files: list[Path], capfd: pytest.CaptureFixture[str]) -> None:
    """With -o - nothing is kept to be added up, and the run says so."""
    reports: list[RunReport] = []
    cctrawl.run(_letters, files=files, output="-", on_report=reports.append)
    assert "no totals of pages, weight" in capfd.readouterr().err
    assert reports[0].totals == ""
