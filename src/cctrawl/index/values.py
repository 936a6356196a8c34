"""Stored bounds as values: bytes of a footer in, what Python and Arrow call them out.

Format: ``Encodings.md`` (PLAIN) and ``LogicalTypes.md`` of parquet-format. A bound that cannot be decoded, has no
place in its type or is no number (NaN) becomes None, which everything takes as open: a bad bound loses no row.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from cctrawl.index.schema import LogicalType, SchemaColumn

if TYPE_CHECKING:
    import pyarrow as pa

Bound: TypeAlias = "bool | int | float | str | bytes | date | datetime | time | Decimal"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_EPOCH_JULIAN_DAY: Final = 2_440_588
_DAY_NS: Final = 86_400 * 10**9
_NS: Final = {"MILLIS": 10**6, "MICROS": 10**3, "NANOS": 1}
_UNITS: Final = {"MILLIS": "ms", "MICROS": "us", "NANOS": "ns"}
_INTEGER_LAYOUTS: Final = {"INT32": "<i", "INT64": "<q"}
_BIT_WIDTHS: Final = (8, 16, 32, 64)
_TEXTS: Final = ("STRING", "ENUM", "JSON")
_MAX_PRECISION: Final = 76  # of Arrow's widest decimal


def decode_bound(column: SchemaColumn, raw: bytes | None, *, is_upper: bool = False) -> Bound | None:
    """Return a stored bound as a value of the column's type.

    Text is ``str``, other byte arrays ``bytes``; dates, times and timestamps are those of `datetime`, instants in
    UTC (INT96 too: everybody who writes it means UTC), others without a time zone; decimals are exact.

    Args:
        column: whose bound it is.
        raw: the bound as stored.
        is_upper: whether it is an upper bound; nanoseconds are rounded up then, else down, to microseconds.

    Returns:
        The value, or None: there is no bound, it cannot be decoded (a text cut within a character, too), or it is
        not a number.
    """
    if raw is None:
        return None
    try:
        return _decoder(column)(raw, is_upper)
    except (ValueError, OverflowError, struct.error):
        return None


def arrow_type(column: SchemaColumn) -> pa.DataType:
    """Return the Arrow type that holds the values which `decode_bound` returns; loads pyarrow.

    INT96 becomes microseconds in UTC. A column whose bounds never can be decoded has the type ``null``.
    """
    import pyarrow as pa  # noqa: PLC0415 - a quarter of a second that most commands need not spend

    meaning = column.logical_type or LogicalType("")
    if column.physical_type == "INT96":
        return pa.timestamp("us", "UTC")
    if meaning.name in ("TIME", "TIMESTAMP", "DECIMAL", "INTEGER"):
        return _parametric_type(meaning)
    if meaning.name in _TEXTS:
        return pa.string()
    if meaning.name == "DATE":
        return pa.date32()
    if meaning.name == "FLOAT16":
        return pa.float16()
    return {
        "BOOLEAN": pa.bool_(),
        "INT32": pa.int32(),
        "INT64": pa.int64(),
        "FLOAT": pa.float32(),
        "DOUBLE": pa.float64(),
    }.get(column.physical_type, pa.binary())


def _parametric_type(meaning: LogicalType) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415 - loaded by the caller already

    unit = _UNITS.get(meaning.unit)
    if meaning.name == "INTEGER" and meaning.bit_width in _BIT_WIDTHS:
        return pa.type_for_alias(f"{'' if meaning.is_signed else 'u'}int{meaning.bit_width}")
    if meaning.name == "DECIMAL" and _is_decimal(meaning):
        make = pa.decimal128 if meaning.precision <= 38 else pa.decimal256
        return make(meaning.precision, meaning.scale)
    if meaning.name == "TIMESTAMP" and unit:
        return pa.timestamp(unit, "UTC" if meaning.is_utc else None)
    if meaning.name == "TIME" and unit:
        return pa.time32(unit) if unit == "ms" else pa.time64(unit)
    return pa.null()


_Decoder: TypeAlias = "Callable[[bytes, bool], Bound | None]"


def _decoder(column: SchemaColumn) -> _Decoder:
    meaning = column.logical_type or LogicalType("")
    if column.physical_type == "INT96":
        return _int96
    if column.physical_type in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"):
        return _binary_decoder(meaning)
    if column.physical_type in ("FLOAT", "DOUBLE"):
        return lambda raw, _: _real("<f" if column.physical_type == "FLOAT" else "<d", raw)
    if column.physical_type == "BOOLEAN":
        return _boolean
    return lambda raw, is_upper: _meant(_integer(raw, column), meaning, is_upper=is_upper)


def _binary_decoder(meaning: LogicalType) -> _Decoder:
    if meaning.name in _TEXTS:
        return lambda raw, _: raw.decode()
    if meaning.name == "DECIMAL":
        return lambda raw, _: _decimal(int.from_bytes(raw, "big", signed=True), meaning) if raw else None
    if meaning.name == "FLOAT16":
        return lambda raw, _: _real("<e", raw)
    return lambda raw, _: raw


def _boolean(raw: bytes, _is_upper: bool) -> bool | None:  # noqa: FBT001 - decoders are called alike
    return raw == b"\x01" if raw in (b"\x00", b"\x01") else None


def _real(layout: str, raw: bytes) -> float | None:
    number: float = struct.unpack(layout, raw)[0]
    return None if math.isnan(number) else number


def _integer(raw: bytes, column: SchemaColumn) -> int:
    layout = _INTEGER_LAYOUTS[column.physical_type]
    is_signed = column.logical_type.is_signed if column.logical_type else True
    number: int = struct.unpack(layout if is_signed else layout.upper(), raw)[0]
    return number


def _meant(number: int, meaning: LogicalType, *, is_upper: bool) -> Bound | None:
    """What an integer of INT32 or INT64 stands for."""
    if meaning.name == "DATE":
        return date.fromordinal(number + _EPOCH_DAY)
    if meaning.name == "TIMESTAMP":
        return _timestamp(number, meaning, is_upper=is_upper)
    if meaning.name == "TIME":
        return _time(number, meaning, is_upper=is_upper)
    if meaning.name == "DECIMAL":
        return _decimal(number, meaning)
    if meaning.name == "INTEGER":
        return number if _fits(number, meaning) else None
    return number


def _fits(number: int, meaning: LogicalType) -> bool:
    bits = meaning.bit_width - meaning.is_signed
    return meaning.bit_width in _BIT_WIDTHS and (-(1 << bits) if meaning.is_signed else 0) <= number < 1 << bits


def _microseconds(number_ns: int, *, is_upper: bool) -> int:
    return -(-number_ns // 1000) if is_upper else number_ns // 1000


def _timestamp(number: int, meaning: LogicalType, *, is_upper: bool) -> datetime | None:
    if meaning.unit not in _NS:
        return None
    instant = _EPOCH + timedelta(microseconds=_microseconds(number * _NS[meaning.unit], is_upper=is_upper))
    return instant if meaning.is_utc else instant.replace(tzinfo=None)


def _int96(raw: bytes, is_upper: bool) -> datetime | None:  # noqa: FBT001 - decoders are called alike
    """Nanoseconds within a day, then the Julian day."""
    nanoseconds, day = struct.unpack("<qi", raw)
    since_epoch_ns = (day - _EPOCH_JULIAN_DAY) * _DAY_NS + nanoseconds
    return _EPOCH + timedelta(microseconds=_microseconds(since_epoch_ns, is_upper=is_upper))


def _time(number: int, meaning: LogicalType, *, is_upper: bool) -> time | None:
    if meaning.unit not in _NS:
        return None
    microseconds = _microseconds(number * _NS[meaning.unit], is_upper=is_upper)
    if not 0 <= microseconds < _DAY_NS // 1000:
        return None
    return (_EPOCH + timedelta(microseconds=microseconds)).time()


def _decimal(unscaled: int, meaning: LogicalType) -> Decimal | None:
    if not _is_decimal(meaning) or abs(unscaled) >= 10**meaning.precision:
        return None
    sign, digits, _ = Decimal(unscaled).as_tuple()
    return Decimal((sign, digits, -meaning.scale))  # exact, whatever the context's precision


def _is_decimal(meaning: LogicalType) -> bool:
    return 0 < meaning.precision <= _MAX_PRECISION and 0 <= meaning.scale <= meaning.precision
