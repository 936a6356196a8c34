"""Rows out: CSV, JSON lines, Parquet, or a table on the screen.

A job's rows of one input become a *part*: `rows` makes values of whatever was yielded, `text` and `parquet` write
them. `parts` is the one face over the formats: it opens part writers and says how parts become one file. `listing`
prints what the listing commands found. Read in this order.
"""

from cctrawl.output.listing import Column, listing_format, write_listing
from cctrawl.output.parts import (
    FORMATS,
    PartSummary,
    PartWriter,
    copy_bytes,
    format_of,
    header_bytes,
    open_part,
    sync_folder,
)
from cctrawl.output.rows import RowShaper

__all__ = [
    "FORMATS",
    "Column",
    "PartSummary",
    "PartWriter",
    "RowShaper",
    "copy_bytes",
    "format_of",
    "header_bytes",
    "listing_format",
    "open_part",
    "sync_folder",
    "write_listing",
]
