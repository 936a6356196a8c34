"""Questions to the row-group table."""

from __future__ import annotations

from tests.held_index import Enter, group, path_of

from cctrawl.store import IndexFile, Selection, Span, all_row_groups, files_ending, held_crawls, row_groups_between
from cctrawl.store.index import IMPORTED

CRAWL = "CC-MAIN-2020-24"
NOWHERE = Span(b"", b"")


def test_spans_are_half_open_and_bounds_are_not(index: IndexFile, enter: Enter) -> None:
    """A key at the upper bound may be there, one at the span's end is not asked for; a span may have no end."""
    enter([group(b"b", b"d")])
    for start, stop, count in (
        (b"a", b"b", 0),
        (b"a", b"b\0", 1),
        (b"d", b"e", 1),
        (b"d\0", b"e", 0),
        (b"c", None, 1),
        (b"e", None, 0),
    ):
        assert len(list(row_groups_between(index, Selection([CRAWL]), Span(start, stop), NOWHERE))) == count
        assert len(list(row_groups_between(index, Selection([CRAWL]), NOWHERE, Span(start, stop)))) == 0


def test_a_file_with_a_row_group_without_bounds_is_never_passed_over(index: IndexFile, enter: Enter) -> None:
    """File bounds come first; of a file of mixed kinds each row group is looked at."""
    enter([group(b"a", b"b"), group(None, None, "absent"), group(b"a", b"b", "signed")])
    enter([group(b"a", b"b")], number=1)
    found = row_groups_between(index, Selection([CRAWL]), Span(b"x", b"y"), Span(b"\xf8", b"\xf9"))
    assert [(row.path, row.row_group) for row in found] == [(path_of(CRAWL, "warc", 0), 1)]


def test_selections(index: IndexFile, enter: Enter) -> None:
    """Crawls and subset choose files; no subset is all of them."""
    enter([group(b"a", b"b")])
    enter([group(b"a", b"b")], subset="robotstxt")
    enter([group(b"a", b"b")], crawl="CC-MAIN-2021-04", subset="robotstxt")
    assert held_crawls(index) == ["CC-MAIN-2021-04", CRAWL]
    assert held_crawls(index, "warc") == [CRAWL]
    for selection, count in (
        (Selection([CRAWL]), 2),
        (Selection([CRAWL], "warc"), 1),
        (Selection([], "warc"), 0),
        (Selection([CRAWL, "CC-MAIN-2021-04"], "robotstxt"), 2),
    ):
        assert len(list(all_row_groups(index, selection))) == count


def test_ends_of_paths(index: IndexFile, enter: Enter) -> None:
    """Whole parts of a path are its end, characters of a name are not, and nothing in it is a wildcard."""
    path = enter([group(b"a", b"b")])
    enter([group(b"a", b"b")], number=1, state=IMPORTED)
    name = path.rpartition("/")[2]
    for end in (path, "/" + path, name, f"subset=warc/{name}"):
        assert files_ending(index, end) == [(path, "warc", 1000)]
    for end in (name[1:], "%", "_" * len(name), "part-00001-x.c000.gz.parquet"):
        assert files_ending(index, end) == []
