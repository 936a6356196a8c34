"""Headers of pages are believed only where they can be: nobody is made to allocate what no page has."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from tests.index.paged_files import PagedFile, paged, rows_of_index

from cctrawl.errors import FormatError
from cctrawl.index import Decoders, decoders, pages
from cctrawl.index.page_headers import MAX_PAGE_BYTES, MAX_PAGE_VALUES, find_last_pages, read_page_header
from cctrawl.index.thrift import BINARY, I32, STRUCT, Field, Struct, read_struct, write_struct

ROWS = rows_of_index(240)
DATA, INDEX, DICTIONARY, DATA_V2 = range(4)
DETAILS = {DATA: 5, INDEX: 6, DICTIONARY: 7, DATA_V2: 8}


def header(kind: int, *, values: int = 3, uncompressed: int = 4, compressed: int = 4, **more: Field) -> bytes:
    """Return a page with such a header and four bytes."""
    details: Struct = {1: Field(I32, values), 2: Field(I32, 0), 3: Field(I32, 3), 4: Field(I32, 3)}
    struct: Struct = {1: Field(I32, kind), 2: Field(I32, uncompressed), 3: Field(I32, compressed)}
    struct[DETAILS.get(kind, 5)] = more.get("details", Field(STRUCT, details))
    return write_struct(struct) + b"data"


@pytest.mark.parametrize("kind", [DATA, DICTIONARY, DATA_V2])
def test_a_header_tells_what_the_page_is(kind: int) -> None:
    """Kind, number of values, sizes and the end of the page are those of the header."""
    page = header(kind)
    found = read_page_header(b"xx" + page + b"more", 2)
    assert found == (kind == DICTIONARY, 3, False, 4, 2 + len(page))


@pytest.mark.parametrize(
    ("page", "trouble"),
    [
        (header(INDEX), "unknown type 1"),
        (header(-7), "unknown type -7"),
        (header(DATA, compressed=5), "1 bytes beyond its place"),
        (header(DATA, compressed=-5), "compressed size of a page is -5"),
        (header(DATA, compressed=2**31 - 1), "beyond its place"),
        (header(DATA, uncompressed=MAX_PAGE_BYTES + 1), "a page would have"),
        (header(DATA_V2, values=MAX_PAGE_VALUES + 1), "a page would have"),
        (header(DATA, values=-1), "number of values of a page is -1"),
        (header(DATA, details=Field(STRUCT, {})), "no number of values"),
        (header(DATA, details=Field(BINARY, b"")), "unknown type 0"),
        (b"<Error>", "unknown kind"),
        (b"", "ends in the middle"),
    ],
)
def test_headers_that_cannot_be_are_refused(page: bytes, trouble: str) -> None:
    """Each is an error that tells what is wrong, before anything is allocated."""
    with pytest.raises(FormatError, match=trouble):
        read_page_header(page, 0)


def test_the_last_pages_are_found_from_the_middle_of_a_page() -> None:
    """They are counted back from the last row; what is no header costs at most the page that it seems to begin."""
    pages = [header(DATA, values=number) for number in (5, 3, 4)]
    bait = header(DATA, values=9)[:-4] + b"bait"
    for front in (b"xyz", b"x" + header(DATA, compressed=99) + b"y", bait):
        data = front + b"".join(pages)
        second = len(data) - len(pages[1]) - len(pages[2])
        found = find_last_pages(data, 1000, 12, 9)
        assert found.starts[-3:] == [5, 8, 12]
        assert found.offsets[-3:] == [1000 + second, 1000 + len(data) - len(pages[2]), 1000 + len(data)]
    for first_row in (0, 4):
        with pytest.raises(FormatError, match="do not reach back"):
            find_last_pages(b"xyz" + b"".join(pages), 1000, 12, first_row)
    with pytest.raises(FormatError, match="do not reach back"):
        find_last_pages(b"".join(pages) + b"x", 1000, 12, 9)
    with pytest.raises(FormatError, match="do not reach back"):
        find_last_pages(b"xyz" + b"".join(pages), 1000, 6, 5)


def test_pages_that_lead_nowhere_are_followed_once() -> None:
    """Data full of headers whose last one is broken take no longer than their number."""
    data = header(DATA) * 20_000 + b"x"
    with pytest.raises(FormatError, match="do not reach back"):
        find_last_pages(data, 0, 10**6, 10)


def replaced(file: PagedFile, position: int, **changes: int) -> bytes:
    """Return the file with other numbers in the header at a position: the page moves, the index goes stale."""
    struct, stop = read_struct(file.data, position)
    fields = {"uncompressed": 2, "compressed": 3}
    for name, value in changes.items():
        if name == "values":
            details = next(field.value for number, field in struct.items() if number in DETAILS.values())
            assert isinstance(details, dict)
            details[1] = Field(I32, value)
        else:
            struct[fields[name]] = Field(I32, value)
    return file.data[:position] + write_struct(struct) + file.data[stop:]


@pytest.mark.parametrize(
    "changes", [{"values": 10**6}, {"values": 2**31 - 1}, {"uncompressed": 2**31 - 1}], ids=str
)
def test_a_dictionary_that_cannot_be_is_refused(changes: dict[str, int]) -> None:
    """A dictionary page of a few bytes that says it has a million values is not allocated for."""
    file = paged(pa.table({"a": ["x", "y"] * 100}))
    chunk = file.row_groups[0].columns[0]
    broken = PagedFile(replaced(file, chunk.start, **changes))
    with pytest.raises(FormatError, match=r"column a of a\.parquet: a (dictionary|page)"):
        broken.reader_of(file.row_groups[0]).read(["a"], [(0, 1)])


def test_damaged_pages_are_errors_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever bytes are changed: the rows come, or an error that names file and column; nothing of pyarrow's.

    Whoever decodes them.
    """
    for module in (pages, decoders):
        monkeypatch.setattr(module, "LARGE_BYTES", 2000)
    threads = Decoders()
    draw = random.Random(3)
    told = []
    for codec in ("none", "snappy", "gzip"):
        for version in ("1.0", "2.0"):
            file = paged(ROWS, compression=codec, data_page_version=version)
            for _ in range(30):
                chunk = draw.choice(file.row_groups[0].columns)
                position = draw.randrange(chunk.start, min(chunk.stop, chunk.start + draw.choice([40, 4000])))
                data = file.data[:position] + bytes([draw.randrange(256)]) + file.data[position + 1 :]
                reader = PagedFile(data, decoders=threads).reader_of(file.row_groups[0])
                if draw.randrange(2):
                    reader.load_page_index([chunk.column.name])
                try:
                    assert reader.read([chunk.column.name], [(3, 200)]).num_rows == 197
                except FormatError as error:
                    told.append(str(error).startswith(f"column {chunk.column.name} of a.parquet: "))
    threads.close()
    assert len(told) > 20
    assert all(told)


def test_a_chunk_that_is_cut_is_refused() -> None:
    """Pages that stop before the last row are an error, wherever they stop."""
    file = paged(ROWS, compression="none", use_dictionary=False)
    chunk = file.row_groups[0].columns[0]
    for stop in range(chunk.start, chunk.stop, 97):
        reader = PagedFile(file.data[:stop]).reader_of(file.row_groups[0])
        with pytest.raises(FormatError, match=r"column url_surtkey of a\.parquet"):
            reader.read(["url_surtkey"], [(239, 240)])


def test_a_wrong_check_sum_is_found() -> None:
    """Where pages have a check sum, a changed byte of what is not compressed is found, too."""
    file = paged(ROWS, compression="none", use_dictionary=False, write_page_checksum=True)
    chunk = file.row_groups[0].columns[0]
    data = file.data[: chunk.stop - 1] + b"!" + file.data[chunk.stop :]
    with pytest.raises(FormatError, match="CRC"):
        PagedFile(data).reader_of(file.row_groups[0]).read(["url_surtkey"], [(239, 240)])


def test_the_rows_of_a_whole_chunk_are_counted() -> None:
    """A page that says it has more or fewer rows than it has would move those behind it: the chunk is refused."""
    file = paged(ROWS, use_dictionary=False, write_page_index=False)
    chunk = file.row_groups[0].columns[0]
    values = read_page_header(file.data, chunk.start).num_values
    for number in (values - 1, values + 1):
        broken = PagedFile(replaced(file, chunk.start, values=number))
        with pytest.raises(FormatError, match=r"column url_surtkey of a\.parquet"):
            broken.reader_of(file.row_groups[0]).read(["url_surtkey"], [(100, 101)])
