"""The CDXJ route: captures from the lines of the index, of crawls of any age.

A crawl's lines stand in gzip blocks of 3,000 (ZipNum), sorted by key over all of its ``cdx-NNNNN.gz`` files;
``cluster.idx`` names each block by its first key. It is too long to be read for a look-up, so a key is looked for
in it by a few small reads, whose lines are kept; then one request brings the blocks.

Read ``lines`` first (what a line tells), then ``cluster`` (lines of ``cluster.idx``), ``bisection`` (what to read
of it next), ``clusters`` (what is known of all crawls), ``directory`` (from keys to blocks), ``blocks`` (from
blocks to lines), ``tables`` (from lines to columns), ``route`` and ``estimate`` (its plan).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.captures.cdxj.lines import FIELD_COLUMNS, LINE_COLUMNS, format_line, parse_line

if TYPE_CHECKING:
    from cctrawl.captures.cdxj.route import CdxRoute

CLUSTER_CACHE_BYTES = 2**28  # of lines as they are kept; those of a look-up take some 30 KB a crawl

__all__ = ["CLUSTER_CACHE_BYTES", "FIELD_COLUMNS", "LINE_COLUMNS", "CdxRoute", "format_line", "parse_line"]


def __getattr__(name: str) -> object:
    """Load the route, and pyarrow with it, only when it is asked for."""
    if name == "CdxRoute":
        from cctrawl.captures.cdxj.route import CdxRoute  # noqa: PLC0415 - as said

        return CdxRoute
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
