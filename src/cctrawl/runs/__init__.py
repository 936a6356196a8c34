"""A job over many inputs, exactly once.

`jobs` says what a job is. `launch` is the public `run`: arguments in, report out. `session` is one command's part
in a run: it opens the run's folder (`ledger`), resolves its `inputs`, and lets the `runner` deal them to an `engine`,
whose `worker` processes each do one `task` at a time: stream in, records, rows, a durable part. `outputs` makes
parts visible rows; `report` says what happened. Read in this order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.runs.jobs import Job, job, responses, tally

if TYPE_CHECKING:
    from cctrawl.runs.launch import run
    from cctrawl.runs.report import RunReport

__all__ = ["Job", "RunReport", "job", "responses", "run", "tally"]


def __getattr__(name: str) -> object:
    """Load what only the driver of a run needs when it is asked for: a job's file needs the decorator alone."""
    if name == "RunReport":
        from cctrawl.runs.report import RunReport  # noqa: PLC0415 - see above

        return RunReport
    if name == "run":
        from cctrawl.runs.launch import run  # noqa: PLC0415 - see above

        return run
    raise AttributeError(f"module 'cctrawl.runs' has no attribute {name!r}")
