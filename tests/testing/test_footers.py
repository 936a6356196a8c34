from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from tests.testing.test_build import TINY

from cctrawl.index.thrift import List, Struct, read_struct
from cctrawl.testing import build

GOLDEN = Path(__file__).parents[1] / "index" / "data"
# Columns that the golden files have too; what is fetch_time_millis there is fetch_time since CC-MAIN-2020-05.
COLUMNS = ("url_surtkey", "url_port", "fetch_time", "fetch_status", "content_mime_type", "warc_record_offset")


def shape(value: Any) -> Any:  # noqa: ANN401 - any value of Thrift's
    """Return which fields a value has, of which kinds, and in them, without their values."""
    if isinstance(value, List):
        return ("list", value.kind, tuple(dict.fromkeys(map(repr, map(shape, value.values)))))
    if isinstance(value, dict):
        return {field: (kind, shape(inner)) for field, (kind, inner) in value.items()}
    return None


def footer_of(file: Path) -> Struct:
    """Return a file's footer as Thrift has it."""
    data = file.read_bytes()
    return read_struct(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))[0]


def described(footer: Any) -> dict[str, Any]:  # noqa: ANN401 - a footer, in which any field may be looked up
    """Return the shapes of a footer: its own, those of its root, its row groups and, by name, its columns."""
    root, *elements = footer[2].value.values
    groups = footer[4].value.values
    chunks: dict[str, set[str]] = {}
    for group in groups:
        for element, chunk in zip(elements, group[1].value.values, strict=True):
            # how pages were encoded depends on the data: with or without a dictionary
            meta = {field: value for field, value in chunk[3].value.items() if field not in (2, 11, 12, 13)}
            outer = {field: value for field, value in chunk.items() if field != 3}
            chunks.setdefault(element[4].value.decode(), set()).add(repr((shape(outer), shape(meta))))
    return {
        "footer": {field: kind for field, (kind, _) in footer.items()},
        "root": (shape(root), root[4]),
        "groups": {repr([(field, kind) for field, (kind, _) in group.items()]) for group in groups},
        "elements": {
            element[4].value.decode(): (shape(element), element[1], element[3], element.get(6))
            for element in elements
        },
        "chunks": chunks,
    }


def statistics(footer: Any, column: str) -> set[tuple[int, ...]]:  # noqa: ANN401 - the same
    """Return which fields the statistics of a column have, in all row groups whose bounds differ."""
    number = [element[4].value.decode() for element in footer[2].value.values[1:]].index(column)
    chunks = [group[1].value.values[number][3].value for group in footer[4].value.values]
    found = [chunk[12].value for chunk in chunks]
    # of no values there is only the count of nulls, and equal bounds are written in more fields
    return {tuple(one) for one in found if not one or one.get(5, one.get(1)) != one.get(6, one.get(2))}


@pytest.mark.parametrize(
    ("crawl", "version"),
    [
        ("CC-MAIN-2018-05", "1.8.2"),
        ("CC-MAIN-2019-47", "1.10.1"),
        ("CC-MAIN-2020-24", "1.10.1"),
        ("CC-MAIN-2021-49", "1.12.2"),
        ("CC-MAIN-2023-50", "1.12.2"),
    ],
)
def test_footers_have_the_fields_of_the_real_writer(crawl: str, version: str, tmp_path: Path) -> None:
    """Every part of a footer has the fields, of the kinds, that the real parquet-mr of its time puts there."""
    size = replace(TINY, crawls=(crawl,), long_urls=(crawl,), pages_per_file=60, index_files=1, arc=(), news=())
    fake = build(tmp_path / "fake", size=size)
    (file,) = fake.index_files(crawl)
    footer, golden = footer_of(fake.root / file.path), footer_of(GOLDEN / f"parquet-mr-{version}.gz.parquet")
    ours, real = described(footer), described(golden)
    assert footer[6] == golden[6]
    for part in ("footer", "root", "groups"):
        assert ours[part] == real[part], part
    for name in COLUMNS:
        twin = "fetch_time_millis" if name == "fetch_time" and crawl >= "CC-MAIN-2020-05" else name
        assert ours["elements"][name] == real["elements"][twin]
        assert ours["chunks"][name] == real["chunks"][twin]
        assert statistics(footer, name) <= statistics(golden, twin)
    assert statistics(footer, "url_surtkey") == statistics(golden, "url_surtkey")
    assert () in statistics(footer, "url_surtkey")


@pytest.mark.parametrize("version", ["1.8.2", "1.10.1", "1.12.2"])
def test_golden_files_are_sound(version: str) -> None:
    """pyarrow, too, takes the golden files for that writer's, and hides the bounds it does not trust."""
    metadata = parquet.read_metadata(GOLDEN / f"parquet-mr-{version}.gz.parquet")
    assert metadata.created_by.startswith(f"parquet-mr version {version} (build ")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [100] * 4
    statistics = [group.column(0).statistics for group in groups]
    shown = [one is not None and one.has_min_max for one in statistics]
    assert shown == ([False] * 4 if version == "1.8.2" else [True, True, True, False])
