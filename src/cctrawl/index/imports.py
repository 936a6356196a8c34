"""A row-group table that somebody else exported, taken into the store: a team harvests once."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from cctrawl.errors import FormatError, InvalidInputError, NotFoundError
from cctrawl.index.harvesting import locked_index
from cctrawl.index.keys import flipped
from cctrawl.index.table import COLUMNS
from cctrawl.listings import SUBSETS, is_crawl_id
from cctrawl.settings import Settings, is_text, local_path
from cctrawl.store import MOST_INTEGER, GroupRow, ImportCounts, enter_row_groups, open_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_KINDS = ("ordered", "signed", "computed", "absent")
_PLACE = re.compile(r"(?:[^/]+/)*crawl=([^/]+)/subset=([^/]+)/.+")
_MOST_PATH = 1024  # characters
_NUMBERS = ("row_group", "num_rows", "byte_size")
_HINT = "is it what `cctrawl index export` writes?"
_BATCH_ROWS = 16_384
_MAX_LINE = 2**24  # characters: a bound is no longer than a footer, and a line without end is a bomb

ImportedRow = tuple[str, str, str, int, GroupRow]


def import_row_groups(file: str, *, settings: Settings | None = None) -> ImportCounts:
    """Take in a row-group table, all of it or nothing; doing it again changes nothing.

    Its row groups are prunable at once, as if they had been harvested; a harvest fetches their footers. Of files
    whose footers are held nothing is taken. Columns beyond the nine of `export_row_groups` are passed over.

    Args:
        file: Parquet, CSV or JSON lines, told by the ending; the latter two may be compressed (``.gz``).
        settings: the settings in force if not given; its base URL is where the files lie.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: the ending tells no format, or a harvest is at work on the index.
        FormatError: a column is missing, or a value cannot be; the message names the row.
        TransportError: the disk refuses; nothing was taken in.
    """
    settings = settings or Settings.resolve()
    path = local_path(file)
    rows = _reader(file)
    if not path.is_file():
        raise NotFoundError(f"there is no file {file}", hint="`cctrawl index export FILE` writes one")
    with open_index(settings.data_dir, settings.base_url) as index, locked_index(index):
        return enter_row_groups(index, _checked(rows(path), file))


def _reader(file: str) -> Any:  # noqa: ANN401 - one of three functions
    name = file.lower()
    if name.endswith((".parquet", ".pq")):
        return _parquet_rows
    name = name.removesuffix(".gz")
    if name.endswith(".csv"):
        return _csv_rows
    if name.endswith((".jsonl", ".ndjson")):
        return _json_rows
    raise InvalidInputError(
        f"the ending of {file!r} tells no format", hint="it must end in .parquet, .csv or .jsonl, perhaps with .gz"
    )


def _parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa  # noqa: PLC0415 - slow to load
    from pyarrow import parquet  # noqa: PLC0415 - slow to load

    try:
        with parquet.ParquetFile(path) as file:
            _see_columns(file.schema_arrow.names, str(path))
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(COLUMNS)):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise FormatError(f"{path} cannot be read: {error}", hint=_HINT) from error


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with _text(path) as lines:
        rows = csv.DictReader(_lines(lines), strict=True)
        _see_columns(rows.fieldnames or (), str(path))
        for row in rows:
            if None in row:
                raise FormatError(f"{path}, line {rows.line_num}: more values than columns", hint=_HINT)
            for name in _NUMBERS:
                if re.fullmatch(r"\d{1,19}", row[name] or ""):
                    row[name] = int(row[name])  # what is no number is refused later
            for name in ("min_url_surtkey", "max_url_surtkey"):
                row[name] = row[name] or None  # an empty bound excludes nothing
            yield row


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with _text(path) as lines:
        for line in _lines(lines):
            row = json.loads(line)
            if not isinstance(row, dict):
                raise FormatError(f"{path} holds what is no row: {line[:80]!r}", hint=_HINT)
            _see_columns(row, str(path))
            yield row


def _lines(file: IO[str]) -> Iterator[str]:
    while line := file.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise ValueError(f"a line is longer than {_MAX_LINE:,} characters")
        yield line


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    """Open lines of text; what cannot be read of them is an error of ours."""
    try:
        with ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(path.open("rb"))
            if path.name.lower().endswith(".gz"):
                file = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=file)))
            yield stack.enter_context(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    except (OSError, EOFError, zlib.error, ValueError, RecursionError, csv.Error) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path} cannot be read: {error}", hint=_HINT) from error


def _see_columns(names: Any, file: str) -> None:  # noqa: ANN401 - a list, or the keys of a mapping
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise FormatError(f"{file} has no column {', '.join(missing)}", hint=_HINT)


def _checked(rows: Iterator[Mapping[str, Any]], file: str) -> Iterator[ImportedRow]:
    """The rows as the store takes them.

    Raises:
        FormatError: one cannot be.
    """
    for number, row in enumerate(rows, 1):
        wrong = _wrong(row)
        if wrong:
            raise FormatError(f"{file}, row {number}: {wrong}", hint=_HINT)
        group = _group(row)
        if group.low is not None and group.high is not None and group.low > group.high:
            raise FormatError(f"{file}, row {number}: the lower bound is above the upper one", hint=_HINT)
        yield row["path"], row["crawl"], row["subset"], row["row_group"], group


def _wrong(row: Mapping[str, Any]) -> str:
    """What cannot be about a row; empty if all can."""
    for name in _NUMBERS:
        if type(row[name]) is not int or not 0 <= row[name] <= MOST_INTEGER:
            return f"{name} is {row[name]!r:.80}"
    kind, bounds = row["statistics"], (row["min_url_surtkey"], row["max_url_surtkey"])
    if kind not in _KINDS:
        return f"statistics is {kind!r:.80}, none of {', '.join(_KINDS)}"
    if not all(bound is None or _is_text(bound) for bound in bounds):
        return "a bound is no text"
    if kind == "absent" and bounds != (None, None):
        return "bounds that are absent are there"
    return _misplaced(row["path"], row["crawl"], row["subset"])


def _misplaced(path: object, crawl: object, subset: object) -> str:
    """What cannot be about the place of a row group; empty if all can."""
    printable = isinstance(path, str) and 0 < len(path) <= _MOST_PATH and path.isprintable()
    if not isinstance(path, str) or not printable or ".." in path.split("/"):
        return f"no path: {path!r:.80}"
    if not isinstance(crawl, str) or not is_crawl_id(crawl) or subset not in SUBSETS:
        return f"no crawl and subset: {crawl!r:.80}, {subset!r:.80}"
    place = _PLACE.fullmatch(path)
    return "" if place and place.groups() == (crawl, subset) else f"{path} is not of {crawl}, {subset}"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and is_text(value)


def _group(row: Mapping[str, Any]) -> GroupRow:
    low, high = (
        None if bound is None else bound.encode() for bound in (row["min_url_surtkey"], row["max_url_surtkey"])
    )
    kind = "absent" if low is high is None else row["statistics"]
    if kind == "signed":
        low, high = (bound and flipped(bound) for bound in (low, high))
    return GroupRow(row["num_rows"], row["byte_size"], kind, low, high)
