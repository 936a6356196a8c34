"""Runs that cannot be, or go wrong in odd ways: nothing of the user's is lost, and the error says what to do."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import cctrawl
from cctrawl.errors import AbortedError, FormatError, InvalidInputError, NotFoundError
from cctrawl.output import Column, write_listing
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls, FakeServer, WarcWriter

CRAWL = "CC-MAIN-2024-22"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Four small WARC files with one page each."""
    paths = [tmp_path / "warcs" / f"{n}.warc.gz" for n in range(4)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        with WarcWriter(path) as writer:
            writer.write_response(f"http://s{number}.org/", b"page")
    return paths


@cctrawl.job("url")
def urls(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """One row per page."""
    for record in records:
        yield (record.url,)


def test_a_run_that_cannot_begin_removes_only_what_it_made(fake: FakeCrawls, tmp_path: Path) -> None:
    """A folder that was made for a run goes with it, unless somebody else uses it by now."""
    settings = Settings.resolve(base_url=str(fake.root))
    with pytest.raises(NotFoundError):
        cctrawl.run(urls, crawl="CC-MAIN-1999-01", output=tmp_path / "new" / "a.csv", settings=settings)
    assert not (tmp_path / "new").exists()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "b.csv").write_text("precious")
    with pytest.raises(NotFoundError):
        cctrawl.run(urls, crawl="CC-MAIN-1999-01", output=tmp_path / "new" / "a.csv", settings=settings)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["b.csv"]


def test_restart_drops_nothing_before_the_new_run_can_begin(
    fake: FakeCrawls, files: list[Path], tmp_path: Path
) -> None:
    """A restart with a crawl that is not there leaves the old rows."""
    cctrawl.run(urls, files=files, output=tmp_path / "x.csv")
    before = (tmp_path / "x.csv").read_bytes()
    settings = Settings.resolve(base_url=str(fake.root))
    with pytest.raises(NotFoundError):
        cctrawl.run(urls, crawl="CC-MAIN-1999-01", output=tmp_path / "x.csv", restart=True, settings=settings)
    assert (tmp_path / "x.csv").read_bytes() == before
    assert cctrawl.run(urls, files=files, output=tmp_path / "x.csv").effort.source_bytes == 0


@pytest.mark.parametrize("stranger", ["out/part-000000.csv", "x.csv.part"])
def test_files_of_others_are_not_overwritten(files: list[Path], tmp_path: Path, stranger: str) -> None:
    """A part or a growing file that no ledger knows is refused, and stays."""
    (tmp_path / stranger).parent.mkdir(exist_ok=True)
    (tmp_path / stranger).write_text("precious")
    output = f"{tmp_path}/out/" if stranger.startswith("out") else tmp_path / "x.csv"
    with pytest.raises(InvalidInputError, match="no ledger"):
        cctrawl.run(urls, files=files, output=output, format="csv")
    assert (tmp_path / stranger).read_text() == "precious"


def test_a_restart_in_another_format_leaves_no_old_parts(files: list[Path], tmp_path: Path) -> None:
    """A folder that is begun anew holds the parts of the new run alone."""
    cctrawl.run(urls, files=files, output=f"{tmp_path}/out/", format="parquet")
    cctrawl.run(urls, files=files[:2], output=f"{tmp_path}/out/", format="csv", restart=True)
    assert sorted(path.name for path in (tmp_path / "out").glob("part-*")) == ["part-000000.csv", "part-000001.csv"]


@pytest.mark.parametrize("output", ["x.csv", "x.parquet", "out/"])
@pytest.mark.parametrize("start", [0, 4096])
def test_restart_gets_past_a_damaged_ledger(files: list[Path], tmp_path: Path, output: str, start: int) -> None:
    """A ledger with noise in its header or pages is an error that keeps the rows; --restart begins anew."""
    place = f"{tmp_path}/{output}"
    cctrawl.run(urls, files=files, output=place, format="csv" if output.endswith("/") else None)
    ledger = next(tmp_path.rglob("ledger.sqlite"))
    with ledger.open("r+b") as file:
        file.seek(start)
        file.write(b"noise" * ((ledger.stat().st_size - start) // 5))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(FormatError, match=r"ledger\.sqlite cannot be read") as caught:
        cctrawl.run(urls, files=files, output=place)
    assert "--restart" in (caught.value.hint or "")
    assert {path for path in tmp_path.rglob("*") if path.is_file()} >= set(before)
    assert cctrawl.run(urls, files=files[1:], output=place, restart=True).rows == 3
    if output.endswith("/"):
        assert len(list((tmp_path / "out").glob("part-*"))) == 3


def test_a_parquet_file_that_was_replaced_is_noticed(files: list[Path], tmp_path: Path) -> None:
    """Another file in the place of the rows is an error, as one file and as a part of a folder."""
    cctrawl.run(urls, files=files, output=tmp_path / "x.parquet")
    cctrawl.run(urls, files=files, output=f"{tmp_path}/out/")
    for output, file in (("x.parquet", "x.parquet"), ("out/", "out/part-000002.parquet")):
        (tmp_path / file).write_bytes(b"PAR1 of somebody else")
        with pytest.raises(InvalidInputError, match=f"{file} is gone or was changed"):
            cctrawl.run(urls, files=files, output=f"{tmp_path}/{output}")
        assert cctrawl.run(urls, files=files, output=f"{tmp_path}/{output}", restart=True).state == "done"


def order_of_keys(records: Iterator[cctrawl.Record]) -> Iterator[dict[str, int]]:
    """Yield the same keys in another order, later for the first file."""
    number = int(next(records).url[8])
    if number == 0:
        time.sleep(0.5)
    yield {"a": number, "b": 1} if number % 2 == 0 else {"b": 1, "a": number}


def test_undeclared_columns_are_those_of_the_first_input(files: list[Path], tmp_path: Path) -> None:
    """However long the first input takes, its first row decides the columns, and nobody fails for it."""
    report = cctrawl.run(order_of_keys, files=files, output=tmp_path / "x.csv", workers=4)
    assert report.state == "done"
    assert (tmp_path / "x.csv").read_text() == "a,b\n0,1\n1,1\n2,1\n3,1\n"


@cctrawl.job("url")
def raises_odd_text(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """Raise a text that UTF-8 cannot hold."""
    raise ValueError(f"bad \ud800 text of {next(records).url}")


def test_errors_may_quote_anything(files: list[Path], tmp_path: Path) -> None:
    """An error text with half a surrogate pair is kept, listed and reported."""
    report = cctrawl.run(
        raises_odd_text,
        files=files[:1],
        output=tmp_path / "x.csv",
        report=tmp_path / "run.json",
        settings=Settings.resolve(tries=1),
    )
    assert "bad \\ud800 text" in report.failures[0].error
    assert "ud800" in Path(report.lists["failures"]).read_text()


@cctrawl.job("url")
def moves(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """Change the working folder, as some libraries do."""
    os.chdir("/")
    yield from urls(records) or ()


def test_a_job_may_change_the_folder(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative output is where it was when the run began."""
    monkeypatch.chdir(tmp_path)
    assert cctrawl.run(moves, files=files, output="x.csv", workers=2).rows == 4
    assert (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": -1}, "--workers"),
        ({"workers": 0}, "--workers"),
        ({"output": ""}, "cannot write"),
        ({"output": "s3://bucket/x.csv"}, "one file"),
        ({"output": "s3://B/x/"}, "no bucket"),
        ({"output": "https://x.org/"}, "cannot write to"),
        ({"files": "a.warc.gz"}, "one path"),
        ({"files": [""]}, "no file name"),
        ({"files": ["bad\udcff.warc.gz"]}, "no file name"),
        ({"report": "/no/such/folder/run.json"}, "report"),
        ({"report": ""}, "report"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once(
    files: list[Path], tmp_path: Path, options: dict[str, object], words: str
) -> None:
    """What cannot be is a usage error before anything is read or written."""
    given = {"files": files, "output": tmp_path / "x.csv", **options}
    with pytest.raises(InvalidInputError, match=words):
        cctrawl.run(urls, **given)  # type: ignore[arg-type]  # by name
    assert [path.name for path in tmp_path.iterdir()] == ["warcs"]


@pytest.mark.parametrize("report", ["x.csv", "./x.csv.part", "link/x.csv", "x.totals.csv", "pipe", "warcs"])
def test_a_report_overwrites_no_rows(
    files: list[Path], tmp_path: Path, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report where rows or totals go, or where no file can be, is refused before anything is done."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("link").symlink_to(".")
    with pytest.raises(InvalidInputError, match="no place for the report"):
        cctrawl.run("servers", files=files, output="x.csv", report=report)
    assert {path.name for path in tmp_path.iterdir()} == {"link", "pipe", "warcs"}


@pytest.mark.parametrize("restart", [False, True])
def test_a_device_or_pipe_is_no_output(files: list[Path], tmp_path: Path, *, restart: bool) -> None:
    """What has a name but is neither file nor folder is not replaced by a file."""
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(InvalidInputError, match="it is no file"):
        cctrawl.run(urls, files=files, output=pipe, restart=restart)
    assert pipe.is_fifo()
    with pytest.raises(InvalidInputError, match="cannot write to"):
        write_listing([], [Column("x")], format="csv", output=str(pipe))
    assert pipe.is_fifo()


def test_no_timeout_is_no_limit(files: list[Path], tmp_path: Path) -> None:
    """A timeout of 0 ends nobody."""
    assert cctrawl.run(order_of_keys, files=files, output=tmp_path / "x.csv", timeout=0).state == "done"


def test_rows_go_to_a_stdout_that_takes_text(files: list[Path]) -> None:
    """In a notebook stdout has no bytes below it; rows come out all the same."""
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        cctrawl.run(urls, files=files, output="-", format="csv", quiet=True)
    assert stdout.getvalue().splitlines() == ["url", *(f"http://s{n}.org/" for n in range(4))]


def test_a_script_that_names_itself_as_the_job_is_told_how(files: list[Path], tmp_path: Path) -> None:
    """A script whose import begins a run gets one sentence instead of a run within a run."""
    script = tmp_path / "self.py"
    script.write_text(
        "import cctrawl\n\ndef job(records):\n    return [{'url': record.url} for record in records]\n\n"
        f"cctrawl.run({str(script)!r} + ':job', files=[{str(files[0])!r}], output={str(tmp_path / 'x.csv')!r})\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "was called while the job's file was imported" in done.stderr


@pytest.mark.parametrize("broken", ["data folder", "AWS profile"])
def test_what_is_wrong_with_this_machine_is_no_fault_of_an_input(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A data folder or AWS profile that cannot be used ends the run and blames no input; mended, it goes on."""
    (tmp_path / "file").touch()
    with FakeServer(tmp_path) as server:
        given: list[str | Path] = [f"{server.url}warcs/{path.name}" for path in files]
        if broken == "AWS profile":
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            monkeypatch.setenv("AWS_PROFILE", "none")
            given = [f"s3://warcs/{path.name}" for path in files]
        data_dir = tmp_path / "file" / "data" if broken == "data folder" else tmp_path / "data"
        with pytest.raises(AbortedError, match=r"cannot open the database|\(none\)"):
            cctrawl.run(urls, files=given, output=tmp_path / "x.csv", settings=Settings.resolve(data_dir=data_dir))
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        report = cctrawl.run(urls, files=given, output=tmp_path / "x.csv", settings=Settings.resolve())
    assert (report.state, report.inputs_done) == ("done", len(files))
