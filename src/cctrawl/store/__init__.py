"""State that outlives a process, in SQLite: the only room that speaks SQL.

Read ``database`` first (how each file is opened), then one module per table family: ``rates`` (the rate budget
that all commands, threads and processes of a user share), ``listings`` (cached listings), ``ledger`` (what a run
has done), ``history`` (which runs there were), ``index`` (the tables of the index at hand), ``footers`` (what goes
into them and comes out) and ``dictionaries`` (how footers are kept small). ``locks`` keeps two processes from the
same work.
"""

from __future__ import annotations

from cctrawl.store.database import open_database
from cctrawl.store.dictionaries import Dictionaries, Packed, Press
from cctrawl.store.footers import (
    FailureRow,
    FooterRow,
    GroupRow,
    HeldFooter,
    bounds_of,
    footer_sizes,
    held_footers,
    held_paths,
    listed_failures,
    note_listing,
    put_file,
    put_footers,
    put_row_groups,
    undecodable,
)
from cctrawl.store.history import HistoryFile, HistoryRow
from cctrawl.store.index import HELD, IMPORTED, UNDECODABLE, IndexFile, index_path, open_index
from cctrawl.store.ledger import FAILED, PLACED, STAGED, WAITING, InputRow, LedgerFile, Totals
from cctrawl.store.listings import CachedListing, ListingCache
from cctrawl.store.locks import is_locked, take_lock

__all__ = [
    "FAILED",
    "HELD",
    "IMPORTED",
    "PLACED",
    "STAGED",
    "UNDECODABLE",
    "WAITING",
    "CachedListing",
    "Dictionaries",
    "FailureRow",
    "FooterRow",
    "GroupRow",
    "HeldFooter",
    "HistoryFile",
    "HistoryRow",
    "IndexFile",
    "InputRow",
    "LedgerFile",
    "ListingCache",
    "Packed",
    "Press",
    "Totals",
    "bounds_of",
    "footer_sizes",
    "held_footers",
    "held_paths",
    "index_path",
    "is_locked",
    "listed_failures",
    "note_listing",
    "open_database",
    "open_index",
    "put_file",
    "put_footers",
    "put_row_groups",
    "take_lock",
    "undecodable",
]
