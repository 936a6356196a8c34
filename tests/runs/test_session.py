"""Runs as Python users make them: the whole way from a crawl's list to rows in place."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import cctrawl
from cctrawl.errors import AbortedError, InvalidInputError, JobError, NotFoundError
from cctrawl.runs import RunReport
from cctrawl.settings import Settings
from cctrawl.testing import CutBody, FakeCrawls, FakeServer, Refuse, WarcWriter, XmlWith200

CRAWL = "CC-MAIN-2024-22"

pytestmark = pytest.mark.usefixtures("each_engine")


def settings_for(root: str | Path, **given: object) -> Settings:
    """Return settings for a fake crawl that waste no time."""
    return Settings.resolve(base_url=str(root), **given)


def csv_rows(path: Path) -> list[tuple[str, ...]]:
    """Return the rows of a CSV file, without its header."""
    with path.open(newline="", encoding="utf-8") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def expected(fake: FakeCrawls) -> list[tuple[str, str]]:
    """Return the rows that the themes job must give for the crawl."""
    return fake.expected_themes(fake.files(CRAWL))


def warc(path: Path, pages: dict[str, bytes]) -> Path:
    """Write a WARC file of these pages."""
    with WarcWriter(path) as writer:
        for url, page in pages.items():
            writer.write_response(url, page)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Six small WARC files with one page each."""
    folder = tmp_path / "warcs"
    folder.mkdir()
    return [warc(folder / f"{n}.warc.gz", {f"http://s{n}.org/": b"page %d" % n}) for n in range(6)]


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_file_holds_what_the_pages_hold(fake: FakeCrawls, tmp_path: Path, format: str) -> None:  # noqa: A002 - the option's name
    """The themes of a crawl are in the output, once each, in list order, in every format."""
    output = tmp_path / f"themes.{format}"
    report = cctrawl.run("themes", crawl=CRAWL, output=output, settings=settings_for(fake.root), workers=2)
    assert (report.state, report.exit_code, report.rows) == ("done", 0, len(expected(fake)))
    if format == "csv":
        found = csv_rows(output)
    elif format == "jsonl":
        found = [tuple(json.loads(line).values()) for line in output.read_text().splitlines()]
    else:
        found = [tuple(row.values()) for row in pq.read_table(output).to_pylist()]
    assert found == expected(fake)


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_folder_holds_one_part_per_input(fake: FakeCrawls, tmp_path: Path, format: str) -> None:  # noqa: A002 - the option's name
    """A folder gets a part per input, named by its position, each whole by itself."""
    output = tmp_path / "out"
    cctrawl.run(
        "themes", crawl=CRAWL, output=f"{output}/", format=format, settings=settings_for(fake.root), workers=2
    )
    for position, path in enumerate(fake.files(CRAWL)):
        part = output / f"part-{position:06}.{format}"
        read = (
            csv_rows(part) if format == "csv" else [tuple(row.values()) for row in pq.read_table(part).to_pylist()]
        )
        assert read == fake.expected_themes([path])
    assert len(list(output.glob("part-*"))) == len(fake.files(CRAWL))


def test_faults_of_the_server_do_not_show_in_the_rows(fake: FakeCrawls, server: FakeServer, tmp_path: Path) -> None:
    """Cut bodies, refusals and error pages with status 200 are retried; the rows are exact, retries are counted."""
    server.set_faults(
        [
            CutBody(path="*/warc/*", after_bytes=9_000, times=2),
            XmlWith200(path="*1.warc.gz", times=1),
            Refuse(path="*/warc/*0.warc.gz", status=503, retry_after=1, times=1),
        ]
    )
    output = tmp_path / "themes.csv"
    report = cctrawl.run("themes", crawl=CRAWL, output=output, settings=settings_for(server.url), workers=2)
    assert csv_rows(output) == expected(fake)
    assert report.effort.refusals > 0
    assert report.effort.retries > 0


def test_files_instead_of_a_crawl(files: list[Path], tmp_path: Path) -> None:
    """Local files are read in the order given; one that is given twice counts once."""
    output = tmp_path / "urls.jsonl"
    report = cctrawl.run(_urls, files=[files[2], files[0], files[2]], output=output, workers=1)
    assert [json.loads(line)["url"] for line in output.read_text().splitlines()] == [
        "http://s2.org/",
        "http://s0.org/",
    ]
    assert report.inputs == 2


@cctrawl.job("url")
def _urls(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    for record in records:
        yield (record.url,)


def test_the_same_run_again_has_nothing_to_do(files: list[Path], tmp_path: Path) -> None:
    """On a finished output a run reads nothing and ends well."""
    output = tmp_path / "urls.csv"
    cctrawl.run(_urls, files=files, output=output)
    before = output.stat()
    for file in files:
        file.unlink()
    report = cctrawl.run(_urls, files=files, output=output)
    assert (report.state, report.rows, report.effort.source_bytes) == ("done", 6, 0)
    assert output.stat().st_mtime_ns == before.st_mtime_ns


def test_another_run_on_the_same_output_is_refused(files: list[Path], tmp_path: Path) -> None:
    """Another job, other inputs or another way with damage are named; --restart begins anew."""
    output = tmp_path / "urls.csv"
    cctrawl.run(_urls, files=files, output=output)
    for change, words in (({"files": files[1:]}, "input list"), ({"on_damage": "raise"}, "--on-damage")):
        with pytest.raises(InvalidInputError, match=words):
            cctrawl.run(_urls, output=output, **{"files": files, **change})  # type: ignore[arg-type]  # by name
    with pytest.raises(InvalidInputError, match="the job"):
        cctrawl.run("themes", output=output, files=files)
    report = cctrawl.run(_urls, files=files[1:], output=output, restart=True)
    assert (report.state, report.rows) == ("done", 5)


def test_a_file_of_somebody_else_is_not_overwritten(files: list[Path], tmp_path: Path) -> None:
    """An output that exists without a ledger is refused, and stays."""
    output = tmp_path / "urls.csv"
    output.write_text("precious")
    with pytest.raises(InvalidInputError, match="exists"):
        cctrawl.run(_urls, files=files, output=output)
    assert output.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir() if path.name != "warcs"] == ["urls.csv"]


def test_an_input_that_fails_is_quarantined_and_can_be_retried(files: list[Path], tmp_path: Path) -> None:
    """A broken input leaves the others' rows; mended and retried, its rows get their place in list order."""
    output = tmp_path / "urls.csv"
    whole = files[1].read_bytes()
    files[1].write_bytes(b"no WARC at all")
    report = cctrawl.run(_urls, files=files, output=output, workers=2, settings=Settings.resolve(tries=2))
    assert (report.state, report.exit_code, report.inputs_done) == ("incomplete", 4, 5)
    assert [(Path(failed.input), failed.tries) for failed in report.failures] == [(files[1], 2)]
    assert [row[0] for row in csv_rows(output)] == [f"http://s{n}.org/" for n in (0, 2, 3, 4, 5)]
    assert json.loads(Path(report.lists["failures"]).read_text())["input"] == str(files[1])
    again = cctrawl.run(_urls, files=files, output=output, settings=Settings.resolve(tries=2))
    assert again.exit_code == 4, "without --retry-failed it stays as it is"
    files[1].write_bytes(whole)
    report = cctrawl.run(_urls, files=files, output=output, retry_failed=True)
    assert report.state == "done"
    assert [row[0] for row in csv_rows(output)] == [f"http://s{n}.org/" for n in range(6)]


@cctrawl.job("url")
def _raises_on_two(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    for record in records:
        if "s2" in record.url:
            raise ZeroDivisionError("two is too much")
        yield (record.url,)


@cctrawl.job("url")
def _kills_its_worker(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    for record in records:
        if "s2" in record.url:
            print("about to die")  # noqa: T201 - it is what the job prints
            os._exit(7)
        yield (record.url,)


@cctrawl.job("url")
def _swallows_everything(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    try:
        for record in records:
            yield (record.url,)
    except Exception:  # noqa: BLE001 - what this job does wrong
        return


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (_raises_on_two, ["ZeroDivisionError: two is too much"]),
        (_kills_its_worker, ["exit code 7", "about to die"]),
    ],
)
def test_a_job_that_fails_on_one_input_is_named(
    files: list[Path], tmp_path: Path, job: cctrawl.Job, words: list[str]
) -> None:
    """A job that raises, or takes its worker with it, is named with the input; the neighbours are done, once."""
    output = tmp_path / "urls.csv"
    report = cctrawl.run(job, files=files, output=output, workers=2)
    assert [Path(failed.input) for failed in report.failures] == [files[2]]
    assert report.failures[0].tries == 3
    assert all(word in report.failures[0].error for word in words)
    assert [row[0] for row in csv_rows(output)] == [f"http://s{n}.org/" for n in (0, 1, 3, 4, 5)]


def test_a_job_cannot_hide_that_its_input_broke(files: list[Path], tmp_path: Path) -> None:
    """A job that catches everything does not turn a file that broke off into a file that is done."""
    files[2].write_bytes(files[2].read_bytes()[:-20])
    report = cctrawl.run(_swallows_everything, files=files, output=tmp_path / "urls.csv", on_damage="raise")
    assert [Path(failed.input) for failed in report.failures] == [files[2]]


def test_damage_is_counted_and_named(files: list[Path], tmp_path: Path) -> None:
    """Damaged records are skipped, counted and named with file and offset; the run is done."""
    whole = files[3].read_bytes()
    files[3].write_bytes(whole + b"garbage" * 9 + whole)
    report = cctrawl.run(_urls, files=files, output=tmp_path / "urls.csv")
    assert (report.state, report.damaged, report.rows) == ("done", 1, 7)
    place = report.damages[0]
    assert (place.input, place.offset, place.skipped_bytes) == (str(files[3]), len(whole), 63)
    assert json.loads(Path(report.lists["damages"]).read_text())["offset"] == len(whole)


def test_too_many_failures_stop_the_run(tmp_path: Path) -> None:
    """When everything fails the run stops early, keeps its ledger, and says how to go on."""
    names = [str(tmp_path / f"{n}.warc.gz") for n in range(60)]
    for name in names:
        Path(name).write_bytes(b"no WARC")
    reports: list[RunReport] = []
    with pytest.raises(AbortedError, match=r"20 of the last \d+ files failed") as caught:
        cctrawl.run(
            _urls,
            files=names,
            output=tmp_path / "x.csv",
            settings=Settings.resolve(tries=1),
            on_report=reports.append,
        )
    assert "--retry-failed" in (caught.value.hint or "")
    assert (reports[0].state, len(reports[0].failures)) == ("aborted", 20)


def test_an_empty_input_is_no_failure(tmp_path: Path) -> None:
    """A file without records is done, with no rows; a CSV then holds its header alone."""
    with WarcWriter(tmp_path / "empty.warc.gz") as writer:
        writer.write("warcinfo", b"")
    report = cctrawl.run(_urls, files=[tmp_path / "empty.warc.gz"], output=tmp_path / "x.csv", format="csv")
    assert report.state == "done"
    assert (tmp_path / "x.csv").read_bytes().startswith(b"url\n")


def test_an_output_that_vanished_is_named(files: list[Path], tmp_path: Path) -> None:
    """Rows taken away under the ledger are an error with a hint."""
    output = tmp_path / "urls.csv"
    cctrawl.run(_urls, files=files, output=output)
    output.unlink()
    with pytest.raises(InvalidInputError, match="is gone"):
        cctrawl.run(_urls, files=files, output=output)


def test_two_runs_on_one_output_exclude_each_other(files: list[Path], tmp_path: Path) -> None:
    """While one process works on an output another one is refused; afterwards it is not."""
    output = tmp_path / "urls.csv"
    code = (
        "import sys; from pathlib import Path; from cctrawl.runs.ledger import RunFolder;"
        "folder = RunFolder(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(output) + ".cctrawl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(InvalidInputError, match=f"process {holder.pid}"):
            cctrawl.run(_urls, files=files, output=output)
    assert cctrawl.run(_urls, files=files, output=output).state == "done"


def test_jobs_of_any_home_reach_the_workers(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambdas, closures, functions of modules only we have, and of files beside other modules, run in workers."""
    suffix = "!"
    cctrawl.run(
        lambda records: [{"url": record.url + suffix} for record in records], files=files, output=tmp_path / "a.csv"
    )
    assert csv_rows(tmp_path / "a.csv")[0] == ("http://s0.org/!",)
    text = "def shout(url):\n    return url.upper()\n\n\n"
    text += "def job(records):\n    return [{'url': shout(next(records).url)}]\n"
    (tmp_path / "elsewhere.py").write_text(text)
    spec = importlib.util.spec_from_file_location("elsewhere", tmp_path / "elsewhere.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    spec.loader.exec_module(module)
    cctrawl.run(module.job, files=files, output=tmp_path / "c.csv")
    assert csv_rows(tmp_path / "c.csv")[0] == ("HTTP://S0.ORG/",)
    (tmp_path / "beside.py").write_text("MARK = '?'\n")
    (tmp_path / "my_job.py").write_text(
        "import cctrawl, beside\n\n@cctrawl.job('url')\ndef marked(records):\n"
        "    for record in records:\n        yield (record.url + beside.MARK,)\n"
    )
    cctrawl.run(f"{tmp_path / 'my_job.py'}:marked", files=files, output=tmp_path / "b.csv")
    assert csv_rows(tmp_path / "b.csv")[-1] == ("http://s5.org/?",)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("thems", "themes"),
        ("nowhere.py:job", "no such file"),
        ("no.module:job", "no such module"),
        ("json:nothing", "nothing"),
    ],
)
def test_a_job_that_is_not_there_is_named(files: list[Path], tmp_path: Path, job: str, words: str) -> None:
    """A wrong job name is a usage error with a hint, before anything is written."""
    with pytest.raises(InvalidInputError) as caught:
        cctrawl.run(job, files=files, output=tmp_path / "x.csv")
    assert words in f"{caught.value} {caught.value.hint}"
    assert not (tmp_path / "x.csv.cctrawl").exists()


def test_a_job_file_that_cannot_be_imported_is_its_own_error(files: list[Path], tmp_path: Path) -> None:
    """What a job's file raises is shown, before any worker starts."""
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere\n")
    with pytest.raises(JobError, match="no_such_module_anywhere"):
        cctrawl.run(f"{tmp_path / 'broken.py'}:job", files=files, output=tmp_path / "x.csv")


def test_a_changed_job_is_another_run(files: list[Path], tmp_path: Path) -> None:
    """A run does not go on with a job whose file was changed."""
    file = tmp_path / "changing.py"
    text = "def job(records):\n    return [{'url': record.url} for record in records]\n"
    file.write_text(text)
    cctrawl.run(f"{file}:job", files=files, output=tmp_path / "x.csv")
    file.write_text(text + "\n")
    with pytest.raises(InvalidInputError, match="the job's code"):
        cctrawl.run(f"{file}:job", files=files, output=tmp_path / "x.csv")


def test_limit_and_sample_choose_the_inputs(fake: FakeCrawls, tmp_path: Path) -> None:
    """A limit takes the first files; a sample the same ones each time, and a larger one takes more."""
    settings = settings_for(fake.root)
    assert cctrawl.run("servers", crawl=CRAWL, limit=2, output=tmp_path / "a.csv", settings=settings).inputs == 2
    counts = []
    for share in (0.4, 0.9):
        report = cctrawl.run(
            "servers", crawl=CRAWL, sample=share, output=tmp_path / f"{share}.csv", settings=settings
        )
        counts.append(report.inputs)
    assert 0 < counts[0] < counts[1] <= len(fake.files(CRAWL))


def test_a_crawl_that_is_not_there_leaves_nothing(fake: FakeCrawls, tmp_path: Path) -> None:
    """An unknown crawl is named, and neither output nor ledger is left."""
    with pytest.raises(NotFoundError):
        cctrawl.run("themes", crawl="CC-MAIN-1999-01", output=tmp_path / "x.csv", settings=settings_for(fake.root))
    assert list(tmp_path.iterdir()) == []


def test_latest_is_resolved_once(fake: FakeCrawls, tmp_path: Path) -> None:
    """The same command goes on with the inputs it began with."""
    settings = settings_for(fake.root)
    first = cctrawl.run("servers", crawl="latest", output=tmp_path / "x.csv", settings=settings)
    again = cctrawl.run("servers", crawl="latest", output=tmp_path / "x.csv", settings=settings)
    assert (first.inputs, again.inputs) == (len(fake.files(fake.crawls[0])),) * 2


@cctrawl.job("n", "label")
def _types_change(records: Iterator[cctrawl.Record]) -> Iterator[tuple[object, object]]:
    for record in records:
        number = int(record.url[8])
        yield (number if number < 3 else number + 0.5), (None if number < 4 else "late")


def test_parquet_parts_of_a_folder_end_with_one_schema(files: list[Path], tmp_path: Path) -> None:
    """Types that widen over the inputs are the same in every part at the end."""
    output = tmp_path / "out"
    cctrawl.run(_types_change, files=files, output=f"{output}/", workers=1)
    schemas = {str(pq.read_schema(part)) for part in output.glob("*.parquet")}
    assert len(schemas) == 1
    assert [row["n"] for row in pq.read_table(output, partitioning=None).to_pylist()] == [0, 1, 2, 3.5, 4.5, 5.5]


@cctrawl.job("n")
def _types_clash(records: Iterator[cctrawl.Record]) -> Iterator[tuple[object]]:
    for record in records:
        number = int(record.url[8])
        yield (number if number != 4 else "four",)


def test_parquet_types_that_clash_blame_the_input(files: list[Path], tmp_path: Path) -> None:
    """An input whose types do not go with the others' is quarantined at once; the others are there."""
    report = cctrawl.run(_types_clash, files=files, output=tmp_path / "x.parquet", workers=1)
    assert [Path(failed.input) for failed in report.failures] == [files[4]]
    assert pq.read_table(tmp_path / "x.parquet")["n"].to_pylist() == [0, 1, 2, 3, 5]


@cctrawl.job("url")
def _counts(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    for record in records:
        cctrawl.tally("pages")
        yield (record.url,)


def test_tallies_are_summed_over_the_inputs(files: list[Path], tmp_path: Path) -> None:
    """What a job counts is summed in the report, also when the run is opened again."""
    assert cctrawl.run(_counts, files=files, output=tmp_path / "x.csv").tallies == {"pages": 6}
    assert cctrawl.run(_counts, files=files, output=tmp_path / "x.csv").tallies == {"pages": 6}


@cctrawl.job("url")
def _hangs(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    import time  # noqa: PLC0415 - travels with the job

    for record in records:
        if "s1" in record.url:
            time.sleep(600)
        yield (record.url,)


def test_a_job_that_hangs_is_ended(files: list[Path], tmp_path: Path) -> None:
    """A worker without a further record for the timeout is ended, its input named, the others done."""
    report = cctrawl.run(
        _hangs, files=files, output=tmp_path / "x.csv", timeout=1, workers=2, settings=Settings.resolve(tries=1)
    )
    assert [Path(failed.input) for failed in report.failures] == [files[1]]
    assert "--timeout" in report.failures[0].error


def test_the_report_is_json(files: list[Path], tmp_path: Path) -> None:
    """--report holds what Python gets, and the exit code."""
    report = cctrawl.run(_urls, files=files, output=tmp_path / "x.csv", report=tmp_path / "run.json")
    held = json.loads((tmp_path / "run.json").read_text())
    assert (held["state"], held["rows"], held["exit_code"]) == (report.state, 6, 0)
    assert held["effort"]["source_bytes"] == sum(file.stat().st_size for file in files)
