"""The statistics of a column chunk, and which of them can be believed.

Parquet has two pairs of bounds. ``min_value`` and ``max_value`` compare in the order of the column's type. The
deprecated ``min`` and ``max`` were always compared as *signed*: right for numbers, while byte arrays above 0x7F
stand below those of ASCII. Such bounds still tell something (see ``keys``), but they are not what they seem.

Decided here, so that no row is ever lost (parquet-format leaves it to readers):

- Both pairs present: ``min_value`` and ``max_value`` count. One bound of a pair present: the other is None, and
  every test takes it as open.
- ``min_value`` and ``max_value`` count only if the footer has ``column_orders`` and the column's is the order of
  its type, as parquet-format demands and Arrow does. Otherwise the deprecated pair counts, if there is one.
- The deprecated pair of byte arrays is believed of parquet-mr from 1.8.0 on, known to compare signed bytes. Older
  ones wrote bounds of other rows (PARQUET-251); of other writers nobody knows how they compared.
- Types without an order (INT96, INTERVAL, ...) have no bounds, whatever is stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from cctrawl.index.fields import binary, boolean, integer
from cctrawl.index.schema import SchemaColumn
from cctrawl.index.thrift import Struct

Kind = Literal["ordered", "signed", "absent"]

_PARQUET_MR: Final = re.compile(r"parquet-mr(?: .*?version (\d{1,9})\.(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a column chunk tells about its values.

    Attributes:
        kind: ``ordered``: the bounds hold in the order of the column's type; ``signed``: they are byte arrays and
            hold in the order of signed bytes; ``absent``: there are none that can be believed.
        min: lower bound as stored, perhaps cut short; None if there is none.
        max: upper bound as stored, perhaps cut short and rounded up; None if there is none.
        null_count: how many values are null, if told.
        distinct_count: how many different values there are, if told.
        is_min_exact: whether ``min`` is a value of the column, if told.
        is_max_exact: whether ``max`` is a value of the column, if told.
    """

    kind: Kind = "absent"
    min: bytes | None = None
    max: bytes | None = None
    null_count: int | None = None
    distinct_count: int | None = None
    is_min_exact: bool | None = None
    is_max_exact: bool | None = None


NO_STATISTICS: Final = Statistics()


@dataclass(frozen=True, slots=True)
class Writer:
    """What the statistics of a writer are worth.

    Attributes:
        is_corrupt: bounds of byte arrays are those of other rows.
        compares_signed: the deprecated bounds of byte arrays compare as signed bytes, for sure.
    """

    is_corrupt: bool
    compares_signed: bool


def known_writer(created_by: str | None) -> Writer:
    """Return what is known about the writer that a footer names, if it names one."""
    match = _PARQUET_MR.match(created_by or "")
    if not match:
        return Writer(is_corrupt=False, compares_signed=False)
    is_corrupt = match[1] is None or (int(match[1]), int(match[2])) < (1, 8)
    return Writer(is_corrupt=is_corrupt, compares_signed=not is_corrupt)


def read_statistics(
    stored: Struct | None, column: SchemaColumn, writer: Writer, *, has_type_order: bool
) -> Statistics:
    """Return the statistics of a column chunk.

    Args:
        stored: Thrift's struct ``Statistics``, or None.
        column: whose they are.
        writer: who wrote them.
        has_type_order: whether the footer's ``column_orders`` has the order of the type for this column.
    """
    if not stored:
        return NO_STATISTICS
    kind, low, high = believed_bounds(
        column,
        writer,
        (binary(stored, 6), binary(stored, 5)) if has_type_order else (None, None),
        (binary(stored, 2), binary(stored, 1)),
    )
    return Statistics(
        kind=kind,
        min=low,
        max=high,
        null_count=integer(stored, 3),
        distinct_count=integer(stored, 4),
        is_min_exact=boolean(stored, 8) if kind == "ordered" else None,
        is_max_exact=boolean(stored, 7) if kind == "ordered" else None,
    )


_Pair = tuple["bytes | None", "bytes | None"]


def believed_bounds(
    column: SchemaColumn, writer: Writer, ordered: _Pair, deprecated: _Pair
) -> tuple[Kind, bytes | None, bytes | None]:
    """Return the kind of the bounds that can be believed, and these, low first."""
    order = column.order
    is_binary = column.physical_type in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
    if order == "undefined" or (is_binary and writer.is_corrupt):
        return "absent", None, None
    if ordered != (None, None):
        return "ordered", *ordered
    if deprecated == (None, None):
        return "absent", None, None
    if not is_binary and order == "signed":
        return "ordered", *deprecated
    if order == "bytes" and writer.compares_signed:
        return "signed", *deprecated
    return "absent", None, None
