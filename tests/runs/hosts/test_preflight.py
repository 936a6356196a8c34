"""Is a host fit? Facts of hosts against what is here."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cctrawl.runs.hosts import Facts, Host, problems_of
from cctrawl.runs.hosts.boot import fingerprint
from cctrawl.runs.hosts.preflight import own_fingerprint, own_package, own_versions

HOST = Host("h1", "me@h1")
VERSION = sys.version.split()[0]
FIT = Facts(VERSION, "/opt/bin/python", own_versions(), own_fingerprint(), cores=2, workdir="/tmp/cctrawl-me")  # noqa: S108 - a name


def test_a_host_like_this_one_is_fit() -> None:
    """The same versions, the same code, a folder, a clock that is nearly ours: no problem."""
    assert problems_of(HOST, FIT) == []
    assert problems_of(HOST, replace(FIT, clock_s=4.9)) == []


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        ({"clock_s": 3601.0}, "its clock is 3,601 s ahead of ours", "set-ntp"),
        ({"clock_s": -5.1}, "its clock is 5 s behind ours", "set-ntp"),
        (
            {"workdir_error": "Permission denied"},
            "the folder /tmp/cctrawl-me cannot be used: Permission",
            "--workdir",
        ),
        ({"missing": ("/a", "/b")}, "inputs cannot be read there: /a, /b", "URLs"),
        ({"fingerprint": "0" * 64}, "has other code than the one here", "cctrawl hosts install"),
    ],
)
def test_one_thing_that_is_wrong(change: dict[str, object], said: str, hint: str) -> None:
    """It is told alone, with the host's name and what to do."""
    [problem] = problems_of(HOST, replace(FIT, **change))  # type: ignore[arg-type]  # a field of the facts
    assert said in problem.what
    assert hint in problem.hint
    assert str(problem).startswith("h1: ")


@pytest.mark.parametrize("name", ["cctrawl", "dask", "distributed", "cloudpickle", "msgpack"])
def test_packages_must_be_there_in_our_version(name: str) -> None:
    """A package that is missing, or there in another version, is told with both versions."""
    others = {key: value for key, value in own_versions().items() if key != name}
    [problem] = problems_of(HOST, replace(FIT, versions=others))
    assert problem.what == f"{name} is not installed for /opt/bin/python"
    [problem] = problems_of(HOST, replace(FIT, versions={**others, name: "1999.1"}))
    assert problem.what == f"{name} 1999.1 at /opt/bin/python, but {own_versions()[name]} here"
    assert "cctrawl hosts install" in problem.hint


def test_several_problems_are_told_together() -> None:
    """What is wrong with packages, folder, clock and inputs is told at once, packages first."""
    others = {"cctrawl": own_versions()["cctrawl"], "dask": "1999.1"}
    facts = replace(FIT, versions=others, workdir_error="no", clock_s=99.0, missing=("/a",))
    assert len(problems_of(HOST, facts)) == 4 + 3
    assert "dask 1999.1" in problems_of(HOST, facts)[0].what


def test_without_cctrawl_its_packages_are_not_told() -> None:
    """Installing it brings them: there is one thing to do."""
    [problem] = problems_of(HOST, replace(FIT, versions={"cloudpickle": "1.0"}, fingerprint=""))
    assert problem.what == "cctrawl is not installed for /opt/bin/python"


def test_of_another_python_nothing_else_is_told() -> None:
    """Its packages are for another version, and so is all that it would say."""
    [problem] = problems_of(HOST, Facts("3.9.1", "/usr/bin/python3"))
    assert problem.what.startswith("Python 3.9.1 at /usr/bin/python3, but 3.")


def test_the_fingerprint_is_of_names_and_bytes(tmp_path: Path) -> None:
    """A byte, a name, a file more: another fingerprint; what Python or others leave there does not count."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("1")
    first = fingerprint(tmp_path)
    (tmp_path / "a" / "__pycache__").mkdir()
    (tmp_path / "a" / "__pycache__" / "x.pyc").write_text("1")
    assert fingerprint(tmp_path) == first
    found = {first}
    (tmp_path / "a" / "x.py").write_text("2")
    found.add(fingerprint(tmp_path))
    (tmp_path / "a" / "x.py").rename(tmp_path / "x.py")
    found.add(fingerprint(tmp_path))
    (tmp_path / "y.py").write_text("")
    found.add(fingerprint(tmp_path))
    assert len(found) == 4
    assert (own_package() / "runs" / "hosts" / "boot.py").is_file()


def test_a_newer_host_may_tell_more() -> None:
    """What is not known here is passed over."""
    facts = Facts.of({"python": "3.11.1", "colour": "blue", "missing": ["/a"]}, asked_s=1000.0, heard_s=1001.0)
    assert (facts.python, facts.clock_s, facts.missing) == ("3.11.1", 0.0, ("/a",))


@pytest.mark.parametrize(
    ("time_s", "clock_s"), [(999.0, -1.0), (1000.0, 0.0), (1015.0, 0.0), (1020.0, 0.0), (1021.5, 1.5)]
)
def test_a_slow_answer_makes_no_wrong_clock(time_s: float, clock_s: float) -> None:
    """Between our asking and our hearing, which may be long after, any time is right."""
    facts = Facts.of({"python": VERSION, "time": time_s}, asked_s=1000.0, heard_s=1020.0)
    assert facts.clock_s == clock_s
