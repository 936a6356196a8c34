"""What a job yields -- tuples, dicts, dataclasses, named tuples -- becomes a tuple of values in column order."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from cctrawl.errors import JobError

Values = tuple[Any, ...]


class RowShaper:
    """Shapes rows into tuples of values, in the order of ``columns``.

    Args:
        columns: the column names, or ``None`` to take them from the first row that names its fields.
        numeric: the columns, of those given, that must hold numbers, or ``None``.

    Attributes:
        columns: the column names; ``None`` until they are known.
    """

    def __init__(self, columns: Sequence[str] | None = None, numeric: Sequence[str] = ()) -> None:
        self.columns = tuple(columns) if columns is not None else None
        self._numeric = [(self.columns.index(name), name) for name in numeric] if self.columns else []

    def shape(self, row: object) -> Values:
        """Return the row's values in column order; a field that a dict lacks is ``None``.

        Raises:
            JobError: the object is no row, has another number of fields, names a field that is no column, or has no
                number where one must be.
        """
        values = self._shaped(row)
        for at, name in self._numeric:
            _see_number(values[at], name)
        return values

    def _shaped(self, row: object) -> Values:
        if isinstance(row, tuple) and not hasattr(row, "_fields"):
            return self._counted(row)
        named = _named_fields(row)
        if named is None:
            return self._counted(_sequence(row))
        if self.columns is None:
            self.columns = tuple(named)
        if len(named) > len(self.columns) or not named.keys() <= set(self.columns):
            raise JobError(
                f"the row's fields {_names(named)} do not fit the columns {_names(self.columns)}",
                hint='yield the same fields in every row, or declare them: @cctrawl.job("first", "second")',
            )
        return tuple(named.get(column) for column in self.columns)

    def _counted(self, row: Values) -> Values:
        if self.columns is None:
            raise JobError(
                f"a row without names, {row!r:.80}, and no columns declared",
                hint='declare the columns: @cctrawl.job("first", "second"), or yield dicts',
            )
        if len(row) != len(self.columns):
            raise JobError(
                f"a row of {len(row)} values for {len(self.columns)} columns {_names(self.columns)}: {row!r:.80}"
            )
        return row


def _see_number(value: object, column: str) -> None:
    if type(value) is int or value is None:
        return
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise JobError(
            f"column {column!r} is to be added up, but holds no number: {value!r:.80}",
            hint="yield int, float or None there, or take it out of sums",
        )


def _named_fields(row: object) -> Mapping[str, Any] | None:
    if isinstance(row, Mapping):
        return row if all(type(name) is str for name in row) else _by_text(row)
    if hasattr(row, "_asdict"):
        fields: Mapping[str, Any] = row._asdict()
        return fields
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    return None


def _by_text(row: Mapping[Any, Any]) -> Mapping[str, Any]:
    named = {str(name): value for name, value in row.items()}
    if len(named) < len(row):
        raise JobError(f"two fields of the row have the same name: {_names(list(map(str, row)))}")
    return named


def unwritable(error: Exception) -> JobError:
    """Return what the user should see of an exception that one of the job's values caused while it was written."""
    return JobError(
        f"a row cannot be written: {type(error).__name__}: {error!s:.500}",
        hint="yield text, numbers, None, booleans, dates, times, bytes, or lists and dicts of them",
    )


def _sequence(row: object) -> Values:
    if isinstance(row, list):
        return tuple(row)
    raise JobError(
        f"the job yielded {row!r:.80} ({type(row).__name__}), which is no row",
        hint="yield tuples, dicts, named tuples or dataclasses",
    )


def _names(columns: Sequence[str] | Mapping[str, Any]) -> str:
    return "(" + ", ".join(columns) + ")"
