"""Finding jobs: what their files do while they are imported, and which functions are the same job."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cctrawl.errors import InvalidInputError, JobError
from cctrawl.runs.jobs import load_job, reference_to, take_tallies, tally
from cctrawl.runs.trial import Trial
from cctrawl.settings import Settings
from cctrawl.testing import WarcWriter

JOB = "def job(records):\n    yield {'n': 1}\n"


@pytest.fixture(autouse=True)
def _same_modules_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs change where modules are found."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_what_a_file_prints_while_imported_is_no_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout is for rows: a file or module that prints while it is imported prints on stderr."""
    (tmp_path / "talkative.py").write_text("print('hello')\n" + JOB)
    load_job(f"{tmp_path}/talkative.py:job")
    (tmp_path / "chatty").mkdir()
    (tmp_path / "chatty/__init__.py").write_text("print('package')\n")
    (tmp_path / "chatty/inner.py").write_text("print('module')\n" + JOB)
    load_job("chatty.inner:job")
    assert capsys.readouterr() == ("", "hello\npackage\nmodule\n")


@pytest.mark.parametrize(
    "line", ["raise SystemExit(0)", "import no_such_module_at_all", "1 / 0", "raise ValueError"]
)
def test_a_file_that_cannot_be_imported_is_named(tmp_path: Path, line: str) -> None:
    """Whatever a file, a module or a package around it raises, an exit too, is an error that names it."""
    (tmp_path / "broken_file.py").write_text(line + "\n")
    with pytest.raises(JobError, match=r"broken_file\.py cannot be imported"):
        load_job(f"{tmp_path}/broken_file.py:job")
    (tmp_path / "broken_package").mkdir()
    (tmp_path / "broken_package/__init__.py").write_text(line + "\n")
    (tmp_path / "broken_package/inner.py").write_text(JOB)
    for name in ("broken_package.inner", "broken_package", "broken_file"):
        with pytest.raises(JobError, match=f"{name} cannot be imported"):
            load_job(f"{name}:job")


@pytest.mark.parametrize("name", ["no_such_module_at_all", "json.nothing", "json.decoder.x", "a..b", ".a", "a/b"])
def test_a_module_that_is_not_there_is_a_usage_error(name: str) -> None:
    """A name that leads to no module is said to be wrong."""
    with pytest.raises(InvalidInputError, match="no such module"):
        load_job(f"{name}:job")


def test_modules_beside_a_job_shadow_nothing(tmp_path: Path) -> None:
    """A job finds the modules beside it; a standard module of the same name stays what it is for everybody."""
    for name in ("email", "random", "cctrawl", "this"):
        (tmp_path / f"{name}.py").write_text("raise ZeroDivisionError\n")
    (tmp_path / "beside.py").write_text("VALUE = 7\n")
    (tmp_path / "antigravity.py").write_text("import random, beside\n" + JOB)
    code = (
        "import sys\nfrom cctrawl.runs.jobs import load_job\n"
        "for name in ('email', 'random'): sys.modules.pop(name, 0)\n"
        f"load_job({str(tmp_path / 'antigravity.py:job')!r})\nload_job({str(tmp_path / 'antigravity.py:job')!r})\n"
        "import email.message, random, cctrawl.settings\n"
        "print(sys.modules['beside'].VALUE, random.__file__ != 'x', 'antigravity' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path.parent
    )
    assert (done.stdout, done.stderr) == ("7 True False\n", "")


def made(value: object) -> Callable[..., Any]:
    """Return a job that holds a value."""

    def inner(records: Iterator[object], *, more: int = 1) -> Iterator[dict[str, object]]:
        yield {"value": value, "more": more, "records": len(list(records)), "itself": inner.__name__}

    return inner


def test_what_a_function_holds_makes_it_another_job() -> None:
    """Functions of one source that hold other values are other jobs: closures, partials, in them too."""
    jobs: list[Callable[..., Any]] = [
        made("one"),
        made("two"),
        functools.partial(made("one"), more=2),
        functools.partial(made("one"), more=3),
        functools.partial(made("two"), more=2),
        made(functools.partial(made("one"), more=2)),
        made(made("one")),
        made(made("two")),
        made({"a": {"one"}}),
        made({"a": {"two"}}),
    ]
    hashes = [reference_to(job).sha256 for job in jobs]
    assert len(set(hashes)) == len(jobs)
    assert reference_to(made("one")).sha256 == hashes[0]
    assert reference_to(made(object())).sha256 == reference_to(made(object())).sha256


def test_the_same_function_is_the_same_job_in_another_process(tmp_path: Path) -> None:
    """Neither addresses nor the order of sets, which differ by process, change what a job is."""
    (tmp_path / "holder.py").write_text(
        "def made(*held):\n    def job(records):\n        yield held\n    return job\n"
        "from cctrawl.runs.jobs import reference_to\n"
        "print(reference_to(made({'a', 'b', 'c', 'd'}, object(), made)).sha256)\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "holder.py"],
            capture_output=True,
            check=True,
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


@pytest.mark.parametrize(("name", "number"), [(1, 1), (None, 1), ("pages", 1.5), ("pages", "1"), ("pages", None)])
def test_a_tally_has_a_name_and_a_whole_number(name: object, number: object) -> None:
    """What cannot be counted is the job's error, at once."""
    take_tallies()
    with pytest.raises(JobError, match="tally"):
        tally(name, number)  # type: ignore[arg-type]  # that is the point
    assert not any(take_tallies().values())


def test_a_trial_keeps_stdout_for_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a job prints during a trial goes to stderr, when it is left early too."""
    with (tmp_path / "x.warc").open("wb") as file, WarcWriter(file) as writer:
        writer.write_response("http://a.org/", b"x")
    (tmp_path / "loud_job.py").write_text(
        "def job(records):\n    print('begin')\n    try:\n        yield {'n': 1}\n        yield {'n': 2}\n"
        "    finally:\n        print('end')\n"
    )
    with Trial(
        f"{tmp_path}/loud_job.py:job",
        str(tmp_path / "x.warc"),
        on_damage="skip",
        settings=Settings.resolve(data_dir=tmp_path),
    ) as trial:
        rows = trial.rows()
        sys.stdout.write(str(next(rows)))
        rows.close()  # type: ignore[attr-defined]  # a generator, as islice drops it
    assert capsys.readouterr() == ("(1,)", "begin\nend\n")


def test_a_job_without_rows_is_an_error_in_a_trial(tmp_path: Path) -> None:
    """A job that returns nothing is told to yield, as in a run."""
    with (tmp_path / "x.warc").open("wb") as file, WarcWriter(file) as writer:
        writer.write_response("http://a.org/", b"x")
    (tmp_path / "silent_job.py").write_text("def job(records):\n    return None\n")
    trial = Trial(
        f"{tmp_path}/silent_job.py:job",
        str(tmp_path / "x.warc"),
        on_damage="skip",
        settings=Settings.resolve(data_dir=tmp_path),
    )
    with trial, pytest.raises(JobError, match="returned nothing"):
        next(trial.rows())
