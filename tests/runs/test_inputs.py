"""The input list of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctrawl.errors import InvalidInputError
from cctrawl.runs.inputs import in_sample, read_list, select

LINES = [
    ("crawl-data/a.warc.gz", "crawl-data/a.warc.gz"),
    ('{"path": "crawl-data/b.warc.gz"}', "crawl-data/b.warc.gz"),
    ('{"url": "https://x.org/c.warc.gz"}', "https://x.org/c.warc.gz"),
    ("  /tmp/d.warc.gz  \n", "/tmp/d.warc.gz"),  # noqa: S108 - a path, nothing is written there
]


@pytest.mark.parametrize(("line", "path"), LINES)
def test_a_list_has_bare_paths_or_json_lines(line: str, path: str) -> None:
    """What `files` prints, and what other tools make of it, is read; empty lines are not."""
    assert read_list([line, "", "\n"]) == [path]


@pytest.mark.parametrize("line", ["{}", '{"path": 7}', "{broken"])
def test_json_without_a_path_is_named(line: str) -> None:
    """A line of JSON that names no path is a usage error."""
    with pytest.raises(InvalidInputError, match="no path"):
        read_list([line])


@given(paths=st.sets(st.text(min_size=1), min_size=1), small=st.floats(0, 1), large=st.floats(0, 1))
def test_a_larger_sample_holds_the_smaller_one(paths: set[str], small: float, large: float) -> None:
    """Sampling is by path alone, so samples nest, and a sample of all is all."""
    small, large = sorted((small, large))
    assert {path for path in paths if in_sample(path, small)} <= {path for path in paths if in_sample(path, large)}
    assert all(in_sample(path, 1.0) for path in paths)


def test_a_sample_is_about_its_share() -> None:
    """A tenth of many paths is about a tenth."""
    chosen = sum(in_sample(f"crawl-data/{number}.warc.gz", 0.1) for number in range(10_000))
    assert 850 < chosen < 1150


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"crawl": "latest", "named": ["x"]},
        {"named": []},
        {"crawl": "latest", "kind": "png"},
        {"crawl": "latest", "sample": 0.0},
        {"crawl": "latest", "sample": 1.5},
        {"crawl": "latest", "limit": 0},
    ],
)
def test_what_selects_nothing_is_refused(options: dict[str, object]) -> None:
    """Neither or both of crawl and files, an unknown kind, and shares or limits out of range are usage errors."""
    with pytest.raises(InvalidInputError) as caught:
        select(**{"crawl": None, "kind": "warc", "limit": None, "sample": None, "named": None, **options})  # type: ignore[arg-type]  # by name
    assert caught.value.hint


def test_named_files_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run can be resumed from any folder; URLs and listed paths stay, and each input counts once."""
    monkeypatch.chdir(tmp_path)
    named = ["a.warc.gz", "./a.warc.gz", "https://x.org/b", "crawl-data/c"]
    selection = select(crawl=None, kind="warc", limit=None, sample=None, named=named)
    assert selection.named == (str(tmp_path / "a.warc.gz"), "https://x.org/b", "crawl-data/c")


def test_a_selection_is_the_same_for_the_same_options() -> None:
    """The key of a selection depends on all that chooses inputs, and on nothing else."""
    keys = {
        select(crawl=crawl, kind=kind, limit=limit, sample=sample, named=None).key
        for crawl in ("latest", "2020")
        for kind in ("warc", "wet")
        for limit in (None, 3)
        for sample in (None, 0.5)
    }
    assert len(keys) == 16


@pytest.mark.parametrize("head", ["path", "url"])
def test_the_head_of_a_csv_is_no_file(head: str) -> None:
    """A list as `cctrawl files -f csv` and `-f table` print it has a first line that names its column."""
    assert read_list([f"{head}  \n", "a.warc.gz\n", "path\n"]) == ["a.warc.gz", "path"]


@pytest.mark.parametrize("line", ["\x1f\x8b\x08\0\0", "x" * 40_000])
def test_what_is_no_list_is_refused_at_its_first_line(line: str) -> None:
    """A file that was piped in place of a list, and a line without end, are not read to their ends."""

    def lines() -> Iterator[str]:
        yield line
        pytest.fail("read on")

    with pytest.raises(InvalidInputError, match="no path"):
        read_list(lines())
