"""One opened index for several threads: in turns, opened once, closed for good."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cctrawl.errors import CctrawlError, InvalidInputError, TransportError
from cctrawl.store import IndexFile, SharedIndex


def test_threads_take_turns_with_one_index(tmp_path: Path) -> None:
    """All threads get the same index, one at a time, and it is opened when the first of them wants it."""
    shared = SharedIndex(tmp_path, "s3://mine/")
    assert not list(tmp_path.iterdir())
    turns = threading.Semaphore(1)

    def use(_: int) -> IndexFile:
        with shared.use() as index:
            assert turns.acquire(blocking=False)
            assert list(index.read("SELECT count(*) FROM file")) == [(0,)]
            turns.release()
            return index

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(use, range(200)))) == 1
    shared.close()


def test_a_closed_index_is_closed_for_all(tmp_path: Path) -> None:
    """Behind `close`, which may come twice, whoever wants it is told; whether or not it was ever opened."""
    opened, never = SharedIndex(tmp_path, "s3://mine/"), SharedIndex(tmp_path, "s3://other/")
    with opened.use() as index:
        pass
    for shared in (opened, never):
        shared.close()
        shared.close()
        with pytest.raises(TransportError, match="the index is closed"), shared.use():
            pass
    with pytest.raises(CctrawlError, match="closed database"):
        list(index.read("SELECT 1"))


def test_an_index_that_nobody_has_any_more_is_closed(tmp_path: Path) -> None:
    """Who forgets to close leaves no file open."""
    shared = SharedIndex(tmp_path, "s3://mine/")
    with shared.use() as index:
        pass
    del shared
    with pytest.raises(CctrawlError, match="closed database"):
        list(index.read("SELECT 1"))


def test_a_folder_that_cannot_be_is_told_to_each(tmp_path: Path) -> None:
    """An index that cannot be opened is no index that is open: the next one tries again."""
    (tmp_path / "file").write_bytes(b"")
    shared = SharedIndex(tmp_path / "file", "s3://mine/")
    for _ in range(2):
        with pytest.raises(InvalidInputError, match="cannot open"), shared.use():
            pass
