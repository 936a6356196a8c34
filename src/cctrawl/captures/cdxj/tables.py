"""Lines of the CDXJ index as tables of the index's columns.

Many lines are read by Arrow's reader of JSON, five times as fast as one by one. It takes only what is as it should
be in every line; else all are taken apart by `lines.parse_entry`, which decides what a line tells.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from cctrawl.captures.cdxj.lines import FIELD_COLUMNS, NO_STATUS, TEXT_FIELDS, parse_entry, path_parts
from cctrawl.captures.cdxj.urls import url_parts
from cctrawl.captures.columns import arrow_type_of, result_schema
from cctrawl.errors import FormatError
from cctrawl.surt import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cctrawl.captures.cdxj.cluster import Block

Batch = list[tuple["Block", list[bytes]]]  # lines of blocks, in order

_FEW_LINES = 256
_ARC_SUBSET = "warc"  # files of ARC crawls are in no subset: they hold what later crawls have in this one
_JSON_SCHEMA = pa.schema([(name, pa.string()) for name in FIELD_COLUMNS])
_OWN_COLUMNS = ("url_surtkey", "fetch_time", *FIELD_COLUMNS.values())
_PLACE = ("warc_filename", "warc_record_offset")


def read_lines(batch: Batch, on_bad_line: Callable[[Block, str], None]) -> pa.Table:
    """Return what the lines of a batch tell, in order: key, time, then `_PLACE`.

    Args:
        batch: the lines, in the order of the index: captures of one key and time are in any.
        on_bad_line: called with what is no line, its block first; the others are returned.
    """
    lines = list(chain.from_iterable(lines for _, lines in batch))
    table = _read_many(lines) if len(lines) >= _FEW_LINES else None
    return _ordered(_read_each(batch, on_bad_line) if table is None else table)


def capture_table(told: pa.Table, crawl: str, columns: Sequence[str], subset: str) -> pa.Table:
    """Return captures as a table, with the types of results.

    Args:
        told: what `read_lines` returned.
        crawl: their crawl.
        columns: of `columns.CDX_COLUMNS`, in this order.
        subset: only those of this one, or ``all``.
    """
    subsets = _by_value(told["warc_filename"], lambda path: path_parts(path).subset or _ARC_SUBSET)
    if subset != "all":
        wanted = pc.equal(subsets, subset)
        told, subsets = told.filter(wanted), subsets.filter(wanted)
    arrays = [_column(name, told, crawl, subsets) for name in columns]
    return pa.Table.from_arrays(arrays, schema=result_schema(columns))


def kept_back(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the lines of batches so that those of one key and time are in one batch: the last ones wait."""
    held: Batch = []
    for batch in batches:
        held += [(block, lines) for block, lines in batch if lines]
        if not held:
            continue
        last = _head(held[-1][1][-1])
        kept: Batch = []
        while held and _head(held[-1][1][-1]) == last:
            block, lines = held.pop()
            at = len(lines)
            while at and _head(lines[at - 1]) == last:
                at -= 1
            kept.insert(0, (block, lines[at:]))
            if at:
                held.append((block, lines[:at]))
        if held:
            yield held
        held = kept
    if held:
        yield held


def _head(line: bytes) -> list[bytes]:
    """Key and time of a line."""
    return line.split(b" ", 2)[:2]


def _read_many(lines: Sequence[bytes]) -> pa.Table | None:
    """Read lines by Arrow; ``None`` if any is not as it should be."""
    try:
        keys, times, texts = zip(*(line.split(b" ", 2) for line in lines), strict=True)
        text = b"\n".join(texts)
        options = pj.ParseOptions(explicit_schema=_JSON_SCHEMA, unexpected_field_behavior="ignore")
        whole = pj.ReadOptions(block_size=len(text) + 1, use_threads=False)
        told = pj.read_json(pa.BufferReader(text), read_options=whole, parse_options=options)
        columns = {
            "url_surtkey": pa.array(keys, pa.binary()).cast(pa.string()),
            "fetch_time": _times(pa.array(times, pa.binary()).cast(pa.string())),
            **{column: told[name] for name, column in TEXT_FIELDS.items()},
            "fetch_status": _statuses(told["status"]),
            "warc_record_offset": _numbers(told["offset"]),
            "warc_record_length": _numbers(told["length"]),
        }
    except (ValueError, pa.ArrowException):  # ArrowInvalid is one, but not all of Arrow's are
        return None
    table = pa.table([columns[name].cast(arrow_type_of(name)) for name in _OWN_COLUMNS], names=list(_OWN_COLUMNS))
    is_whole = table.num_rows == len(lines) and all(
        pc.min(pc.binary_length(pc.fill_null(table[name], ""))).as_py() for name in ("url", "warc_filename")
    )
    return table if is_whole else None


def _times(texts: pa.Array) -> pa.Array:
    if not pc.all(pc.match_substring_regex(texts, r"^[0-9]{14}$")).as_py():
        raise ValueError("no times")
    # 2024-02-30, which strptime takes, is not written back so.
    times = pc.strptime(texts, format="%Y%m%d%H%M%S", unit="s")
    if not pc.all(pc.equal(pc.strftime(times, format="%Y%m%d%H%M%S"), texts)).as_py():
        raise ValueError("impossible times")
    return times.cast(pa.timestamp("ms")).cast(pa.timestamp("ms", "UTC"))


def _statuses(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = pc.fill_null(texts, "")
    numbers = pc.if_else(pc.match_substring_regex(texts, r"^-?[0-9]{1,5}$"), texts, str(NO_STATUS)).cast(pa.int32())
    fits = pc.and_(pc.greater_equal(numbers, -(2**15)), pc.less(numbers, 2**15))
    return pc.if_else(fits, numbers, NO_STATUS)


def _numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    if texts.null_count or not pc.all(pc.match_substring_regex(texts, r"^[0-9]{1,18}$")).as_py():
        raise ValueError("no numbers")
    return texts.cast(pa.int64())


def _read_each(batch: Batch, on_bad_line: Callable[[Block, str], None]) -> pa.Table:
    entries = []
    for block, lines in batch:
        for line in lines:
            try:
                entries.append(parse_entry(line))
            except FormatError as error:  # noqa: PERF203 - there is hardly any
                on_bad_line(block, str(error))
    values: dict[str, list[Any]] = {
        "url_surtkey": [entry.key for entry in entries],
        "fetch_time": [entry.time for entry in entries],
        "fetch_status": [entry.status for entry in entries],
        "warc_record_offset": [entry.offset for entry in entries],
        "warc_record_length": [entry.length for entry in entries],
        **{column: [entry.fields.get(name) for entry in entries] for name, column in TEXT_FIELDS.items()},
    }
    return pa.table({name: pa.array(values[name], arrow_type_of(name)) for name in _OWN_COLUMNS})


def _ordered(table: pa.Table) -> pa.Table:
    """Put captures of one key and time, which stand together, in the order of their places."""
    keys, times = table["url_surtkey"], table["fetch_time"]
    same = pc.and_(pc.equal(keys[1:], keys[:-1]), pc.equal(times[1:], times[:-1]))
    if not pc.any(same).as_py():
        return table
    return table.sort_by([(name, "ascending") for name in ("url_surtkey", "fetch_time", *_PLACE)])


def _column(name: str, told: pa.Table, crawl: str, subsets: pa.Array) -> pa.Array:
    if name in _OWN_COLUMNS:
        return told[name]
    if name == "crawl":
        return pa.array([crawl] * told.num_rows, pa.string())
    if name == "subset":
        return subsets
    if name == "warc_segment":
        return _by_value(told["warc_filename"], lambda path: path_parts(path).segment)
    urls = told["url"].to_pylist()
    if name == "url_host_name":
        return pa.array(map(host_of, urls), pa.string())
    return pa.array([getattr(url_parts(url), name) for url in urls], arrow_type_of(name))


def _by_value(texts: pa.ChunkedArray, function: Callable[[str], str | None]) -> pa.Array:
    """Return a function of each text, called once for each value."""
    encoded = texts.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    values = pa.array(map(function, encoded.dictionary.to_pylist()), pa.string())
    return values.take(encoded.indices)
