"""Which runs there were on a data folder, and how to go on with each.

A run enters itself when it begins, now and then, and when it ends. What the history says of a run that is not over
is held against its folder: the kernel's lock there tells a run at work from one that died.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

from cctrawl.errors import CctrawlError
from cctrawl.failures import ABORTED, DONE, INCOMPLETE, INTERRUPTED
from cctrawl.progress import Progress, Snapshot
from cctrawl.runs.ledger import INPUT_LIST, is_worked_on
from cctrawl.settings import Settings
from cctrawl.store import HistoryFile, HistoryRow, LedgerFile

RUNNING, GONE = "running", "gone"
_ENTRY_INTERVAL_S = 30.0
_ENDS = (DONE, INCOMPLETE, ABORTED)


@dataclass(frozen=True)
class PastRun:
    """A run there was, or is.

    Attributes:
        output: where its rows go: an absolute path or a URL.
        job: the job's name.
        state: ``running``; ``done``; ``incomplete`` (inputs are quarantined); ``aborted`` (it gave up, everything
            done is kept); ``interrupted`` (Ctrl-C, or it died); ``gone`` (somebody removed the output or its
            ledger).
        done: inputs whose rows are durable, as entered last: at most half a minute old when a run died.
        inputs: all its inputs.
        failed: quarantined inputs.
        rows: rows of the inputs that are done.
        began: when it began, in UTC: ``2024-05-22T10:00:00Z``.
        updated: when it was entered last.
        resume: the command that goes on with it, for any folder; empty if there is nothing to go on with, or if the
            run was begun from Python: there, the same call goes on.
    """

    output: str
    job: str
    state: str
    done: int
    inputs: int
    failed: int
    rows: int
    began: str
    updated: str
    resume: str


def past_runs(*, forget_gone: bool = False, settings: Settings | None = None) -> list[PastRun]:
    """Return the runs there were on a data folder, the one entered last first; one per output.

    Runs to stdout are not kept: they cannot go on. On ``s3://`` only the ledger, which is here, is looked at.

    Args:
        forget_gone: drop the runs whose output is gone.
        settings: whose ``data_dir`` to look into; else the environment's.

    Raises:
        CctrawlError: the history cannot be read.
    """
    with HistoryFile((settings or Settings.resolve()).data_dir) as history:
        runs = [_judged(row) for row in history.rows()]
        if forget_gone:
            for run in runs:
                if run.state == GONE:
                    history.forget(run.output)
            runs = [run for run in runs if run.state != GONE]
    return runs


def _judged(row: HistoryRow) -> PastRun:
    state = _state(row)
    return PastRun(
        output=row.output,
        job=row.job,
        state=state,
        done=row.done,
        inputs=row.inputs,
        failed=row.failed,
        rows=row.rows,
        began=_utc(row.began_at),
        updated=_utc(row.updated_at),
        resume=_resume(row, state),
    )


def _state(row: HistoryRow) -> str:
    folder = Path(row.folder)
    if row.state == DONE and "://" not in row.output:
        return DONE if Path(row.output).exists() else GONE
    if not folder.is_dir():
        return GONE
    if is_worked_on(folder):
        return RUNNING
    return row.state if row.state in _ENDS else INTERRUPTED


def _resume(row: HistoryRow, state: str) -> str:
    if not row.command or state not in (INCOMPLETE, ABORTED, INTERRUPTED):
        return ""
    words = shlex.split(row.command)
    if state == INCOMPLETE:
        words.insert(2, "--retry-failed")  # behind `cctrawl run`: behind `--` it would be no option
    line = f"cd {shlex.quote(row.working_folder)} && {shlex.join(words)}"
    reads_list = ("--files", "-") in pairwise(words)
    return f"{line} < {shlex.quote(str(Path(row.folder) / INPUT_LIST))}" if reads_list else line


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def resumable(command: Sequence[str]) -> str:
    """Return a command as the history keeps it: for a shell, without what must not be done twice."""
    return shlex.join(word for word in command if word not in ("--restart", "--retry-failed"))


class RecordedProgress:
    """Progress that also enters the run into the history, and never lets that disturb the run.

    Args:
        progress: where the run tells how far it is.
        data_dir: the data folder of the history.
        ledger: the run's ledger.
        row: the run as far as it is known before it is counted.
        goes_on: whether it began in an earlier command.
        is_kept: whether it is entered at all.
    """

    def __init__(
        self,
        progress: Progress,
        data_dir: Path,
        ledger: LedgerFile,
        row: HistoryRow,
        *,
        goes_on: bool,
        is_kept: bool,
    ) -> None:
        self._progress = progress
        self._data_dir = data_dir
        self._ledger = ledger
        self._row = row
        self._goes_on = goes_on
        self._next_entry = 0.0
        self._is_kept = is_kept

    def update(self, snapshot: Snapshot) -> None:
        """Tell how far the run is; every half minute the history, too."""
        if time.monotonic() >= self._next_entry:
            self.enter(RUNNING)
        self._progress.update(snapshot)

    def note(self, message: str) -> None:
        """Say something that stays."""
        self._progress.note(message)

    def close(self) -> None:
        """Take the live line away."""
        self._progress.close()

    def enter(self, state: str) -> None:
        """Enter the run as it is now. What goes wrong is noted, once."""
        self._next_entry = time.monotonic() + _ENTRY_INTERVAL_S
        if not self._is_kept:
            return
        try:
            totals = self._ledger.totals()
            row = replace(
                self._row,
                state=state,
                inputs=totals.inputs,
                done=totals.done,
                failed=totals.failed,
                rows=totals.rows,
                updated_at=time.time(),
            )
            with HistoryFile(self._data_dir) as history:
                before = history.get(row.output)
                if self._goes_on and before is not None:
                    row = replace(row, began_at=before.began_at)
                history.put(row)
                self._row, self._goes_on = row, False
        except CctrawlError as error:
            self._is_kept = False
            self.note(f"not entered into `cctrawl runs`: {error}")
