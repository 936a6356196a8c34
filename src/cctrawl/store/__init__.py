"""State that outlives a process, in SQLite: the only room that speaks SQL.

Read ``database`` first (how each file is opened), then one module per table family: ``rates`` (the rate budget
that all commands, threads and processes of a user share), ``listings`` (cached listings), ``ledger`` (what a run
has done), ``history`` (which runs there were).
"""

from __future__ import annotations

from cctrawl.store.database import open_database
from cctrawl.store.history import HistoryFile, HistoryRow
from cctrawl.store.ledger import FAILED, PLACED, STAGED, WAITING, InputRow, LedgerFile, Totals
from cctrawl.store.listings import CachedListing, ListingCache

__all__ = [
    "FAILED",
    "PLACED",
    "STAGED",
    "WAITING",
    "CachedListing",
    "HistoryFile",
    "HistoryRow",
    "InputRow",
    "LedgerFile",
    "ListingCache",
    "Totals",
    "open_database",
]
