from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import CctrawlError
from cctrawl.store.rates import HostRate, RateBook

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

HOST = "https://data.commoncrawl.org"


def _count(row: HostRate, _now: float) -> int:
    row.window_count += 1
    return row.window_count


def _count_often(path: Path, times: int) -> None:
    book = RateBook(path)
    for _ in range(times):
        book.change(HOST, _count)
    book.close()


def _die_within_a_change(path: Path) -> None:
    book = RateBook(path)
    book.change(HOST, lambda _, _now: os.kill(os.getpid(), signal.SIGKILL))


def test_rows_are_kept(tmp_path: Path) -> None:
    """A row comes back as it was left, each host has its own, and an unknown host a new one."""
    book = RateBook(tmp_path / "rates.sqlite")
    assert book.read(HOST) == HostRate()

    def change(row: HostRate, _now: float) -> str:
        row.tokens, row.known_path, row.refused_mixed = -1.5, "/a", 1
        return "returned"

    kept = HostRate(tokens=-1.5, known_path="/a", refused_mixed=1)
    assert book.change(HOST, change) == ("returned", kept)
    book.close()
    book = RateBook(tmp_path / "rates.sqlite")
    assert book.read(HOST) == kept
    assert book.read("http://other") == HostRate()
    book.close()


def test_changes_of_threads_and_processes_never_get_lost(tmp_path: Path) -> None:
    """Every change sees the one before it, whoever made it."""
    path = tmp_path / "rates.sqlite"
    context = multiprocessing.get_context("spawn")
    workers: list[BaseProcess | threading.Thread] = [
        *(context.Process(target=_count_often, args=(path, 200)) for _ in range(2)),
        *(threading.Thread(target=_count_often, args=(path, 50)) for _ in range(3)),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    book = RateBook(path)
    assert book.read(HOST).window_count == 2 * 200 + 3 * 50
    book.close()


def test_a_death_within_a_change_locks_nothing(tmp_path: Path) -> None:
    """A process killed in the middle of a change leaves the row as it was, free for others."""
    path = tmp_path / "rates.sqlite"
    _count_often(path, 3)
    process = multiprocessing.get_context("spawn").Process(target=_die_within_a_change, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    book = RateBook(path)
    assert book.change(HOST, _count)[0] == 4
    book.close()


def test_a_failed_change_is_undone(tmp_path: Path) -> None:
    """When a change raises, the row stays as it was and the book usable."""
    book = RateBook(tmp_path / "rates.sqlite")

    def change(row: HostRate, _now: float) -> None:
        row.tokens = 7
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        book.change(HOST, change)
    assert book.read(HOST) == HostRate()
    book.close()


def test_trouble_with_the_file_is_ours_to_name(tmp_path: Path) -> None:
    """An error of the database names the file and what to do."""
    path = tmp_path / "rates.sqlite"
    book = RateBook(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE host_rate")
    connection.close()
    with pytest.raises(CctrawlError, match=r"rates\.sqlite") as caught:
        book.change(HOST, _count)
    assert caught.value.hint
    with pytest.raises(CctrawlError):
        book.read(HOST)
    book.close()
