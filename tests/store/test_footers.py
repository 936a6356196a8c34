"""Footers go in whole, come out as they were, and take little room beside their sisters."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cctrawl.errors import FormatError, TransportError
from cctrawl.store import (
    FailureRow,
    FooterRow,
    GroupRow,
    IndexFile,
    bounds_of,
    footer_sizes,
    held_footers,
    held_paths,
    listed_failures,
    note_listing,
    open_index,
    put_file,
    put_footers,
    put_row_groups,
    undecodable,
)

CRAWL = "CC-MAIN-2020-24"
ORDERED = GroupRow(5, 100, "ordered", b"com,a", b"com,f")


def footer_bytes(number: int) -> bytes:
    """Return what resembles its sisters as footers do: much in common, some of its own."""
    common = random.Random(0).randbytes(20_000)
    return common + random.Random(number + 1).randbytes(500)


def fetched(number: int, *, error: str | None = None) -> FooterRow:
    """Return the footer of a file of the crawl."""
    return FooterRow(
        path=f"part-{number}",
        crawl=CRAWL,
        subset="warc",
        size=10**9,
        data=footer_bytes(number),
        columns=None if error else ("url_surtkey", "url"),
        num_rows=None if error else 5,
        groups=() if error else (ORDERED,),
        error=error,
    )


def rows_of(index: IndexFile, table: str) -> list[tuple[object, ...]]:
    """Return all rows of a table."""
    return list(index.read(f"SELECT * FROM {table}"))  # noqa: S608 - our own table names


def test_footers_come_out_as_they_went_in(tmp_path: Path) -> None:
    """Every footer is held byte for byte, in little room, also by the next command."""
    with open_index(tmp_path, "s3://mine/") as index:
        put_footers(index, [fetched(number) for number in range(10)])
    with open_index(tmp_path, "s3://mine/") as index:
        put_footers(index, [fetched(10)])
        held = {footer.path: footer.data for footer in held_footers(index, crawl=CRAWL)}
        assert held == {f"part-{number}": footer_bytes(number) for number in range(11)}
        assert [footer.data for footer in held_footers(index, path="part-3")] == [footer_bytes(3)]
        assert sum(len(data) for (data,) in index.read("SELECT data FROM footer_block")) < 2 * 21_000 + 11 * 700
        assert held_paths(index, [CRAWL]) == set(held)
        assert set(footer_sizes(index, [CRAWL])) == {(CRAWL, "warc", 20_500)}
        assert rows_of(index, "file_bounds")[0] == (1, "ordered", b"com,a", b"com,f")


def test_a_refused_transaction_leaves_nothing_and_can_be_made_again(tmp_path: Path) -> None:
    """When the disk refuses, nothing of a footer is there, and the same footers can be entered later."""
    with open_index(tmp_path, "s3://mine/") as index:
        rows = [fetched(number) for number in range(3)]
        wrong = FailureRow("part-9", CRAWL, "warc", None, "no kind")  # type: ignore[arg-type]  # so that SQLite refuses
        with pytest.raises(TransportError):
            put_footers(index, rows, [wrong])
        assert not rows_of(index, "file")
        assert not rows_of(index, "footer_block")
        put_footers(index, rows)
        assert len(list(held_footers(index))) == 3


def test_what_failed_is_forgotten_when_it_comes(tmp_path: Path) -> None:
    """A failure is listed with the times it failed, until the footer is there."""
    with open_index(tmp_path, "s3://mine/") as index:
        failed = FailureRow("part-1", CRAWL, "warc", "network", "half a pair \ud83d")
        put_footers(index, [], [failed])
        put_footers(index, [], [FailureRow("part-1", CRAWL, "warc", "missing", "404")])
        assert listed_failures(index, [CRAWL]) == [FailureRow("part-1", CRAWL, "warc", "missing", "404", 2)]
        put_footers(index, [fetched(1)])
        assert listed_failures(index, [CRAWL]) == []


def test_a_footer_that_cannot_be_decoded_is_held_and_listed(tmp_path: Path) -> None:
    """It counts as held, has its reason, and has no row groups."""
    with open_index(tmp_path, "s3://mine/") as index:
        put_footers(index, [fetched(1, error="odd")])
        assert undecodable(index, [CRAWL]) == [("part-1", "odd")]
        assert held_paths(index, [CRAWL]) == {"part-1"}
        assert not rows_of(index, "row_group")


def test_an_imported_file_is_not_held_until_its_footer_comes(tmp_path: Path) -> None:
    """Row groups of an import are replaced by those of the footer, under the same id."""
    with open_index(tmp_path, "s3://mine/") as index:
        with index.transaction() as connection:
            file = put_file(connection, path="part-1", crawl=CRAWL, subset="warc", state="imported")
            put_row_groups(connection, file, [ORDERED, ORDERED])
        assert held_paths(index, [CRAWL]) == set()
        put_footers(index, [fetched(1)])
        assert held_paths(index, [CRAWL]) == {"part-1"}
        assert rows_of(index, "row_group") == [(file, 0, *ORDERED)]


def test_a_damaged_footer_is_named(tmp_path: Path) -> None:
    """What the disk has changed is no footer any more, and the message says of which file."""
    with open_index(tmp_path, "s3://mine/") as index:
        put_footers(index, [fetched(1), fetched(2)])
        with index.transaction() as connection:
            connection.execute(
                "UPDATE footer_block SET data = CAST(substr(data, 1, 300) || zeroblob(length(data) - 300) AS BLOB)"
            )
        with pytest.raises(FormatError, match="part-2"):
            list(held_footers(index, path="part-2"))


@pytest.mark.parametrize(
    ("groups", "bounds"),
    [
        ([ORDERED, GroupRow(1, 1, "ordered", b"a", b"b")], ("ordered", b"a", b"com,f")),
        ([ORDERED, GroupRow(1, 1, "absent", None, None)], ("absent", None, None)),
        ([ORDERED, GroupRow(1, 1, "signed", b"a", b"b")], ("absent", None, None)),
        ([], ("absent", None, None)),
    ],
)
def test_bounds_of_a_file_hold_all_of_it(
    groups: list[GroupRow], bounds: tuple[str, bytes | None, bytes | None]
) -> None:
    """They are the widest of its row groups, or absent when one tells nothing or another order."""
    assert bounds_of(groups) == bounds


def test_the_newest_listing_counts(tmp_path: Path) -> None:
    """How many files a crawl lists is kept by subset."""
    with open_index(tmp_path, "s3://mine/") as index:
        note_listing(index, {(CRAWL, "warc"): 1})
        note_listing(index, {(CRAWL, "warc"): 300, (CRAWL, "robotstxt"): 2})
        assert list(index.read("SELECT subset, files FROM listed ORDER BY files")) == [
            ("robotstxt", 2),
            ("warc", 300),
        ]
