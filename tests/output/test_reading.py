"""Rows that were written come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from cctrawl.output import read_rows, write_file

ROWS = [
    ("plain", "x", 1),
    ('comma, "quotes" and\nline\r\nends', "ü\u2028\u0085", 2),
    ("", "\r", 3),
    ("\0", 'a\0,"\n\0b', 3),
    ("long " * 100_000, "\\N", 4),
]  # fmt: skip


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_rows_come_back(tmp_path: Path, format: str) -> None:  # noqa: A002 - the option's name
    """Any text, however long, comes back as it was; numbers too, in CSV as text."""
    path = tmp_path / "x"
    write_file(path, format, ("a", "b", "n"), ROWS)
    with path.open("rb") as file:
        found = list(read_rows(file, format))
        assert not file.closed
    assert found == ([(a, b, str(n)) for a, b, n in ROWS] if format == "csv" else ROWS)


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_no_rows_come_back_as_none(tmp_path: Path, format: str) -> None:  # noqa: A002 - the option's name
    """A file without rows has columns and nothing else."""
    write_file(tmp_path / "x", format, ("a", "b"), [])
    with (tmp_path / "x").open("rb") as file:
        assert list(read_rows(file, format)) == []
