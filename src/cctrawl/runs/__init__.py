"""A job over many inputs, exactly once.

`jobs` says what a job is. `launch` is the public `run`: arguments in, report out. `session` is one command's part
in a run: it opens the run's folder (`ledger`), resolves its `inputs`, and lets the `runner` deal them to an
`engine`, whose `worker` processes (seen from outside: `process`) each do one `task` at a time: stream in, records,
rows, a durable part. `engines` chooses the engine: this machine's, or `cluster`, whose workers are on others.
`outputs` makes parts visible rows; `report` says what happened; `history` keeps which runs there were. `plan` tells
beforehand what a run would take, from `sizes` and a `measurement`. Read in this order.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from cctrawl.runs.jobs import Job, job, responses, tally

if TYPE_CHECKING:
    from cctrawl.runs.history import PastRun, past_runs
    from cctrawl.runs.launch import plan_run, run
    from cctrawl.runs.plan import Plan
    from cctrawl.runs.report import RunReport

__all__ = ["Job", "PastRun", "Plan", "RunReport", "job", "past_runs", "plan_run", "responses", "run", "tally"]


# What only the driver of a run needs is loaded when it is asked for: a job's file needs the decorator alone.
_HOMES = {
    "PastRun": "cctrawl.runs.history",
    "Plan": "cctrawl.runs.plan",
    "RunReport": "cctrawl.runs.report",
    "past_runs": "cctrawl.runs.history",
    "plan_run": "cctrawl.runs.launch",
    "run": "cctrawl.runs.launch",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cctrawl.runs' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
