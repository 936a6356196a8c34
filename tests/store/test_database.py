from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from cctrawl.errors import CctrawlError, FormatError, InvalidInputError
from cctrawl.store import open_database

SCHEMA = ["CREATE TABLE thing (name TEXT PRIMARY KEY, number INTEGER NOT NULL)"]


def test_creates_folders_and_tables_once(tmp_path: Path) -> None:
    """A database appears with its folders, and what was written is there when it is opened again."""
    path = tmp_path / "a" / "b" / "things.sqlite"
    first = open_database(path, schema=SCHEMA, version=1)
    first.execute("INSERT INTO thing VALUES ('one', 1)")
    first.close()
    again = open_database(path, schema=SCHEMA, version=1)
    assert again.execute("SELECT * FROM thing").fetchall() == [("one", 1)]
    assert again.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    again.close()


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_durable_means_an_fsync_per_commit(tmp_path: Path, durable: bool, level: int) -> None:  # noqa: FBT001 - a case
    """A durable database syncs fully, any other only at checkpoints."""
    connection = open_database(tmp_path / "d", schema=SCHEMA, version=1, durable=durable)
    assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
    connection.close()


def test_pages_have_the_size_the_file_was_made_with(tmp_path: Path) -> None:
    """Larger pages are for new files; a file that is there keeps its own, and opens."""
    for page_bytes in (2**15, 2**12):
        connection = open_database(tmp_path / "d", schema=SCHEMA, version=1, page_bytes=page_bytes)
        assert connection.execute("PRAGMA page_size").fetchone() == (2**15,)
        connection.close()


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    """A file of another version is named with both versions and left alone."""
    open_database(tmp_path / "d", schema=SCHEMA, version=2).close()
    with pytest.raises(CctrawlError, match="schema version 2, this program knows 1") as caught:
        open_database(tmp_path / "d", schema=SCHEMA, version=1)
    assert caught.value.hint


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """Rubbish in place of the database is a FormatError that names the file."""
    (tmp_path / "d").write_bytes(b"rubbish " * 1000)
    with pytest.raises(FormatError, match=str(tmp_path / "d")):
        open_database(tmp_path / "d", schema=SCHEMA, version=1)


def test_an_impossible_place_is_named(tmp_path: Path) -> None:
    """A folder in place of the file, or a file in place of the folder, is the caller's mistake."""
    with pytest.raises(InvalidInputError):
        open_database(tmp_path, schema=SCHEMA, version=1)
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError):
        open_database(tmp_path / "file" / "d", schema=SCHEMA, version=1)


def test_a_failed_schema_leaves_nothing(tmp_path: Path) -> None:
    """When one statement fails, none is kept, so the next attempt begins anew."""
    with pytest.raises(InvalidInputError):
        open_database(tmp_path / "d", schema=[*SCHEMA, "CREATE NONSENSE"], version=1)
    connection = open_database(tmp_path / "d", schema=SCHEMA, version=1)
    assert connection.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    connection.close()


def _open_and_add(path: Path, name: str) -> None:
    connection = open_database(path, schema=SCHEMA, version=1)
    connection.execute("INSERT INTO thing VALUES (?, 1)", (name,))
    connection.close()


def test_processes_may_create_it_at_once(tmp_path: Path) -> None:
    """Processes that open a new database at the same moment all succeed, and the schema is made once."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_open_and_add, args=(tmp_path / "d", str(i))) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with sqlite3.connect(tmp_path / "d") as connection:
        assert connection.execute("SELECT count(*) FROM thing").fetchone() == (4,)
    connection.close()
    assert [worker.exitcode for worker in workers] == [0] * 4
