"""What the footers of the real parquet-mr tell, read by us: the golden files in ``data``."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet

from cctrawl.index import check_tail, decode_bound, distil, parse_footer

DATA = Path(__file__).parent / "data"
# A key that is not ASCII is the least in the order of 2018, and not in that of bytes.
LOWS = {"signed": "com,exampl\xe9)/a", "ordered": "com,example)/caf\xe9a"}


@pytest.mark.parametrize(
    ("version", "kind", "has_index"),
    [("1.8.2", "signed", False), ("1.10.1", "ordered", False), ("1.12.2", "ordered", True)],
)
def test_footers_of_the_real_writers(version: str, kind: str, has_index: bool) -> None:  # noqa: FBT001 - a parameter
    """Kinds and bounds are those that each writer stores; INT96 has none to believe, a long key costs both."""
    path = DATA / f"parquet-mr-{version}.gz.parquet"
    data = path.read_bytes()
    raw = data[-8 - check_tail(data[-8:], path.name, 1 << 20) : -8]
    footer, distillate = parse_footer(raw), distil(raw)
    assert footer.created_by is not None
    assert footer.created_by.startswith(f"parquet-mr version {version} ")
    assert [row.statistics for row in distillate.rows] == [kind, kind, kind, "absent"]
    assert [(row.min or b"").decode() for row in distillate.rows] == ["com,example)/", LOWS[kind], "", ""]
    for number, (group, row) in enumerate(zip(footer.row_groups, distillate.rows, strict=True)):
        key, *_ = group.columns
        assert (key.statistics.kind, key.statistics.min, key.statistics.max) == row[2:5]
        kinds = {chunk.column.name: chunk.statistics.kind for chunk in group.columns}
        assert kinds["fetch_time"] == "absent"
        assert kinds["fetch_time_millis"] == kinds["fetch_status"] == kinds["url_port"] == "ordered"
        assert kinds["content_mime_type"] == kind
        assert (key.offset_index is not None) == has_index
        assert (key.column_index is not None) == (has_index and number != 3)


@pytest.mark.parametrize("version", ["1.8.2", "1.10.1", "1.12.2"])
def test_bounds_of_the_real_writers_hold(version: str) -> None:
    """Ordered bounds are the least and the greatest value that the row group holds."""
    path = DATA / f"parquet-mr-{version}.gz.parquet"
    data = path.read_bytes()
    footer = parse_footer(data[-8 - check_tail(data[-8:], path.name, 1 << 20) : -8])
    table = parquet.ParquetFile(path)
    for number, group in enumerate(footer.row_groups):
        rows = table.read_row_group(number)
        for chunk in group.columns:
            if chunk.statistics.kind == "ordered":
                values = [value for value in rows[chunk.column.name].to_pylist() if value is not None]
                assert decode_bound(chunk.column, chunk.statistics.min) == min(values)
                assert decode_bound(chunk.column, chunk.statistics.max) == max(values)
                assert chunk.statistics.null_count == rows[chunk.column.name].null_count
