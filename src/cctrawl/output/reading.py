"""Rows in: what `parts` has written, read back row by row."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

BATCH_ROWS = 16_384


def read_rows(
    file: IO[bytes],
    format: str,  # noqa: A002 - the option's name everywhere
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a finished file, in order: values in column order; lazy, memory holds one batch.

    Args:
        file: open for reading in binary, and seekable if it is Parquet.
        format: ``csv`` (the first line has the column names; all values are text), ``jsonl`` or ``parquet``.
    """
    if format == "csv":
        return _csv_rows(file)
    return _json_rows(file) if format == "jsonl" else _parquet_rows(file)


def _csv_rows(file: IO[bytes]) -> Iterator[tuple[Any, ...]]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        with _fields_of_any_length():
            rows = csv.reader(text)
            next(rows, None)
            yield from map(tuple, rows)
    finally:
        text.detach()


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Lift the limit of the csv module, which is the process's, for a while: pages are longer than 128 KiB."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _json_rows(file: IO[bytes]) -> Iterator[tuple[Any, ...]]:
    for line in file:
        yield tuple(json.loads(line).values())


def _parquet_rows(file: IO[bytes]) -> Iterator[tuple[Any, ...]]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - pyarrow only for Parquet

    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(BATCH_ROWS, use_threads=False):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
