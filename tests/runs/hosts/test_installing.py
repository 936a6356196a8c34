"""This very cctrawl, packed and installed elsewhere."""

from __future__ import annotations

import io
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from tests.runs.hosts.heard import packages_but_ours

from cctrawl.errors import InvalidInputError
from cctrawl.runs.hosts import Host, install_on
from cctrawl.runs.hosts.boot import PACKAGES, fingerprint
from cctrawl.runs.hosts.preflight import own_fingerprint, own_versions
from cctrawl.runs.hosts.wheel import build_wheel, wheel_name


def local(python: Path | str) -> Host:
    """Return this machine, with an interpreter of its own."""
    return Host("localhost", "localhost", python=str(python), is_local=True)


def test_a_wheel_is_what_runs_here(tmp_path: Path) -> None:
    """Unpacked it has our fingerprint, commands, extras and sums; the same files give the same bytes."""
    body = build_wheel()
    assert build_wheel() == body
    with ZipFile(io.BytesIO(body)) as archive:
        archive.extractall(tmp_path)
    assert fingerprint(tmp_path / "cctrawl") == own_fingerprint()
    assert (tmp_path / "cctrawl" / "py.typed").is_file()
    [described] = tmp_path.glob("cctrawl-*.dist-info")
    assert wheel_name().startswith(described.name.removesuffix(".dist-info"))
    assert "Provides-Extra: cluster" in (described / "METADATA").read_text(encoding="utf-8")
    assert "cctrawl = cctrawl.cli:main" in (described / "entry_points.txt").read_text(encoding="utf-8")
    record = (described / "RECORD").read_text(encoding="utf-8").splitlines()
    assert {line.partition(",")[0] for line in record} == {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }


def test_this_very_python_needs_nothing() -> None:
    """A localhost without an interpreter of its own has what runs here."""
    [done] = install_on([Host("localhost", "localhost", is_local=True)], ssh="")
    assert (done.did, done.problems) == ((), ())
    assert done.facts is not None
    assert done.facts.fingerprint == own_fingerprint()


@pytest.mark.parametrize("python", ["python3", "/python", "/bin/python", "/opt/x/python", "/opt/bin/ruby"])
def test_what_can_be_no_environment(python: str) -> None:
    """--python must name FOLDER/bin/python; of a line of the hosts file it is that host's problem."""
    with pytest.raises(InvalidInputError, match="no environment can be made") as caught:
        list(install_on([], ssh="", python=python))
    assert "FOLDER/bin/python" in str(caught.value.hint)


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    """A folder with other things in it, one that cannot be made, a bare name: that host's problem."""
    (tmp_path / "mine" / "bin").mkdir(parents=True)
    (tmp_path / "mine" / "thesis.tex").write_text("")
    hosts = [local(tmp_path / "mine" / "bin" / "python"), local("/proc/x/bin/python"), local("no-such-python")]
    said = [each.problems[0].what for each in install_on(hosts, ssh="")]
    assert said[0] == f"{tmp_path}/mine is there, and is no environment of Python"
    assert "/proc/x" in said[1]
    assert said[2] == "no environment can be made for no-such-python"
    assert (tmp_path / "mine" / "thesis.tex").exists()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All packages of this Python but cctrawl, on the path of those that are started; there is no index."""
    folder = packages_but_ours(tmp_path / "packages")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    return folder


def test_our_code_comes_into_an_environment(tmp_path: Path, packages: Path) -> None:
    """What runs here is installed in one that is there; again there is nothing to do."""
    assert packages.is_dir()
    python = tmp_path / "venv" / "bin" / "python"
    venv.create(tmp_path / "venv", symlinks=True)
    [done] = install_on([local(python)], ssh="")
    assert done.problems == ()
    assert [step.split()[0] for step in done.did] == ["installed"]
    assert done.facts is not None
    assert (done.facts.executable, done.facts.fingerprint) == (str(python), own_fingerprint())
    [again] = install_on([local(python)], ssh="")
    assert (again.did, again.problems) == ((), ())


@pytest.mark.exhaustive
def test_an_environment_is_made_once(tmp_path: Path, packages: Path) -> None:
    """It is made and gets our code; again there is nothing to do; what pip cannot do is told in its words."""
    python = tmp_path / "deep" / "venv" / "bin" / "python"
    [done] = install_on([local(python)], ssh="")
    assert done.problems == ()
    assert [step.split()[0] for step in done.did] == ["made", "installed"]
    [again] = install_on([local(python)], ssh="")
    assert (again.did, again.problems) == ((), ())
    for path in packages.glob("distributed*"):
        path.unlink()
    [failed] = install_on([local(python)], ssh="")
    [problem] = failed.problems
    assert problem.what.startswith("pip install failed:\n  ")
    assert "distributed" in problem.what
    assert "index" in problem.hint


@pytest.mark.exhaustive
def test_an_environment_is_made_from_an_index(tmp_path: Path) -> None:
    """With nothing there at all, pip brings the versions that are here."""
    python = tmp_path / "venv" / "bin" / "python"
    asked = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(tmp_path), "tblib"]
    if subprocess.run(asked, capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("pip reaches no index here")
    [done] = install_on([local(python)], ssh="")
    assert done.problems == ()
    assert done.facts is not None
    assert {name: done.facts.versions[name] for name in PACKAGES} == {
        name: own_versions()[name] for name in PACKAGES
    }
