"""How durable parts become visible rows, exactly once, whatever dies in between.

Each kind of output has the same moments: `recover` brings disk and ledger together when a run goes on, `accept`
takes the parts of finished inputs, `advance` places what can be placed, `finish` gives the output its name. The
order is always: data durable, then the ledger, then what that makes superfluous is removed. A death between
two steps leaves something to repeat or to remove, never a row lost or doubled.

`output` is the face; `inorder` (stdout, CSV, JSON lines), `assembled` (one Parquet file), `parts` (a folder) and
`bucket` (a prefix of S3) are the kinds. `places` says where they are, and what lies there before a run; `siblings`
what lies beside them. Read in this order.
"""

from __future__ import annotations

from pathlib import Path

from cctrawl.errors import InvalidInputError
from cctrawl.runs.outputs.output import DonePart, Output
from cctrawl.runs.outputs.places import FilePlace, FolderPlace, Place, StdoutPlace, refuse
from cctrawl.runs.outputs.siblings import Sibling
from cctrawl.settings import Settings
from cctrawl.transport import see_s3

__all__ = ["DonePart", "Output", "Place", "Sibling", "place_of", "refuse"]


def place_of(output: str, settings: Settings) -> Place:
    """Return the place that ``-o`` names.

    Args:
        output: as the user gave it.
        settings: how to ask S3, and where the state of a run that writes there is kept.

    Raises:
        InvalidInputError: nothing can be written there.
    """
    if output == "-":
        return StdoutPlace()
    if output.startswith("s3://"):
        return _bucket(output, settings)
    if "://" in output or not output:
        raise InvalidInputError(
            f"cannot write to {output!r}", hint="give a file, a folder (ends in /), s3://bucket/folder/ or -"
        )
    if output.endswith("/") or Path(output).is_dir():
        return FolderPlace(output)
    if Path(output).exists() and not Path(output).is_file():  # a device, a pipe: a file would take its name
        raise InvalidInputError(f"cannot write to {output!r}: it is no file", hint="give a file, or - for stdout")
    return FilePlace(output)


def _bucket(output: str, settings: Settings) -> Place:
    from cctrawl.runs.outputs.bucket import BucketPlace  # noqa: PLC0415 - few need it

    if not output.endswith("/"):
        raise InvalidInputError(
            f"{output!r} is one file, and S3 takes folders only",
            hint="end it with /: one part per input; or write a file here and copy it",
        )
    see_s3(output)
    return BucketPlace(output, settings)
