"""Bounds of columns other than the key's: decoded from held footers when they are first asked for, then kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cctrawl.errors import FormatError, InvalidInputError
from cctrawl.index.distillate import KEY_COLUMN, Distillate, distil
from cctrawl.index.schema import LogicalType, SchemaColumn
from cctrawl.index.values import arrow_type, decode_bound
from cctrawl.store import (
    ColumnRow,
    ColumnsOfFile,
    IndexFile,
    Selection,
    column_names,
    column_types,
    columns_of_file,
    files_without_column,
    held_footers,
    put_columns,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from cctrawl.index.values import Bound

_BATCH_FILES = 500


def chosen_columns(index: IndexFile, selection: Selection, columns: str | Sequence[str]) -> list[str]:
    """Return the names of the columns that are meant, but for the key's, whose bounds are always there.

    Args:
        index: the index.
        selection: the files asked about.
        columns: names, or ``all``, or a comma list of names.

    Raises:
        InvalidInputError: a name that no held file of the selection has.
    """
    known = [name for name in column_names(index, selection) if name != KEY_COLUMN.decode()]
    if columns == "all":
        return known
    words = columns.split(",") if isinstance(columns, str) else columns
    names = [name for name in dict.fromkeys(word.strip() for word in words) if name and name != KEY_COLUMN.decode()]
    for name in names:
        if name not in known:
            raise InvalidInputError(f"no column: {name!r}", hint=_suggestion(name, known))
    return names


def hold_columns(index: IndexFile, selection: Selection, columns: Sequence[str]) -> None:
    """Hold the index (`IndexFile.hold`) in a state that has the bounds of the columns for a selection.

    Raises:
        FormatError: a footer that is held is damaged.
        CctrawlError: the index cannot be read, or written.
    """
    decode_columns(index, selection, columns)
    index.hold()
    if any(files_without_column(index, selection, column) for column in columns):  # dropped by a rebuild
        index.release()
        decode_columns(index, selection, columns)
        index.hold()


def decode_columns(index: IndexFile, selection: Selection, columns: Sequence[str]) -> None:
    """See that the bounds of the columns are kept for all held files of a selection; a crawl at a time.

    Raises:
        FormatError: a footer that is held is damaged.
        CctrawlError: the index cannot be read, or written.
    """
    for crawl in selection.crawls:
        for column in columns:  # not the other way round: `distil` remembers what leads to a column
            missing = files_without_column(index, selection._replace(crawls=[crawl]), column)
            if missing:
                _decode(index, crawl, column, missing)


def decoded_bounds(index: IndexFile, file: int) -> dict[tuple[str, int], tuple[Bound | None, Bound | None]]:
    """Return the bounds of a file that are kept, as values, by column and row group.

    Bounds of texts in the order of signed bytes, which nothing else compares in, are left out.

    Raises:
        CctrawlError: the index cannot be read.
    """
    found = {}
    for kept in columns_of_file(index, file):
        for row in kept.rows:
            if kept.type is None or row.statistics == "signed":
                continue
            column = _column(kept.type)
            low, high = decode_bound(column, row.low), decode_bound(column, row.high, is_upper=True)
            found[kept.column, row.row_group] = low, high
    return found


def arrow_types(index: IndexFile, selection: Selection, columns: Sequence[str]) -> dict[str, pa.DataType]:
    """Return the Arrow type that holds the bounds of each column in all files of a selection; loads pyarrow.

    Raises:
        CctrawlError: the index cannot be read.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to load

    types = column_types(index, selection, columns)
    return {name: _common([arrow_type(_column(text)) for text in types[name]], pa) for name in columns}


def _decode(index: IndexFile, crawl: str, column: str, missing: set[int]) -> None:
    waiting: list[ColumnsOfFile] = []
    for footer in held_footers(index, crawl=crawl):
        if footer.file not in missing:
            continue
        waiting.append(_kept(footer.file, column, distil(footer.data, column.encode(), footer.path)))
        if len(waiting) == _BATCH_FILES:
            put_columns(index, waiting)
            waiting = []
    put_columns(index, waiting)


def _kept(file: int, column: str, distillate: Distillate) -> ColumnsOfFile:
    rows = [
        ColumnRow(number, row.statistics, row.min, row.max)
        for number, row in enumerate(distillate.rows)
        if row.statistics != "absent"
    ]
    type_ = None if distillate.column is None else json.dumps(asdict(distillate.column))
    return ColumnsOfFile(file, column, type_, rows)


@lru_cache(maxsize=1024)
def _column(text: str) -> SchemaColumn:
    """The column whose type was kept.

    Raises:
        FormatError: it is not as we write it.
    """
    try:
        facts: dict[str, Any] = json.loads(text)
        logical_type = facts["logical_type"] and LogicalType(**facts["logical_type"])
        return SchemaColumn(**{**facts, "path": tuple(facts["path"]), "logical_type": logical_type})
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(
            f"a kept type of a column cannot be read: {error}", hint="`cctrawl index rebuild` drops it"
        ) from error


def _common(types: Sequence[pa.DataType], pa: Any) -> pa.DataType:  # noqa: ANN401 - the module, loaded late
    """The type that holds the values of all: the same, the finer time, the wider number, else text."""
    known = {type_ for type_ in types if not pa.types.is_null(type_)}
    if len(known) <= 1:
        return known.pop() if known else pa.null()
    fields = [pa.schema([pa.field("", type_)]) for type_ in sorted(known, key=str)]
    try:
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.string()


def _suggestion(name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for errors

    if not known:
        return "columns are known of harvested files; imported ones have the nine of `cctrawl index export`"
    close = get_close_matches(name, known, n=3)
    return f"did you mean {', '.join(close)}?" if close else f"there are {', '.join(known)}"
