"""Thrift's compact protocol as a typed tree that can be written back, byte for byte. Pure: bytes in, values out.

Format: ``thrift-compact-protocol.md`` of Apache Thrift. Parquet's footers and page headers are written in it.

What is read is not trusted: depth and the number of values are bounded, a length or count larger than what is left
is refused before anything is made of it. Only the shortest form of each number and field header comes back byte for
byte; writers write no other.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct as Layout
from typing import Final, NamedTuple, TypeAlias

from cctrawl.errors import FormatError

TRUE: Final = 1  # the kind of every boolean field, whatever its value
FALSE: Final = 2
BYTE: Final = 3
I16: Final = 4
I32: Final = 5
I64: Final = 6
DOUBLE: Final = 7
BINARY: Final = 8
LIST: Final = 9
SET: Final = 10
MAP: Final = 11
STRUCT: Final = 12
UUID: Final = 13

# Parquet nests seven deep at most, a footer of 60 KB has some 11,000 values. A value costs about 150 bytes memory:
# what someone hostile can make us spend is 150 MB.
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 1_000_000

_DOUBLE = Layout("<d")
_BOOLEANS = (TRUE, FALSE)


class Field(NamedTuple):
    """A field of a struct: its kind (one of the constants above) and its value."""

    kind: int
    value: Value


class List(NamedTuple):
    """A list or set: the kind of its elements (`TRUE` or `FALSE` for booleans, as written) and the elements."""

    kind: int
    values: list[Value]


class Map(NamedTuple):
    """A map: the kinds of keys and values (0 if it is empty) and the pairs in the order written."""

    key_kind: int
    value_kind: int
    pairs: list[tuple[Value, Value]]


Struct: TypeAlias = "dict[int, Field]"  # by field id, in the order written
Value: TypeAlias = "bool | int | float | bytes | Struct | List | Map"


def read_struct(data: bytes, position: int = 0) -> tuple[Struct, int]:
    """Return the struct that begins at ``position``, and the position behind it.

    Raises:
        FormatError: this is no struct, it goes on behind the end of the data, or it is deeper than `MAX_DEPTH` or
            has more values than `MAX_VALUES`. Its ``offset`` is the position in ``data``.
    """
    reader = _Reader(data, position)
    try:
        return reader.struct(0), reader.position
    except IndexError:
        raise reader.damage("ends in the middle of a value") from None


def write_struct(struct: Struct) -> bytes:
    """Return the bytes of a struct, fields in the order of the mapping.

    Raises:
        OverflowError: a number that has no place in 64 bits.
    """
    out = bytearray()
    _write_fields(out, struct)
    return bytes(out)


class _Reader:
    """A position that moves over bytes.

    Attributes:
        position: of the next byte.
    """

    __slots__ = ("data", "position", "values_left")

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.values_left = MAX_VALUES
        self.position = position

    def damage(self, trouble: str) -> FormatError:
        return FormatError(f"Thrift data {trouble} at byte {self.position:,}", offset=self.position)

    def struct(self, depth: int) -> Struct:
        if depth > MAX_DEPTH:
            raise self.damage(f"is nested more than {MAX_DEPTH} deep")
        data = self.data
        fields: Struct = {}
        field_id = 0
        while header := data[self.position]:
            self.position += 1
            field_id = field_id + (header >> 4) if header > 15 else self.zigzag()
            kind = header & 15
            if field_id in fields:
                raise self.damage(f"has the field {field_id} twice")
            self.spend(1)
            fields[field_id] = (
                Field(TRUE, kind == TRUE) if kind in _BOOLEANS else Field(kind, self.value(kind, depth))
            )
        self.position += 1
        return fields

    def spend(self, count: int) -> None:
        self.values_left -= count
        if self.values_left < 0:
            raise self.damage(f"has more than {MAX_VALUES:,} values")

    def value(self, kind: int, depth: int) -> Value:
        read = _READ.get(kind)
        if read is None:
            raise self.damage(f"has a value of unknown kind {kind}")
        return read(self, depth)

    def element(self, kind: int, depth: int) -> Value:
        return self.byte(depth) == TRUE if kind in _BOOLEANS else self.value(kind, depth)

    def varint(self) -> int:
        data = self.data
        byte = data[self.position]
        self.position += 1
        if byte < 128:
            return byte
        number, shift = byte & 127, 7
        while True:
            byte = data[self.position]
            self.position += 1
            number |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 63:
                raise self.damage("has a number of more than 64 bits")
        if number >> 64:
            raise self.damage("has a number of more than 64 bits")
        return number

    def zigzag(self, _depth: int = 0) -> int:
        number = self.varint()
        return (number >> 1) ^ -(number & 1)

    def byte(self, _depth: int) -> int:
        byte = self.data[self.position]
        self.position += 1
        return byte - 256 if byte > 127 else byte

    def take(self, length: int) -> bytes:
        start = self.position
        if length > len(self.data) - start:
            raise self.damage(f"has a value of {length:,} bytes where {len(self.data) - start:,} are left")
        self.position = start + length
        return self.data[start : self.position]

    def double(self, _depth: int) -> float:
        number: float = _DOUBLE.unpack(self.take(8))[0]
        return number

    def binary(self, _depth: int) -> bytes:
        return self.take(self.varint())

    def uuid(self, _depth: int) -> bytes:
        return self.take(16)

    def count(self, count: int) -> int:
        """See that as many elements can follow: each takes a byte at least."""
        if count > len(self.data) - self.position:
            raise self.damage(f"has {count:,} elements where {len(self.data) - self.position:,} bytes are left")
        self.spend(count)
        return count

    def sequence(self, depth: int) -> List:
        header = self.byte(depth) & 255
        count, kind = header >> 4, header & 15
        count = self.count(self.varint() if count == 15 else count)
        return List(kind, [self.element(kind, depth + 1) for _ in range(self.deeper(depth, count))])

    def mapping(self, depth: int) -> Map:
        count = self.count(self.varint())
        if not count:
            return Map(0, 0, [])
        kinds = self.byte(depth) & 255
        key, value = kinds >> 4, kinds & 15
        pairs = range(self.deeper(depth, count))
        return Map(key, value, [(self.element(key, depth + 1), self.element(value, depth + 1)) for _ in pairs])

    def deeper(self, depth: int, count: int) -> int:
        """Return the count, if another floor of elements is allowed: lists of lists never pass a struct."""
        if depth >= MAX_DEPTH:
            raise self.damage(f"is nested more than {MAX_DEPTH} deep")
        return count

    def nested(self, depth: int) -> Struct:
        return self.struct(depth + 1)


_READ: Final[dict[int, Callable[[_Reader, int], Value]]] = {
    BYTE: _Reader.byte,
    I16: _Reader.zigzag,
    I32: _Reader.zigzag,
    I64: _Reader.zigzag,
    DOUBLE: _Reader.double,
    BINARY: _Reader.binary,
    LIST: _Reader.sequence,
    SET: _Reader.sequence,
    MAP: _Reader.mapping,
    STRUCT: _Reader.nested,
    UUID: _Reader.uuid,
}


def _write_fields(out: bytearray, struct: Struct) -> None:
    last = 0
    for field_id, (kind, value) in struct.items():
        code = kind if kind != TRUE or value else FALSE
        if 0 < field_id - last < 16:
            out.append((field_id - last) << 4 | code)
        else:
            out.append(code)
            _write_zigzag(out, field_id)
        last = field_id
        if kind != TRUE:
            _write_value(out, kind, value)
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Value) -> None:
    if isinstance(value, bytes):
        if kind == BINARY:
            _write_varint(out, len(value))
        out += value
    elif isinstance(value, float):
        out += _DOUBLE.pack(value)
    elif isinstance(value, int):
        _write_number(out, kind, value)
    elif isinstance(value, List):
        _write_list(out, value)
    elif isinstance(value, Map):
        _write_map(out, value)
    else:
        _write_fields(out, value)


def _write_number(out: bytearray, kind: int, value: int) -> None:
    if kind in _BOOLEANS:
        out.append(TRUE if value else FALSE)
    elif kind == BYTE:
        out += value.to_bytes(1, "big", signed=True)
    elif kind == DOUBLE:
        out += _DOUBLE.pack(value)
    else:
        _write_zigzag(out, value)


def _write_list(out: bytearray, value: List) -> None:
    count = len(value.values)
    out.append(min(count, 15) << 4 | value.kind)
    if count >= 15:
        _write_varint(out, count)
    for element in value.values:
        _write_value(out, value.kind, element)


def _write_map(out: bytearray, value: Map) -> None:
    _write_varint(out, len(value.pairs))
    if value.pairs:
        out.append(value.key_kind << 4 | value.value_kind)
    for key, mapped in value.pairs:
        _write_value(out, value.key_kind, key)
        _write_value(out, value.value_kind, mapped)


def _write_zigzag(out: bytearray, value: int) -> None:
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"{value} has no place in 64 bits")
    _write_varint(out, (value << 1) ^ (value >> 63))


def _write_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
