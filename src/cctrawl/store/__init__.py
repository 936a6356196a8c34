"""State that outlives a process, in SQLite: the only room that speaks SQL.

Read ``database`` first (how each file is opened), then one module per table family: ``rates`` (the rate budget
that all commands, threads and processes of a user share), ``listings`` (cached listings), ``ledger`` (what a run
has done), ``places`` (which records of its inputs it reads, if captures choose them), ``history`` (which runs there
were), ``index`` (the tables of the index at hand), ``shared`` (it, for the threads of a search), ``footers`` (what
goes into them and comes out), ``blocks`` (how footers are kept small), ``rowgroups`` and ``columns`` (what users
ask of them), ``clusters`` (what is held of the CDXJ index), ``changes`` (imports, and the table made anew).
``locks`` keeps two processes from the same work.
"""

from __future__ import annotations

from cctrawl.store.changes import MOST_INTEGER, DistilledFile, ImportCounts, enter_row_groups, replace_row_groups
from cctrawl.store.clusters import (
    ClusterWindow,
    cluster_lines,
    cluster_sizes,
    cluster_windows,
    forget_clusters,
    put_cluster,
)
from cctrawl.store.columns import (
    ColumnRow,
    ColumnsOfFile,
    column_names,
    column_types,
    columns_of_file,
    files_without_column,
    put_columns,
)
from cctrawl.store.database import open_database
from cctrawl.store.footers import (
    FailureRow,
    FileRow,
    FooterRow,
    GroupRow,
    HeldFooter,
    bounds_of,
    footer_sizes,
    held_footers,
    held_paths,
    listed_failures,
    note_listing,
    put_all_row_groups,
    put_computed_bounds,
    put_file,
    put_footers,
    put_row_groups,
    schema_id,
    undecodable,
)
from cctrawl.store.history import HistoryFile, HistoryRow
from cctrawl.store.index import HELD, IMPORTED, UNDECODABLE, IndexFile, index_path, open_index
from cctrawl.store.ledger import FAILED, PLACED, STAGED, WAITING, InputRow, LedgerFile, Totals
from cctrawl.store.listings import CachedListing, ListingCache
from cctrawl.store.locks import is_locked, take_lock
from cctrawl.store.places import PlacesFile, ranges_of
from cctrawl.store.rowgroups import (
    HoldingRow,
    MissingRow,
    RowGroupRow,
    Selection,
    Span,
    all_row_groups,
    count_files,
    files_ending,
    held_crawls,
    holdings,
    incomplete_subsets,
    missing_by_crawl,
    row_groups_between,
    row_groups_without_bounds,
)
from cctrawl.store.shared import SharedIndex

__all__ = [
    "FAILED",
    "HELD",
    "IMPORTED",
    "MOST_INTEGER",
    "PLACED",
    "STAGED",
    "UNDECODABLE",
    "WAITING",
    "CachedListing",
    "ClusterWindow",
    "ColumnRow",
    "ColumnsOfFile",
    "DistilledFile",
    "FailureRow",
    "FileRow",
    "FooterRow",
    "GroupRow",
    "HeldFooter",
    "HistoryFile",
    "HistoryRow",
    "HoldingRow",
    "ImportCounts",
    "IndexFile",
    "InputRow",
    "LedgerFile",
    "ListingCache",
    "MissingRow",
    "PlacesFile",
    "RowGroupRow",
    "Selection",
    "SharedIndex",
    "Span",
    "Totals",
    "all_row_groups",
    "bounds_of",
    "cluster_lines",
    "cluster_sizes",
    "cluster_windows",
    "column_names",
    "column_types",
    "columns_of_file",
    "count_files",
    "enter_row_groups",
    "files_ending",
    "files_without_column",
    "footer_sizes",
    "forget_clusters",
    "held_crawls",
    "held_footers",
    "held_paths",
    "holdings",
    "incomplete_subsets",
    "index_path",
    "is_locked",
    "listed_failures",
    "missing_by_crawl",
    "note_listing",
    "open_database",
    "open_index",
    "put_all_row_groups",
    "put_cluster",
    "put_columns",
    "put_computed_bounds",
    "put_file",
    "put_footers",
    "put_row_groups",
    "ranges_of",
    "replace_row_groups",
    "row_groups_between",
    "row_groups_without_bounds",
    "schema_id",
    "take_lock",
    "undecodable",
]
