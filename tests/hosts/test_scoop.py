"""The command line that SCOOP's users know, as docs/many-machines.md translates it."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from cctrawl.testing import FakeHosts, Size, build

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "many-machines.md"
SCRIPT = """
import cctrawl
from themes_of import themes_of


@cctrawl.job("domain", "theme", want=cctrawl.responses)
def job(records):
    for record in records:
        for theme in themes_of(record.payload):
            yield record.url.split("/")[2], theme
"""
BESIDE = r"""
import re


def themes_of(page):
    return [found.decode() for found in re.findall(rb"/wp-content/themes/([\w.-]+)/", page)][:1]
"""


def translation() -> tuple[str, list[str]]:
    """Return the page's command line for SCOOP, and the words of the one that takes its place."""
    blocks = re.findall(r"^```sh\n(.*?)\n```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (number,) = (number for number, block in enumerate(blocks) if block.startswith("python -m scoop "))
    return blocks[number], shlex.split(blocks[number + 1])


def test_translated_command_of_scoop_runs(tmp_path: Path) -> None:
    """The page's very words run over three hosts that have an interpreter in /tmp/scoops and nothing else."""
    scoop, words = translation()
    assert scoop.split()[:5] == ["python", "-m", "scoop", "--hostfile", "hosts"]
    assert scoop.endswith(" --tunnel --python-interpreter /tmp/scoops/bin/python -p /tmp/scoops run.py")
    assert words[0] == "cctrawl"
    reason = FakeHosts.missing()
    if reason:
        pytest.skip(f"no fake hosts: {reason}")
    home, there = tmp_path / "home", Path("/tmp/scoops")  # noqa: S108 - so the command line says
    for folder in (home, there):
        folder.mkdir(exist_ok=True)
    (home / "run.py").write_text(SCRIPT)
    (home / "themes_of.py").write_text(BESIDE)
    build(tmp_path / "crawl", size=Size(crawls=("CC-MAIN-2016-07",), arc=(), news=()))
    with FakeHosts(tmp_path / "lab", private=[home, there]) as hosts:
        (home / "hosts").write_text("".join(f"{name} 1\n" for name in hosts.names))
        for name in hosts.names:
            interpreter = hosts.path_on(name, there / "bin" / "python")
            interpreter.parent.mkdir()
            interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
            interpreter.chmod(0o755)
        environment = {
            **hosts.environment,
            "CCTRAWL_BASE_URL": str(tmp_path / "crawl"),
            "CCTRAWL_DATA_DIR": str(home / "data"),
        }
        program = str(Path(sys.executable).with_name("cctrawl"))
        done = hosts.run([program, *words[1:]], cwd=home, env=environment)
        assert done.returncode == 0, done.stderr
        assert "done: 8 of 8 files" in done.stderr
        assert "not used" not in done.stderr
        alone = [word for word in words[1:] if word not in ("--tunnel", "rows.csv")]
        for option in ("--hosts", "--python", "--workdir"):
            place = alone.index(option)
            del alone[place : place + 2]
        hosts.run([program, *alone, "here.csv"], cwd=home, env=environment)
    assert (home / "rows.csv").read_bytes() == (home / "here.csv").read_bytes()
    assert (home / "rows.csv").read_text().count("\n") > 20
