"""The columnar index at hand: the footers of its Parquet files, harvested once, and what they tell.

What is pure, in the order to read it: ``thrift`` reads the tree that a footer is; ``schema``, ``statistics`` and
``footer`` say what the tree means (``fields`` looks into it); ``distillate`` takes from a footer what queries need
first, without reading it all; ``keys`` holds ranges of keys against bounds, ``values`` makes values of these.
``single_row_group`` reads one row group of a footer, and jumps over the others.

``pages`` reads single pages of the columns of a row group, through a function that its caller gives it:
``column_pages`` sees to one column (``chunk_ends`` to one without a page index), ``page_index`` and
``page_headers`` know where its pages are, ``row_selection`` which of them hold the rows that are wanted, and
``page_file`` makes values of them, by threads of ``decoders`` where many read. ``arrays`` makes small arrays.

What asks the store: ``holdings`` which crawls are held, ``rowgroups`` which row groups may hold a key (``spans``
tests many ranges at once, ``bounds`` makes texts of bounds), ``missing`` where there are no bounds, ``table`` all
row groups (with ``columns``, the bounds of other columns), ``description`` one footer in full. ``exports`` and
``imports`` pass the table on, ``rebuild`` makes it anew.

What fetches: ``harvesting`` (which files there are and which are missing), ``harvester`` (threads and one writer),
``fetcher`` (one file), ``report`` (what came of it). ``footers`` hands footers to queries, whether held or not.
``filling`` computes bounds that no writer stored: ``filler`` has the threads, ``key_bounds`` looks at one row
group, ``fill_report`` tells what came of it.
"""

from __future__ import annotations

from cctrawl.index.arrays import array_of
from cctrawl.index.decoders import Decoders
from cctrawl.index.description import ChunkRow, FooterDescription, describe_footer
from cctrawl.index.distillate import Distillate, RowGroupBounds, distil
from cctrawl.index.exports import ExportReport, export_row_groups
from cctrawl.index.fill_report import FillFailure, FillPlan, FillReport
from cctrawl.index.filling import fill_bounds, plan_fill
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
from cctrawl.index.footers import HeldFooters
from cctrawl.index.harvesting import USUAL_FOOTER_BYTES, harvest, plan_harvest
from cctrawl.index.holdings import held_selection, incomplete_holdings, open_held
from cctrawl.index.imports import import_row_groups
from cctrawl.index.keys import common_prefix, flipped, may_hold, successor
from cctrawl.index.missing import UnorderedRowGroup, missing_row_groups, missing_statistics
from cctrawl.index.page_index import PageBounds
from cctrawl.index.pages import ReadRanges, RowGroupReader
from cctrawl.index.rebuild import RebuildReport, rebuild_row_groups
from cctrawl.index.report import HarvestPlan, HarvestReport
from cctrawl.index.row_selection import joined_runs
from cctrawl.index.rowgroups import FoundRowGroup, FoundRowGroups, find_row_groups, row_groups_with
from cctrawl.index.schema import LogicalType, SchemaColumn
from cctrawl.index.single_row_group import parse_row_group
from cctrawl.index.statistics import Statistics
from cctrawl.index.table import row_groups
from cctrawl.index.values import arrow_type, decode_bound
from cctrawl.store import HoldingRow, ImportCounts, MissingRow, holdings

__all__ = [
    "MAX_FOOTER_BYTES",
    "USUAL_FOOTER_BYTES",
    "ChunkRow",
    "ColumnChunk",
    "Decoders",
    "Distillate",
    "ExportReport",
    "Extent",
    "FillFailure",
    "FillPlan",
    "FillReport",
    "Footer",
    "FooterDescription",
    "FoundRowGroup",
    "FoundRowGroups",
    "HarvestPlan",
    "HarvestReport",
    "HeldFooters",
    "HoldingRow",
    "ImportCounts",
    "LogicalType",
    "MissingRow",
    "PageBounds",
    "ReadRanges",
    "RebuildReport",
    "RowGroup",
    "RowGroupBounds",
    "RowGroupReader",
    "SchemaColumn",
    "SortingColumn",
    "Statistics",
    "UnorderedRowGroup",
    "array_of",
    "arrow_type",
    "check_tail",
    "common_prefix",
    "decode_bound",
    "describe_footer",
    "distil",
    "export_row_groups",
    "fill_bounds",
    "find_row_groups",
    "flipped",
    "harvest",
    "held_selection",
    "holdings",
    "import_row_groups",
    "incomplete_holdings",
    "joined_runs",
    "may_hold",
    "missing_row_groups",
    "missing_statistics",
    "open_held",
    "parse_footer",
    "parse_row_group",
    "plan_fill",
    "plan_harvest",
    "rebuild_row_groups",
    "row_groups",
    "row_groups_with",
    "successor",
]
