"""Lists of captures as files: what `find` wrote, or the index's own lines; told by their content."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from cctrawl.captures.cdxj import FIELD_COLUMNS
from cctrawl.errors import CctrawlError, InvalidInputError, NotFoundError
from cctrawl.output import fields_of_any_length
from cctrawl.settings import is_text, local_path, path_text

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable

PLACE_COLUMNS = ("warc_filename", "warc_record_offset", "warc_record_length")

# The index's columns by the names that servers which answer from CDXJ have for them.
CDXJ_NAMES = {"urlkey": "url_surtkey", "timestamp": "fetch_time", **FIELD_COLUMNS}

_HINT = "give what `cctrawl find` writes: JSON lines, CSV, CDXJ or Parquet"
_NUMBERS = ("warc_record_offset", "warc_record_length", "fetch_status")
_CDXJ_LINE = re.compile(r"(\S+) (\d{14}) (\{.*)", re.DOTALL)
_MOST_LINE = 2**22  # characters; a capture has some hundred, and a line without end is a bomb
_MOST_OFFSET = 2**62
_BATCH_ROWS = 8192
_PEEK_BYTES = 64
_COUNTED_BYTES = 2**20
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"


def read_captures(
    source: str | os.PathLike[str] | IO[bytes], *, columns: Collection[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the captures of a list in its order, lazily: one row of it, or a batch of Parquet, is in memory.

    JSON lines, CSV, CDXJ (each perhaps gzipped) and Parquet are told by their first bytes. Names are those of the
    index; CDXJ's own (``filename``, ``offset``, ...) count as well. Offset, length and status are numbers;
    ``fetch_time`` is as it was stored: a ``datetime``, or text such as ``2024-05-18T01:58:10Z``. Empty fields of
    CSV are ``None``.

    Args:
        source: a file's path, or a stream of bytes, which stays open; one of Parquet that cannot seek goes through
            a temporary file.
        columns: no others are needed, so that those of Parquet are not read; places are always there.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: it is no list of captures, or a row has no place; the message has the row's number.
    """
    if hasattr(source, "read"):
        return _checked(_rows(cast("IO[bytes]", source), columns), _name_of(source))
    path = local_path(path_text(source))
    if not path.is_file():
        raise NotFoundError(f"there is no file {path_text(source)!r}", hint=_HINT)
    return _checked(_rows_of_file(path, columns), str(path))


def count_captures(source: str | os.PathLike[str]) -> int | None:
    """Return how many captures a list may have, as its lines or Parquet's footer tell, for the time left.

    ``None``: it does not tell without being read: no such file, or a compressed one.
    """
    path = local_path(path_text(source))
    if not path.is_file():
        return None
    with path.open("rb") as file:
        peek = file.read(_PEEK_BYTES)
        if peek.startswith(_GZIP):
            return None
        if not peek.startswith(_PARQUET):
            file.seek(0)
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(_COUNTED_BYTES), b""))
    import pyarrow as pa  # noqa: PLC0415 - slow to load, and only for Parquet
    from pyarrow import parquet  # noqa: PLC0415 - the same

    try:
        rows: int = parquet.read_metadata(path).num_rows
    except (pa.ArrowException, OSError):
        return None  # who reads it will say why
    return rows


def see_places(rows: Iterable[Mapping[str, Any]], name: str = "captures") -> Iterator[Mapping[str, Any]]:
    """Yield captures that were given by Python, as they are, and see that each one has a place.

    Raises:
        InvalidInputError: one has not; the message has its number.
    """
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InvalidInputError(f"{name}, row {number}: no capture: {row!r:.80}", hint=_HINT)
        _see_place(row, name, number)
        yield row


def _name_of(stream: object) -> str:
    name = getattr(stream, "name", "")
    return name if isinstance(name, str) and name else "captures"


def _rows_of_file(path: Path, columns: Collection[str] | None) -> Iterator[Mapping[str, Any]]:
    with path.open("rb") as file:
        yield from _rows(file, columns)


def _checked(rows: Iterator[Mapping[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            named = _index_names(row)
            for column in _NUMBERS:
                value = named.get(column)
                if isinstance(value, str):
                    named[column] = int(value) if value.isascii() and value.isdigit() and len(value) < 19 else value
            _see_place(named, name, number)
            yield named
    except CctrawlError:
        raise
    except (OSError, EOFError, zlib.error, ValueError, RecursionError, csv.Error) as error:
        raise InvalidInputError(f"{name}, behind row {number}: {error!s:.200}", hint=_HINT) from error


def _index_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row by the index's names."""
    if "filename" in row and "warc_filename" not in row:
        return {CDXJ_NAMES.get(name, name): value for name, value in row.items()}
    return dict(row)


def _see_place(row: Mapping[str, Any], name: str, number: int) -> None:
    filename, offset, length = (row.get(column) for column in PLACE_COLUMNS)
    if not isinstance(filename, str) or not filename.strip() or not is_text(filename) or "\n" in filename:
        raise _no_place(row, name, number, "warc_filename")
    if type(offset) is not int or not 0 <= offset <= _MOST_OFFSET:
        raise _no_place(row, name, number, "warc_record_offset")
    if type(length) is not int or not 0 < length <= _MOST_OFFSET:
        raise _no_place(row, name, number, "warc_record_length")


def _no_place(row: Mapping[str, Any], name: str, number: int, column: str) -> InvalidInputError:
    found = f"is {row[column]!r:.60}" if column in row else "is missing"
    return InvalidInputError(
        f"{name}, row {number}: {column} {found}",
        hint=f"a capture needs {', '.join(PLACE_COLUMNS)}: `find` writes them unless --columns leaves them out",
    )


def _rows(source: IO[bytes], columns: Collection[str] | None) -> Iterator[Mapping[str, Any]]:
    with ExitStack() as stack:
        peek = _peeked(source)
        if peek.startswith(_PARQUET):
            yield from _parquet_rows(_seekable(source, peek, stack), columns)
            return
        unread = cast("IO[bytes]", io.BufferedReader(_Rewound(peek, source)))
        if peek.startswith(_GZIP):
            unread = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=unread)))
        text = stack.enter_context(io.TextIOWrapper(unread, encoding="utf-8-sig", newline=""))
        yield from _text_rows(_lines(text))


def _peeked(file: IO[bytes]) -> bytes:
    peek = b""
    while len(peek) < _PEEK_BYTES and (more := file.read(_PEEK_BYTES - len(peek))):
        peek += more
    return peek


class _Rewound(io.RawIOBase):
    """A stream from its begin on, of which the first bytes have been read; closing it leaves the stream open."""

    def __init__(self, first: bytes, rest: IO[bytes]) -> None:
        self._first = first
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as io has it
        data = self._first or self._rest.read(len(buffer)) or b""
        self._first = data[len(buffer) :]
        data = data[: len(buffer)]
        buffer[: len(data)] = data
        return len(data)


def _seekable(stream: IO[bytes], peek: bytes, stack: ExitStack) -> IO[bytes]:
    """Return the stream, or a copy if it cannot seek: Parquet is read from its end."""
    if stream.seekable() and stream.tell() == len(peek):
        return stream
    copy: IO[bytes] = tempfile.TemporaryFile(prefix="cctrawl-")  # noqa: SIM115 - the stack closes it
    stack.enter_context(copy)
    copy.write(peek)
    shutil.copyfileobj(stream, copy, 1 << 20)
    copy.seek(0)
    return copy


def _parquet_rows(file: IO[bytes], columns: Collection[str] | None) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa  # noqa: PLC0415 - slow to load, and only for Parquet
    from pyarrow import parquet  # noqa: PLC0415 - the same

    try:
        with parquet.ParquetFile(file) as table:
            names = table.schema_arrow.names
            wanted = None if columns is None else [n for n in names if n in columns or n in PLACE_COLUMNS]
            for batch in table.iter_batches(_BATCH_ROWS, columns=wanted):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise InvalidInputError(f"the Parquet file cannot be read: {error!s:.200}", hint=_HINT) from error


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_MOST_LINE):
        if len(line) == _MOST_LINE:
            raise ValueError(f"a line is longer than {_MOST_LINE:,} characters")
        yield line


def _text_rows(lines: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    first = next((line for line in lines if line.strip()), "")
    if not first:
        return
    whole = chain([first], lines)
    if first.lstrip().startswith("{"):
        yield from _json_rows(whole)
    elif _CDXJ_LINE.match(first):
        yield from _cdxj_rows(whole)
    else:
        yield from _csv_rows(whole, first)


def _json_rows(lines: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"no capture: {line:.80}")
            yield row


def _cdxj_rows(lines: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        found = _CDXJ_LINE.match(line)
        if found is None:
            if line.strip():
                raise ValueError(f"no line of CDXJ: {line:.80}")
            continue
        key, stamp, fields = found.groups()
        row = json.loads(fields)
        time = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[8:10]}:{stamp[10:12]}:{stamp[12:]}Z"
        yield {"url_surtkey": key, "fetch_time": time, **{CDXJ_NAMES.get(n, n): value for n, value in row.items()}}


def _csv_rows(lines: Iterator[str], first: str) -> Iterator[Mapping[str, Any]]:
    names = next(csv.reader([first]), [])
    if not {"warc_filename", "filename"} & set(names):
        raise InvalidInputError(f"no list of captures: it begins with {first.strip()[:80]!r}", hint=_HINT)
    with fields_of_any_length():
        for row in csv.DictReader(lines, strict=True):
            if None in row:
                raise ValueError("more values than columns")
            yield {name: value or None for name, value in row.items()}
