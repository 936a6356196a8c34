"""How durable parts become visible rows, exactly once, whatever dies in between.

Each kind of output has the same moments: `recover` brings disk and ledger together when a run goes on, `accept`
takes the parts of finished inputs, `advance` places what can be placed, `finish` gives the output its name. The
order is always: data durable, then the ledger, then what that makes superfluous is removed. A death between
two steps leaves something to repeat or to remove, never a row lost or doubled.

`output` is the face; `inorder` (stdout, CSV, JSON lines), `assembled` (one Parquet file) and `parts` (a folder) are
the kinds. Read in this order.
"""

from __future__ import annotations

from pathlib import Path

from cctrawl.runs.ledger import RunFolder
from cctrawl.runs.outputs.assembled import ParquetFile
from cctrawl.runs.outputs.inorder import Stdout, TextFile
from cctrawl.runs.outputs.output import DonePart, Output
from cctrawl.runs.outputs.parts import ANY_PART, Folder, part_name

__all__ = ["ANY_PART", "DonePart", "Output", "output_for", "part_name"]


def output_for(
    folder: RunFolder,
    output: str,
    format: str,  # noqa: A002 - the option's name everywhere
    *,
    is_folder: bool,
) -> Output:
    """Return the kind of output that ``-o`` and the format ask for."""
    if output == "-":
        return Stdout(folder, format)
    if is_folder:
        return Folder(folder, Path(output), format)
    if format == "parquet":
        return ParquetFile(folder, Path(output))
    return TextFile(folder, Path(output), format)
