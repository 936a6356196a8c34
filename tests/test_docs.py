"""README and docs: every command and program in them runs, and prints what they show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import Moto

from cctrawl.testing import build

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGES_OF_PAGES = ("duckdb", "pandas")
BLOCK = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """One command, or one Python program, and what the page says it prints."""

    code: str
    shown: list[str]
    language: str


def examples(page: Path) -> Iterator[Example | tuple[str, str]]:
    """Yield the examples of a page in order; a titled block is a file, as (name, text)."""
    waiting: Example | None = None
    for language, title, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "output" and waiting is not None:
            waiting.shown = text.splitlines()
        if waiting is not None:
            yield waiting
            waiting = None
        if title:
            yield title, text
        elif language == "python":
            waiting = Example(text, [], "python")
        elif language == "console":
            yield from commands(text)
    if waiting is not None:
        yield waiting


def commands(text: str) -> Iterator[Example]:
    """Yield the commands of a console block; lines without a prompt are what the one before prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        code, *shown = part.splitlines()
        yield Example(code, shown, "console")


def as_pattern(line: str) -> str:
    """Return a pattern for a line of output; an ellipsis stands for anything."""
    return ".*".join(re.escape(piece) for piece in line.split("…"))


def assert_shown(example: Example, printed: str) -> None:
    """Check that the lines that a page shows are printed, in this order; a page may leave out others at the end."""
    lines = iter([line.rstrip() for line in printed.splitlines()])
    for shown in example.shown:
        pattern = re.compile(as_pattern(shown.rstrip()))
        assert any(pattern.fullmatch(line) for line in lines), f"not printed: {shown!r}\nbut:\n{printed}"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the fake crawl that the pages speak of, and `cctrawl` and `python` on the path."""
    folder = tmp_path_factory.mktemp("docs")
    build(folder / "fake-crawl")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_do_what_the_page_says(page: Path, scratch: Path, tmp_path: Path, moto: Moto) -> None:
    """Each example of the page succeeds, in order, and prints what is shown."""
    moto.make_bucket("my-bucket")
    shutil.copytree(scratch / "fake-crawl", tmp_path / "fake-crawl", copy_function=os.link)
    environment = {
        **os.environ,
        "CCTRAWL_BASE_URL": str(tmp_path / "fake-crawl"),
        **moto.environment,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for example in examples(page):
        if isinstance(example, tuple):
            (tmp_path / example[0]).write_text(example[1], encoding="utf-8")
            continue
        if example.code.startswith(("make ", "pip install ")):
            continue  # it is how this very test was started
        for package in PACKAGES_OF_PAGES:
            if f"import {package}" in example.code:
                pytest.importorskip(package, reason="the page reads a result with it")
        words = (
            ["bash", "-c", example.code] if example.language == "console" else [sys.executable, "-c", example.code]
        )
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{example.code}\n{done.stdout}{done.stderr}"
        assert_shown(example, done.stdout + done.stderr)


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of its headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_pages_link_to_pages_and_headings_that_exist() -> None:
    """Every relative link leads somewhere, and where it names a heading, to one."""
    for page in PAGES:
        for target, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
            other = page.parent / target if target else page
            assert other.exists(), f"{page.name}: {target}"
            assert not heading or heading in headings(other), f"{page.name}: {target}#{heading}"
