"""State that outlives a process, in SQLite: the only room that speaks SQL.

Read ``database`` first (how each file is opened), then one module per table family: ``rates`` (the rate budget
that all commands, threads and processes of a user share), ``listings`` (cached listings), ``ledger`` (what a run
has done), ``history`` (which runs there were), ``index`` (the footers of index files and their row groups).
"""

from __future__ import annotations

from cctrawl.store.database import open_database
from cctrawl.store.history import HistoryFile, HistoryRow
from cctrawl.store.index import HELD, IMPORTED, UNDECODABLE, IndexFile, index_path, open_index
from cctrawl.store.ledger import FAILED, PLACED, STAGED, WAITING, InputRow, LedgerFile, Totals
from cctrawl.store.listings import CachedListing, ListingCache

__all__ = [
    "FAILED",
    "HELD",
    "IMPORTED",
    "PLACED",
    "STAGED",
    "UNDECODABLE",
    "WAITING",
    "CachedListing",
    "HistoryFile",
    "HistoryRow",
    "IndexFile",
    "InputRow",
    "LedgerFile",
    "ListingCache",
    "Totals",
    "index_path",
    "open_database",
    "open_index",
]
