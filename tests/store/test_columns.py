"""Bounds of columns, kept once they were asked for."""

from __future__ import annotations

from tests.held_index import Enter, group

from cctrawl.store import (
    IMPORTED,
    ColumnRow,
    ColumnsOfFile,
    IndexFile,
    Selection,
    column_types,
    columns_of_file,
    files_without_column,
    put_columns,
)

EVERYTHING = Selection(["CC-MAIN-2020-24"])


def test_what_was_asked_for_is_kept(index: IndexFile, enter: Enter) -> None:
    """Bounds and types come back; what was decoded is not lacking any more, columns that a file lacks included."""
    for number in range(3):
        enter([group(b"a", b"b")], number=number, state=IMPORTED if number == 2 else "held")
    assert files_without_column(index, EVERYTHING, "url") == {1, 2}
    kept = ColumnsOfFile(1, "url", "text", [ColumnRow(0, "ordered", b"\xff", None)])
    put_columns(index, [kept, ColumnsOfFile(2, "url", None, [])])
    assert files_without_column(index, EVERYTHING, "url") == set()
    assert files_without_column(index, EVERYTHING, "other") == {1, 2}
    assert columns_of_file(index, 1) == [kept]
    assert columns_of_file(index, 2) == [ColumnsOfFile(2, "url", None, ())]
    assert column_types(index, EVERYTHING, ["url", "other"]) == {"url": ["text"], "other": []}
