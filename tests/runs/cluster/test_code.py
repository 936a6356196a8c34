"""What of the user's code is sent to hosts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cctrawl
from cctrawl.errors import InvalidInputError
from cctrawl.runs.cluster import code
from cctrawl.runs.cluster.code import packed
from cctrawl.runs.jobs import load_job

JOB = """
import cctrawl
from lying_near import word

@cctrawl.job("word")
def job(records):
    from below.deeper import late
    for record in records:
        yield (word + late,)
"""


@pytest.fixture(autouse=True)
def _path_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # loading a job adds its folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job with a module beside it, a package below, and much that is no code of the user's."""
    for name, text in {
        "travelling.py": JOB,
        "lying_near.py": "word = 'a'",
        "below/__init__.py": "",
        "below/deeper.py": "late = 'b'",
        "data.bin": "x" * 1000,
        ".git/hook.py": "x",
        "env/pyvenv.cfg": "",
        "env/lib/thing.py": "x",
        "__pycache__/travelling.py": "x",
    }.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


def names(folder: Path) -> list[str]:
    """Return all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_job_travels_with_what_lies_beside_and_below(folder: Path, tmp_path: Path) -> None:
    """The Python files of the job's folder arrive elsewhere, without environments, caches and hidden folders."""
    reference = load_job(f"{folder}/travelling.py:job")[0]
    there = packed(reference).unpacked(reference, tmp_path / "there")
    assert names(tmp_path / "there") == ["below/__init__.py", "below/deeper.py", "lying_near.py", "travelling.py"]
    assert there.target == f"{tmp_path}/there/travelling.py:job"
    assert (there.name, there.sha256) == (reference.name, reference.sha256)


def test_what_arrives_can_be_loaded_where_the_folder_is_not(folder: Path, tmp_path: Path) -> None:
    """In another process, with the folder gone, the job is loaded with its modules, those of its functions too."""
    reference = load_job(f"{folder}/travelling.py:job")[0]
    there = packed(reference).unpacked(reference, tmp_path / "there")
    folder.rename(tmp_path / "gone")
    script = f"""
from cctrawl.runs.jobs import JobReference
job = JobReference({there.name!r}, {there.target!r}, b"", {there.sha256!r}, {there.folder!r}).load()
print(list(job([None])))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[('ab',)]"


def test_installed_code_stays_where_it_is() -> None:
    """Jobs of cctrawl, and of packages that are installed, are expected on the hosts."""
    for name in ("themes", "json:dumps", "pytest:fixture"):
        assert not packed(load_job(name)[0]).archive


def test_a_module_that_is_not_installed_travels(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module found by PYTHONPATH goes with its package."""
    (folder / "below" / "jobs.py").write_text("def rows(records):\n    return []\n")
    monkeypatch.syspath_prepend(str(folder))
    reference = load_job("below.jobs:rows")[0]
    there = packed(reference).unpacked(reference, tmp_path / "there")
    assert names(tmp_path / "there") == ["below/__init__.py", "below/deeper.py", "below/jobs.py"]
    assert there.target == reference.target, "it is imported by its name"
    assert there.folder == str(tmp_path / "there")


def test_too_much_code_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that lies in a folder with masses of Python files is told to move; a lambda travels by value anyway."""
    monkeypatch.setattr(code, "MOST_BYTES", 20)
    with pytest.raises(InvalidInputError, match="more than 20 bytes of Python files") as caught:
        packed(load_job(f"{folder}/travelling.py:job")[0])
    assert "folder of their own" in str(caught.value.hint)
    monkeypatch.chdir(folder)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    assert not packed(load_job(cctrawl.job("x")(lambda records: []))[0]).archive  # noqa: ARG005 - a job takes them
