from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cctrawl.errors import CctrawlError
from cctrawl.store import ListingCache


def test_what_was_put_is_there_for_the_next_one(tmp_path: Path) -> None:
    """A listing outlives the cache that took it, with its bytes and its time; the last one put counts."""
    with ListingCache(tmp_path / "data") as cache:
        assert cache.get("https://x/a") is None
        cache.put("https://x/a", b"old", 1.0)
        cache.put("https://x/a", b"\x00\xff", 12.5)
    with ListingCache(tmp_path / "data") as cache:
        assert cache.get("https://x/a") == (b"\x00\xff", 12.5)
        assert cache.get("https://x/b") is None


PUT_MANY = """
import sys
from cctrawl.errors import CctrawlError
from cctrawl.store import ListingCache
folder, name = sys.argv[1:]
for number in range(30):
    with ListingCache(folder) as cache:
        cache.put(f"{name}/{number}", name.encode() * number, float(number))
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    """Processes that start together, on a cache that is not there yet, all find their listings in it."""
    processes = [subprocess.Popen([sys.executable, "-c", PUT_MANY, str(tmp_path), name]) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    with ListingCache(tmp_path) as cache:
        for name in "abc":
            assert cache.get(f"{name}/29") == (name.encode() * 29, 29.0)


def test_a_file_that_fails_is_named(tmp_path: Path) -> None:
    """What SQLite says is an error of ours, which names the file and what to do with it."""
    with ListingCache(tmp_path) as cache:
        with closing(sqlite3.connect(tmp_path / "listings.sqlite")) as other:
            other.execute("DROP TABLE listing")
        uses: list[Callable[[], object]] = [lambda: cache.get("x"), lambda: cache.put("x", b"", 1.0)]
        for use in uses:
            with pytest.raises(CctrawlError, match=r"listings\.sqlite cannot be used: no such table") as caught:
                use()
            assert caught.value.hint
