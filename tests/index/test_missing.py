"""Where statistics are missing."""

from __future__ import annotations

from tests.held_index import Enter, group

from cctrawl.index import missing_row_groups, missing_statistics
from cctrawl.settings import Settings


def test_crawls_where_something_is_missing(held: Settings, enter: Enter) -> None:
    """A crawl is listed if any row group lacks ordered bounds: counted as in the seed, deprecated ones beside."""
    enter([group(b"a", b"b")], crawl="CC-MAIN-2021-04")
    signed = group(b"a", b"b", "signed")
    enter([signed, signed], crawl="CC-MAIN-2018-05")
    enter([group(b"a", b"b"), group(None, None, "absent")], number=0)
    path = enter([group(b"a", b"b"), group(b"a", b"b", "computed"), signed], number=1)
    enter([signed], number=2, subset="robotstxt")
    rows = missing_statistics(settings=held)
    assert [tuple(row) for row in rows] == [("CC-MAIN-2018-05", 2, 1, 0, 0, 2), ("CC-MAIN-2020-24", 5, 2, 2, 2, 1)]
    assert missing_statistics(crawls="2018", settings=held) == rows[:1]
    assert [row.row_groups for row in missing_statistics(subset="all", settings=held)] == [2, 6]
    files = list(missing_row_groups(crawls="2020", settings=held))
    assert [(row.row_group, row.statistics) for row in files] == [(1, "absent"), (1, "computed"), (2, "signed")]
    assert files[1] == (path, "CC-MAIN-2020-24", "warc", 1, 10, 1000, "computed")
