"""Which held crawls a name means, and whether all of their files are there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.held_index import Enter, group

from cctrawl.errors import InvalidInputError, NotFoundError
from cctrawl.index import held_selection, holdings, incomplete_holdings, open_held
from cctrawl.settings import Settings
from cctrawl.store import IMPORTED, UNDECODABLE, IndexFile, Selection

CRAWLS = ("CC-MAIN-2021-04", "CC-MAIN-2020-24", "CC-MAIN-2020-05")


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        (None, CRAWLS),
        ("all", CRAWLS),
        ("latest", CRAWLS[:1]),
        ("latest-2", CRAWLS[:2]),
        ("2020", CRAWLS[1:]),
        ("cc-main-2020-05,latest", (CRAWLS[0], CRAWLS[2])),
        (["2020", "latest", "2020"], CRAWLS),
    ],
)
def test_names_mean_held_crawls(
    expression: str | list[str] | None, found: tuple[str, ...], index: IndexFile, enter: Enter
) -> None:
    """Years, latest and all are those of held crawls, newest first, each once; no list is asked for."""
    for crawl in CRAWLS:
        enter(crawl=crawl)
    enter(crawl="CC-MAIN-2022-05", subset="robotstxt")
    assert held_selection(index, expression) == Selection(list(found), "warc")


@pytest.mark.parametrize("name", ["CC-MAIN-2019-04", "2019", "nonsense", "CC-MAIN-2022-05"])
def test_what_is_not_held_is_named(name: str, index: IndexFile, enter: Enter) -> None:
    """A crawl that is not held, or not of this subset, is an error that names the command that fetches it."""
    enter()
    enter(crawl="CC-MAIN-2022-05", subset="robotstxt")
    with pytest.raises(NotFoundError, match=name) as caught:
        held_selection(index, f"all,{name}")
    assert f"cctrawl harvest -c {name}" in str(caught.value.hint)


def test_wrong_words(index: IndexFile) -> None:
    """An empty expression, an empty list and an unknown subset are usage errors."""
    wrong: list[tuple[str | list[str], str]] = [(" , ", "warc"), ([], "warc"), ("all", "wat")]
    for words in wrong:
        with pytest.raises(InvalidInputError):
            held_selection(index, *words)


def test_nothing_is_held(held: Settings) -> None:
    """Without an index every question says how to come by one, and makes no file."""
    with pytest.raises(NotFoundError) as caught:
        open_held(held)
    assert "cctrawl harvest" in str(caught.value.hint)
    assert not held.data_dir.exists()


def test_what_is_incomplete(index: IndexFile, enter: Enter, listed: Callable[[str, int], None]) -> None:
    """A subset is incomplete if its listing has more files than are held or imported, or one cannot be decoded."""
    for number, crawl in enumerate(CRAWLS):
        enter([group(b"a", b"b")], crawl=crawl)
        enter([group(b"a", b"b")], crawl=crawl, number=1, state=UNDECODABLE if number == 2 else IMPORTED)
        listed(crawl, 3 if number == 1 else 2)
    selection = held_selection(index, "all")
    assert [row.crawl for row in incomplete_holdings(index, selection)] == list(CRAWLS[1:])
    assert incomplete_holdings(index, Selection(CRAWLS[:1], "warc")) == []


def test_holdings(index: IndexFile, enter: Enter, listed: Callable[[str, int], None]) -> None:
    """Files by state, row groups, rows and bytes are counted by crawl and subset, newest first."""
    enter([group(b"a", b"b")] * 3)
    enter([group(b"a", b"b")], number=1, state=IMPORTED)
    enter(number=2, state=UNDECODABLE)
    enter([group(b"a", b"b")], subset="robotstxt")
    listed("CC-MAIN-2021-04", 300)
    rows = [tuple(row) for row in holdings(index)]
    assert rows == [
        ("CC-MAIN-2021-04", "warc", 0, 300, 0, 0, 0, 0, 0, 0, None),
        ("CC-MAIN-2020-24", "robotstxt", 1, None, 0, 0, 0, 1, 10, 1000, None),
        ("CC-MAIN-2020-24", "warc", 2, None, 1, 1, 0, 4, 40, 3000, None),
    ]


def test_footers_that_lie_about_their_rows(index: IndexFile, enter: Enter) -> None:
    """Rows that no file can have, and more of them together than a number of SQLite holds, end no question."""
    for number in range(3):
        enter([group(b"a", b"b", num_rows=1 << 62)], number=number)
    (row,) = holdings(index)
    assert (row.files, row.row_groups) == (3, 3)
    assert row.num_rows >= 1 << 62
