"""What is distilled from a footer is what the full parse finds."""

from __future__ import annotations

import pytest
from tests.index.parquet_files import index_footer

from cctrawl.index import distil, parse_footer
from cctrawl.index.distillate import Distillate


def by_full_parse(footer: bytes, column: str) -> Distillate:
    """Distil by the full parse alone."""
    parsed = parse_footer(footer)
    names = tuple(column.name for column in parsed.columns)
    index = names.index(column)
    told = [(group, group.columns[index].statistics) for group in parsed.row_groups]
    rows = [(group.num_rows, group.total_byte_size, found.kind, found.min, found.max) for group, found in told]
    return Distillate(parsed.num_rows, rows, names, parsed.columns[index])  # type: ignore[arg-type]  # tuples equal named tuples


@pytest.mark.parametrize("column", ["url_surtkey", "url", "column_07", "column_27"])
@pytest.mark.parametrize("row_groups", [1, 3, 17])
def test_distilled_is_what_the_full_parse_finds(column: str, row_groups: int) -> None:
    """For any column and footers of several kinds in turn, both ways give the same."""
    for seed in range(6):
        footer = index_footer(seed, row_groups=row_groups)
        assert distil(footer, column.encode()) == by_full_parse(footer, column)
