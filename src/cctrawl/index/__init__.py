"""The columnar index at hand: the footers of its Parquet files, harvested once, and what they tell.

What is pure, in the order to read it: ``thrift`` reads the tree that a footer is; ``schema``, ``statistics`` and
``footer`` say what the tree means (``fields`` looks into it); ``distillate`` takes from a footer what queries need
first, without reading it all; ``keys`` holds ranges of keys against bounds.
"""

from __future__ import annotations

from cctrawl.index.distillate import Distillate, RowGroupBounds, distil
from cctrawl.index.footer import (
    MAX_FOOTER_BYTES,
    ColumnChunk,
    Extent,
    Footer,
    RowGroup,
    SortingColumn,
    check_tail,
    parse_footer,
)
from cctrawl.index.keys import common_prefix, flipped, may_hold, successor
from cctrawl.index.schema import LogicalType, SchemaColumn
from cctrawl.index.statistics import Statistics

__all__ = [
    "MAX_FOOTER_BYTES",
    "ColumnChunk",
    "Distillate",
    "Extent",
    "Footer",
    "LogicalType",
    "RowGroup",
    "RowGroupBounds",
    "SchemaColumn",
    "SortingColumn",
    "Statistics",
    "check_tail",
    "common_prefix",
    "distil",
    "flipped",
    "may_hold",
    "parse_footer",
    "successor",
]
