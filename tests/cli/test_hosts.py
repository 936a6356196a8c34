"""``cctrawl hosts``: what users see, on this very machine. Over ssh: tests/hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runs.hosts.test_link import pythons

COMMAND = [sys.executable, "-m", "cctrawl", "hosts"]


def called(*words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``cctrawl hosts``, with another PATH if one is given."""
    environment = {**os.environ, **({} if path is None else {"PATH": path})}
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A hosts file of this machine alone."""
    file = tmp_path / "hosts.txt"
    file.write_text(f"localhost 2 workdir={tmp_path}\n", encoding="utf-8")
    return file


def test_this_machine_is_fit(hosts: Path, tmp_path: Path) -> None:
    """A row with what is there, exit code 0, nothing on stderr, and nothing left in the folder."""
    before = sorted(tmp_path.iterdir())
    done = called("check", str(hosts), "--base-url", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    row = json.loads(done.stdout)
    assert row["host"] == "localhost"
    assert row["workdir"] == str(tmp_path)
    assert all(row[name] is True for name in ("reachable", "writable", "data", "fit"))
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_wrong_is_told_once_for_all_hosts_that_have_it(hosts: Path) -> None:
    """Exit code 1; a table says no; equal troubles share a line; each has a hint; hosts ask for the data."""
    hosts.write_text(
        "localhost\nlocalhost workdir=/no/where/at/all\n127.0.0.1 python=/no/python\n", encoding="utf-8"
    )
    done = called("check", str(hosts), "-f", "table", "--base-url", "http://127.0.0.1:9/")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].split()[:3] == ["host", "reachable", "python"]
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == ["no"] * 3
    told = done.stderr.splitlines()
    assert told[0].startswith("localhost, localhost#2: it does not reach the data: http://127.0.0.1:9/")
    assert told[1].startswith("hint: hosts read their inputs themselves")
    assert any(
        line.startswith("localhost#2: the folder /no/where/at/all cannot be used: there is no") for line in told
    )
    assert any(line.startswith("127.0.0.1: there is no interpreter /no/python") for line in told)
    assert len(told) == 6


def test_mistakes_are_usage_errors(hosts: Path, tmp_path: Path) -> None:
    """A file that is not there, a line that is none, no ssh on this machine: exit code 2, with a hint."""
    for words, said in (
        (("check", str(tmp_path / "absent")), "there is no hosts file"),
        (("install", str(hosts), "--python", "python3"), "no environment can be made for --python 'python3'"),
    ):
        done = called(*words)
        assert done.returncode == 2
        assert f"error: {said}" in done.stderr
        assert "hint: " in done.stderr
    hosts.write_text("h1 slots=3\n", encoding="utf-8")
    assert "hosts.txt, line 1: 'slots=3' has no meaning here" in called("check", str(hosts)).stderr
    hosts.write_text("h1\n", encoding="utf-8")
    for name in ("check", "install"):
        done = called(name, str(hosts), path=str(tmp_path))
        assert done.returncode == 2
        assert "hosts are reached by ssh, and there is no 'ssh' on this machine" in done.stderr
        assert "openssh-client" in done.stderr


def test_without_the_extra_it_says_so(hosts: Path) -> None:
    """Where Dask is not installed, both commands name the extra."""
    code = "import sys; sys.modules['distributed'] = None; from cctrawl.cli import main; main(sys.argv[1:])"
    for name in ("check", "install"):
        words = [sys.executable, "-c", code, "hosts", name, str(hosts)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "hint: pip install 'cctrawl[cluster]'" in done.stderr


def test_installing_here_is_nothing_to_do(hosts: Path) -> None:
    """A localhost without python= is this very Python: that is said, and exit code 0."""
    done = called("install", str(hosts))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["did"] == "nothing to do"


def test_an_interpreter_of_another_version_is_no_place(hosts: Path) -> None:
    """An environment of another Python is not touched: it is said what to do."""
    found = [path for version, path in pythons().items() if version.startswith("3.12.")]
    if not found or sys.version_info[:2] == (3, 12):
        pytest.skip("no Python 3.12 beside this one")
    hosts.write_text(f"localhost python={found[0]}\n", encoding="utf-8")
    done = called("install", str(hosts))
    assert done.returncode == 1
    assert "is there, and is no environment of Python" in done.stderr


def test_help_has_examples() -> None:
    """Each command shows how it is called."""
    for words in ((), ("check",), ("install",)):
        assert "cctrawl hosts" in called(*words, "--help").stdout
