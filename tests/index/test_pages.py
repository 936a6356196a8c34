"""Rows read by pages are those of a full read, and nothing beside them is asked for."""

from __future__ import annotations

import random
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.index.paged_files import PagedFile, Range, paged, plain, rows_of_index

from cctrawl.errors import FormatError, InvalidInputError
from cctrawl.index import Decoders, chunk_ends, column_pages, decoders, pages

ROWS = rows_of_index(240)
NAMES = ROWS.column_names
# What may be written without a dictionary, besides PLAIN.
ENCODINGS = {
    "url_surtkey": "DELTA_BYTE_ARRAY",
    "languages": "DELTA_LENGTH_BYTE_ARRAY",
    "status": "DELTA_BINARY_PACKED",
    "offset": "DELTA_BINARY_PACKED",
    "score": "BYTE_STREAM_SPLIT",
}
THREADS = Decoders()
CODECS = ("none", "gzip", "snappy", "zstd", "brotli", "lz4")


@st.composite
def ranges_of(draw: st.DrawFn, rows: int) -> list[Range]:
    """Ranges of rows that rise; some are empty, some touch."""
    edges = sorted(draw(st.lists(st.integers(0, rows), max_size=12)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def files(draw: st.DrawFn) -> PagedFile:
    """Files that pyarrow writes in all its ways."""
    dictionary: dict[str, object] = draw(
        st.sampled_from(
            [
                {"use_dictionary": True},
                {"use_dictionary": True, "dictionary_pagesize_limit": 60},  # falls back to plain on the way
                {"use_dictionary": False},
                {"use_dictionary": False, "column_encoding": ENCODINGS},
            ]
        )
    )
    return paged(
        ROWS,
        compression=draw(st.sampled_from(CODECS)),
        data_page_version=draw(st.sampled_from(["1.0", "2.0"])),
        write_page_index=draw(st.booleans()),
        use_deprecated_int96_timestamps=draw(st.booleans()),
        row_group_size=draw(st.sampled_from([31, 120, 240])),
        data_page_size=draw(st.sampled_from([1, 200, 10**6])),
        write_batch_size=draw(st.sampled_from([1, 7, 100])),
        **dictionary,
    )


def mask_of(ranges: list[Range], rows: int) -> pa.BooleanArray:
    """Ranges of rows as a mask."""
    return pa.array([any(start <= row < stop for start, stop in ranges) for row in range(rows)], pa.bool_())


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are expected to be as large as those of the tests, not of 1 MB."""
    monkeypatch.setattr(chunk_ends, "_PAGE_BYTES", 12_000)


@settings(max_examples=80, deadline=None)
@given(files(), st.data())
def test_any_rows_of_any_file_are_those_that_pyarrow_reads(file: PagedFile, data: st.DataObject) -> None:
    """Rows read by pages are equal to a full read, with and without a page index, as dictionaries and as values.

    So they are where threads decode them.
    """
    number = data.draw(st.integers(0, len(file.row_groups) - 1), "row group")
    file.decoders = THREADS if data.draw(st.booleans(), "threads") else None
    reader = file.reader(number)
    columns = data.draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True), "columns")
    ranges = data.draw(ranges_of(reader.num_rows), "ranges")
    if data.draw(st.booleans(), "page index"):
        reader.load_page_index(columns)
    encoded = data.draw(st.lists(st.sampled_from(columns), unique=True), "dictionary")
    file.asked.clear()
    with pytest.MonkeyPatch.context() as patch:
        large_bytes = data.draw(st.sampled_from([0, 1000]))
        for module in (pages, decoders):
            patch.setattr(module, "LARGE_BYTES", large_bytes)
        if data.draw(st.booleans(), "second rounds"):  # small files would never need one
            for name in ("_PAGE_BYTES", "_WHOLE_BYTES", "GAP_BYTES"):
                patch.setattr(chunk_ends, name, 0)
            for name in ("_EAGER_BYTES", "GAP_BYTES"):
                patch.setattr(column_pages, name, 0)
        rows = mask_of(ranges, reader.num_rows) if data.draw(st.booleans(), "as a mask") else ranges
        assert reader.cost(columns, rows) == reader.cost(columns, ranges)
        found = reader.read(columns, rows, dictionary=encoded)
    assert plain(found).equals(plain(file.expected(number, columns, ranges)))
    found.validate(full=True)
    assert [name for name in columns if pa.types.is_dictionary(found.schema.field(name).type)] == [
        name for name in columns if name in encoded
    ]
    assert len(file.asked) <= 2
    asked = sorted(range_ for of_round in file.asked for range_ in of_round)
    assert all(stop <= start for (_, stop), (start, _) in pairwise(asked))


def test_only_the_pages_that_hold_the_rows_are_asked_for() -> None:
    """What is asked for are the pages of the rows, and the dictionary where there is one, all in one round."""
    file = paged(ROWS, use_dictionary=["languages"])
    reader = file.reader()
    reader.load_page_index(["url_surtkey", "languages"], bounds_of=["url_surtkey"])
    key, languages = (
        chunk for chunk in file.row_groups[0].columns if chunk.column.name in ("url_surtkey", "languages")
    )
    assert key.offset_index
    assert key.column_index
    assert languages.offset_index
    indexes = [key.offset_index, key.column_index, languages.offset_index]
    assert file.asked == [[(index.offset, index.offset + (index.length or 0)) for index in indexes]]
    file.asked.clear()
    starts = reader.page_starts("url_surtkey")
    assert (starts[0], starts[-1]) == (0, 240)
    reader.read(["url_surtkey", "languages"], [(starts[3], starts[3] + 1), (starts[5], starts[6])])
    ((dictionary, *_, key_3, key_5),) = file.asked
    assert key_5[0] > key_3[1]
    assert dictionary == (languages.start, languages.data_page_offset)
    for page in (key_3, key_5):
        assert key.start < page[0] < page[1] < key.stop


def test_a_large_dictionary_is_read_only_if_a_page_needs_it() -> None:
    """A dictionary beyond 16 KiB that lies apart costs a second round, and none where pages are plain."""
    values = [f"{row:0>1000}" for row in range(200)]
    file = paged(pa.table({"url": values}), dictionary_pagesize_limit=60_000, compression="none")
    reader = file.reader()
    reader.load_page_index(["url"])
    file.asked.clear()
    assert reader.read(["url"], [(199, 200)])["url"].to_pylist() == values[-1:]
    assert [len(ranges) for ranges in file.asked] == [1]
    whole = paged(pa.table({"url": values * 20}), compression="none")
    reader = whole.reader()
    reader.load_page_index(["url"])
    whole.asked.clear()
    assert reader.read(["url"], [(3990, 3999)])["url"].to_pylist() == (values * 20)[3990:3999]
    chunk = whole.row_groups[0].columns[0]
    assert [len(ranges) for ranges in whole.asked] in ([1, 1], [2])
    assert sum(stop - start for ranges in whole.asked for start, stop in ranges) < chunk.total_compressed_size


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("encoding", ["plain", "dictionary"])
def test_without_a_page_index_the_front_of_a_chunk_is_read(encoding: str) -> None:
    """What lies behind the last row that is wanted is not asked for, in one round."""
    keys = [f"{row:->300}" for row in range(8000)]
    file = paged(
        pa.table({"key": keys}),
        compression="none",
        data_page_size=10_000,
        write_page_index=False,
        use_dictionary=encoding == "dictionary",
        dictionary_pagesize_limit=50_000,
    )
    chunk = file.row_groups[0].columns[0]
    assert file.reader().read(["key"], [(7, 9), (800, 801)])["key"].to_pylist() == [*keys[7:9], keys[800]]
    (((start, stop),),) = file.asked
    assert start == chunk.start
    assert stop - start < chunk.total_compressed_size / 4
    assert file.reader().cost(["key"], [(7, 9), (800, 801)]) == (1, stop - start)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_without_a_page_index_the_back_of_a_chunk_is_read(codec: str) -> None:
    """Where the rows are nearer to the end, what lies before them is not asked for, in one round."""
    draw = random.Random(5)
    keys = [draw.randbytes(200).hex() for _ in range(8000)]
    file = paged(
        pa.table({"key": keys}),
        compression=codec,
        data_page_size=10_000,
        write_page_index=False,
        use_dictionary=False,
    )
    chunk = file.row_groups[0].columns[0]
    ranges = [(7000, 7002), (7999, 8000)]
    assert file.reader().read(["key"], ranges)["key"].to_pylist() == [*keys[7000:7002], keys[7999]]
    (((start, stop),),) = file.asked
    assert stop == chunk.stop
    assert stop - start < chunk.total_compressed_size / 3
    assert file.reader().cost(["key"], ranges) == (1, stop - start)


@pytest.mark.usefixtures("small_pages")
def test_the_rest_of_a_chunk_is_read_where_its_back_does_not_do() -> None:
    """Where pages at the end are larger, or need the dictionary, a second round asks for all before them."""
    keys = [str(row) for row in range(30_000)] + [f"{row:->1000}" for row in range(2000)]
    for table, encoding in (
        (pa.table({"key": keys}), False),
        (pa.table({"key": [f"{row % 9000:->200}" for row in range(32_000)]}), True),
    ):
        file = paged(
            table,
            compression="none",
            write_page_index=False,
            use_dictionary=encoding,
            dictionary_pagesize_limit=10**8,
        )
        chunk = file.row_groups[0].columns[0]
        assert file.reader().read(["key"], [(29_990, 30_010)]).equals(table.slice(29_990, 20))
        (back,), (rest,) = file.asked
        assert (rest[0], rest[1], back[1]) == (chunk.start, back[0], chunk.stop)


@pytest.mark.usefixtures("small_pages")
def test_the_rest_of_a_chunk_is_read_where_its_front_does_not_do() -> None:
    """Where the pages in front are larger, a second round asks for what was not asked for yet."""
    keys = [f"{row:->1000}" for row in range(2000)] + [str(row) for row in range(30_000)]
    file = paged(
        pa.table({"key": keys, "number": range(32_000)}),
        compression="none",
        write_page_index=False,
        use_dictionary=False,
    )
    chunk = file.row_groups[0].columns[0]
    found = file.reader().read(["key", "number"], [(1990, 2010)])
    assert found.to_pylist() == [{"key": keys[row], "number": row} for row in range(1990, 2010)]
    (_, front), (rest,) = file.asked
    assert (front[0], front[1], rest[1]) == (chunk.start, rest[0], chunk.stop)


def test_a_row_group_without_rows_has_types() -> None:
    """Nothing is asked for where there are no rows, or none are wanted; the table has the types all the same."""
    file = paged(ROWS.slice(0, 0))
    reader = PagedFile(paged(ROWS).data).reader()
    assert file.row_groups == () or file.reader().read(NAMES, []).schema.types == ROWS.schema.types
    assert reader.read(NAMES, [(7, 7)]).schema.types == ROWS.schema.types


@pytest.mark.parametrize("ranges", [[(5, 4)], [(0, 241)], [(-1, 3)], [(4, 6), (5, 7)]], ids=str)
def test_ranges_that_cannot_be_are_refused(ranges: list[Range]) -> None:
    """Rows that are not there, or not in order, are an error of the caller."""
    with pytest.raises(InvalidInputError, match="ranges of rows"):
        paged(ROWS).reader().read(["status"], ranges)


@pytest.mark.parametrize("mask", [[True] * 239, [True] * 239 + [None], []], ids=["short", "null", "empty"])
def test_masks_that_cannot_be_are_refused(mask: list[bool | None]) -> None:
    """A mask has a value for each row."""
    with pytest.raises(InvalidInputError, match="no mask of rows"):
        paged(ROWS).reader().read(["status"], pa.array(mask, pa.bool_()))


def test_unknown_and_nested_columns_are_named() -> None:
    """A column that is not there, and one that is nested, are errors that say so."""
    file = paged(pa.table({"a": [[1], [2]], "b": [{"c": 1}, {"c": 2}]}))
    with pytest.raises(InvalidInputError, match=r"a\.parquet has no column 'x'"):
        file.reader().read(["x"], [])
    for column in file.reader().columns:
        with pytest.raises(FormatError, match=f"column {column} of a.parquet: it is nested or repeated"):
            file.reader().read([column], [(0, 1)])
