"""The history of runs: one row per output, the newest first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cctrawl.errors import CctrawlError
from cctrawl.store import HistoryFile, HistoryRow

ROW = HistoryRow(
    "/out/a.csv", "/out/a.csv.cctrawl", "themes", "running", 9, 2, 1, 70, 10.0, 20.0, "/out", "cctrawl run"
)


def test_the_newest_entry_of_an_output_counts(tmp_path: Path) -> None:
    """An output has one row, the last one entered; outputs come by the time of their entry, newest first."""
    with HistoryFile(tmp_path) as history:
        history.put(ROW)
        history.put(replace(ROW, output="/out/b.csv", updated_at=30.0))
        history.put(replace(ROW, state="done", updated_at=40.0))
    with HistoryFile(tmp_path) as history:
        assert [(row.output, row.state) for row in history.rows()] == [
            ("/out/a.csv", "done"),
            ("/out/b.csv", "running"),
        ]
        assert history.get("/out/b.csv") == replace(ROW, output="/out/b.csv", updated_at=30.0)
        history.forget("/out/b.csv")
        assert history.get("/out/b.csv") is None


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    """A file name with bytes that are no UTF-8 breaks nothing."""
    with HistoryFile(tmp_path) as history:
        history.put(replace(ROW, output="/out/\udcff.csv"))
        assert history.rows()[0].output == "/out/\\udcff.csv"


def test_a_damaged_history_is_named(tmp_path: Path) -> None:
    """A page of noise in the file is an error of ours, with the file's name and a hint."""
    with HistoryFile(tmp_path) as history:
        for number in range(1000):
            history.put(replace(ROW, output=f"/out/{number}.csv"))
    with (tmp_path / "runs.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(b"noise" * 20_000)
    with (
        HistoryFile(tmp_path) as history,
        pytest.raises(CctrawlError, match=r"runs\.sqlite cannot be used") as caught,
    ):
        history.rows()
    assert caught.value.hint
