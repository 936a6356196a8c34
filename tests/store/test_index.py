"""The index at hand: one file per origin, all or nothing, asked while it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from cctrawl.errors import CctrawlError, NotFoundError, TransportError
from cctrawl.store import IndexFile, index_path, open_index

SCHEMA = "INSERT INTO schema (columns) VALUES (?)"


def columns_held(index: IndexFile) -> list[str]:
    """Return what the smallest table holds."""
    return [columns for (columns,) in index.read("SELECT columns FROM schema ORDER BY id")]


def test_own_base_urls_share_a_file_and_others_have_their_own(tmp_path: Path) -> None:
    """Common Crawl's tree is one under all its names; equal paths elsewhere are other files."""
    own = {
        index_path(tmp_path, url)
        for url in ("https://data.commoncrawl.org/", "http://data.commoncrawl.org/", "s3://commoncrawl/")
    }
    others = {index_path(tmp_path, url) for url in ("https://mirror.example/", "s3://mine/", "/srv/crawl/")}
    assert own == {tmp_path / "index.sqlite"}
    assert len(others) == 3
    assert not own & others


def test_a_folder_has_one_index_however_it_is_written(tmp_path: Path) -> None:
    """``..`` and links in its path do not make another folder of it: nothing is read twice."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "link").symlink_to("tree")
    names = ("tree/", "./tree/", "tree/../tree/", "link/")
    assert len({index_path(tmp_path, f"{tmp_path}/{name}") for name in names}) == 1


def test_changes_are_made_all_or_none(tmp_path: Path) -> None:
    """What a transaction that fails had written is gone; SQLite's refusals are ours."""
    with open_index(tmp_path, "s3://mine/") as index:
        with pytest.raises(TransportError, match="cannot be written"), index.transaction() as connection:
            connection.executemany(SCHEMA, [("a",), ("a",)])
        with index.transaction() as connection:
            connection.execute(SCHEMA, ("b",))
        assert columns_held(index) == ["b"]
        assert index.size_bytes() > 0


def test_the_index_can_be_asked_while_it_is_written(tmp_path: Path) -> None:
    """A reader sees what is committed, and does not wait for the writer."""
    with open_index(tmp_path, "s3://mine/") as writer, open_index(tmp_path, "s3://mine/") as reader:
        with writer.transaction() as connection:
            connection.execute(SCHEMA, ("a",))
            assert columns_held(reader) == []
        assert columns_held(reader) == ["a"]


def test_who_only_asks_makes_no_index(tmp_path: Path) -> None:
    """Without an index, asking says how to come by one, and leaves nothing behind."""
    with pytest.raises(NotFoundError, match="no index of s3://mine/") as caught:
        open_index(tmp_path, "s3://mine/", must_exist=True)
    assert "cctrawl harvest" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_another_version_is_refused(tmp_path: Path) -> None:
    """An index of a newer program is left alone, and the message says so."""
    with open_index(tmp_path, "s3://mine/") as index, index.transaction() as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(CctrawlError, match="schema version 99"):
        open_index(tmp_path, "s3://mine/")
