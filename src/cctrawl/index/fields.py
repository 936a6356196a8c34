"""Looks into a Thrift struct as Parquet's own readers take them: a field of another kind counts as not there."""

from __future__ import annotations

from typing import TypeVar

from cctrawl.errors import FormatError
from cctrawl.index.thrift import BINARY, BYTE, I16, I32, I64, LIST, STRUCT, TRUE, List, Struct

_INTEGERS = (BYTE, I16, I32, I64)
_T = TypeVar("_T")


def integer(struct: Struct, field_id: int) -> int | None:
    """Return an integer, or None."""
    field = struct.get(field_id)
    return field.value if field and field.kind in _INTEGERS and isinstance(field.value, int) else None


def boolean(struct: Struct, field_id: int) -> bool | None:
    """Return a boolean, or None."""
    field = struct.get(field_id)
    return field.value if field and field.kind == TRUE and isinstance(field.value, bool) else None


def binary(struct: Struct, field_id: int) -> bytes | None:
    """Return bytes, or None."""
    field = struct.get(field_id)
    return field.value if field and field.kind == BINARY and isinstance(field.value, bytes) else None


def text(struct: Struct, field_id: int) -> str | None:
    """Return text, or None; what is not UTF-8 is replaced."""
    value = binary(struct, field_id)
    return None if value is None else value.decode("utf-8", "replace")


def substruct(struct: Struct, field_id: int) -> Struct | None:
    """Return a struct, or None."""
    field = struct.get(field_id)
    return field.value if field and field.kind == STRUCT and isinstance(field.value, dict) else None


def structs(struct: Struct, field_id: int) -> list[Struct] | None:
    """Return a list of structs, or None."""
    elements = _elements(struct, field_id)
    if elements is None or (elements.values and elements.kind != STRUCT):
        return None
    return [element for element in elements.values if isinstance(element, dict)]


def integers(struct: Struct, field_id: int) -> list[int] | None:
    """Return a list of integers, or None."""
    elements = _elements(struct, field_id)
    if elements is None or (elements.values and elements.kind not in _INTEGERS):
        return None
    return [element for element in elements.values if isinstance(element, int)]


def binaries(struct: Struct, field_id: int) -> list[bytes] | None:
    """Return a list of bytes, or None."""
    elements = _elements(struct, field_id)
    if elements is None or (elements.values and elements.kind != BINARY):
        return None
    return [element for element in elements.values if isinstance(element, bytes)]


def required(value: _T | None, what: str) -> _T:
    """Return the value.

    Raises:
        FormatError: there is none; ``what`` names what should be there.
    """
    if value is None:
        raise FormatError(f"there is no {what}")
    return value


def quantity(struct: Struct, field_id: int, what: str) -> int:
    """Return an integer that must be there and cannot be negative: a count, a size or an offset.

    Raises:
        FormatError: it is not there, or negative; ``what`` names it.
    """
    value = required(integer(struct, field_id), what)
    if value < 0:
        raise FormatError(f"{what} is {value:,}")
    return value


def _elements(struct: Struct, field_id: int) -> List | None:
    field = struct.get(field_id)
    return field.value if field and field.kind == LIST and isinstance(field.value, List) else None
