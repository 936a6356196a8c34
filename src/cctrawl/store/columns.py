"""Bounds of columns other than the key's: kept once they were asked for, as the footers have them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.store.index import HELD
from cctrawl.store.rowgroups import SELECTED, selection_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cctrawl.store.index import IndexFile
    from cctrawl.store.rowgroups import Selection


class ColumnRow(NamedTuple):
    """The bounds of a column in one row group.

    Attributes:
        row_group: its number in the file, from 0.
        statistics: the kind of the bounds.
        low: the lower bound as stored, ``None`` if there is none.
        high: the upper bound as stored.
    """

    row_group: int
    statistics: str
    low: bytes | None
    high: bytes | None


class ColumnsOfFile(NamedTuple):
    """What is kept of a column of a file.

    Attributes:
        file: the file's number in the store.
        column: the column's name.
        type: its type, as text that means something to the caller; ``None`` if the file has no such column.
        rows: its bounds, only of row groups that have any.
    """

    file: int
    column: str
    type: str | None
    rows: Sequence[ColumnRow]


def column_names(index: IndexFile, selection: Selection) -> list[str]:
    """Return the names of all columns that any held file of a selection has, those of the widest schema first.

    Raises:
        CctrawlError: the index cannot be read.
    """
    query = f"""SELECT columns FROM schema WHERE id IN (SELECT f.schema FROM file f WHERE {SELECTED})
        ORDER BY json_array_length(columns) DESC, id DESC"""  # noqa: S608 - our own words
    schemas = [json.loads(columns) for (columns,) in index.read(query, selection_parameters(selection))]
    return list(dict.fromkeys(name for names in schemas for name in names))


def files_without_column(index: IndexFile, selection: Selection, column: str) -> set[int]:
    """Return the numbers of the held files of a selection whose bounds of a column were never asked for.

    Raises:
        CctrawlError: the index cannot be read.
    """
    query = f"""SELECT f.id FROM file f
        WHERE {SELECTED} AND f.state = ?3
            AND NOT EXISTS (SELECT * FROM column_type t WHERE t.file = f.id AND t.column = ?4)"""  # noqa: S608 - our own words
    parameters = (*selection_parameters(selection), HELD, column)
    return {file for (file,) in index.read(query, parameters)}


def put_columns(index: IndexFile, columns: Sequence[ColumnsOfFile]) -> None:
    """Keep bounds of columns, in one transaction.

    Raises:
        TransportError: the disk refuses; nothing was kept.
    """
    with index.transaction() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO column_type VALUES (?, ?, ?)",
            [(one.file, one.column, one.type) for one in columns],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO column_bounds VALUES (?, ?, ?, ?, ?, ?)",
            [(one.file, one.column, *row) for one in columns for row in one.rows],
        )


def column_types(index: IndexFile, selection: Selection, columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the types that each of the columns has in the files of a selection, of which bounds were asked for.

    Raises:
        CctrawlError: the index cannot be read.
    """
    query = f"""SELECT DISTINCT t.column, t.type FROM file f CROSS JOIN column_type t ON t.file = f.id
        WHERE {SELECTED} AND t.type IS NOT NULL AND t.column IN (SELECT value FROM json_each(?3))"""  # noqa: S608 - our own words
    found: dict[str, list[str]] = {column: [] for column in columns}
    for column, type_ in index.read(query, (*selection_parameters(selection), json.dumps(list(columns)))):
        found[column].append(type_)
    return found


def columns_of_file(index: IndexFile, file: int) -> list[ColumnsOfFile]:
    """Return what is kept of the columns of a file.

    Raises:
        CctrawlError: the index cannot be read.
    """
    rows: dict[str, list[ColumnRow]] = {}
    query = "SELECT column, row_group, statistics, low, high FROM column_bounds WHERE file = ?"
    for column, *bounds in index.read(query, (file,)):
        rows.setdefault(column, []).append(ColumnRow(*bounds))
    types = index.read("SELECT column, type FROM column_type WHERE file = ?", (file,))
    return [ColumnsOfFile(file, column, type_, rows.get(column, ())) for column, type_ in types]
