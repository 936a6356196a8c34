from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
