"""The runner deals inputs to an engine, a bounded number in flight, and makes each one's rows visible exactly once.

It alone decides what a failure means: try again, quarantine the input, or stop the whole run.
"""

from __future__ import annotations

import heapq
import json
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from cctrawl.errors import AbortedError, JobError
from cctrawl.failures import GIVE_UP, RESUME_HINT, RETRY, STOP, FailureShare
from cctrawl.progress import Progress, Snapshot, Topics
from cctrawl.runs.columns import RunColumns
from cctrawl.runs.engine import Engine, Event, Failed, Finished, Progressed, Said
from cctrawl.runs.ledger import RunFolder
from cctrawl.runs.outputs import DonePart, Output
from cctrawl.runs.report import Effort
from cctrawl.runs.task import Task, TaskFailure, TaskResult
from cctrawl.store import FAILED, WAITING

_TURN_S = 0.5
_ENTER_S = 0.05
_SHOWN_LINES = 200


@dataclass(frozen=True)
class Limits:
    """When an input, and when the run, is given up.

    Attributes:
        tries: tries per input.
        max_failures: the share of the last 200 inputs that may fail; more (and at least 20) stop the run.
        retry_pause_s: least pause before an input is tried again; it doubles.
    """

    tries: int = 3
    max_failures: float = 0.05
    retry_pause_s: float = 1.0


class Runner:
    """Runs all inputs of a ledger that wait.

    Args:
        folder: the run's folder and ledger.
        output: where the rows go; already recovered.
        engine: where tasks run; the caller stops it.
        progress: where the run tells how far it is.
        limits: when to give up.
        ranges_of: tells which records of an input are read, packed; ``None`` for all.
    """

    def __init__(
        self,
        folder: RunFolder,
        output: Output,
        engine: Engine,
        progress: Progress,
        limits: Limits,
        *,
        ranges_of: Callable[[str], bytes | None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._ledger = folder.ledger
        self._output = output
        self._engine = engine
        self._progress = progress
        self._limits = limits
        self._ranges_of = ranges_of
        totals = self._ledger.totals()
        self._total, self._done, self._failed = totals.inputs, totals.done, totals.failed
        self._fresh = iter(self._ledger.inputs(WAITING))
        self._are_dealt = False  # all of them
        self._again: list[tuple[float, int, str]] = []
        self._in_flight: dict[int, Task] = {}
        self._finished: list[tuple[Task, TaskResult]] = []  # durable, not entered yet
        self._enter_at = 0.0
        self._tries: dict[int, int] = {}
        self._share = FailureShare(limits.max_failures, "the same command and --retry-failed")
        self._work = _Work()
        self._shown_lines = 0
        self._topics = Topics()
        self._columns = RunColumns(self._ledger)

    @property
    def effort(self) -> Effort:
        """What was done so far, tries in vain included."""
        return self._work.effort()

    def run(self) -> None:
        """Run until every input is done or quarantined.

        Raises:
            AbortedError: too much failed, a worker's disk refuses, or patience with the server is spent.
            EngineError: workers cannot start.
            OSError: our own disk refuses.
        """
        try:
            while self._deal():
                if self._finished and time.monotonic() >= self._enter_at:
                    self._enter()  # while the workers are busy
                for event in self._engine.events(self._pause_s()):
                    self._handle(event)
                self._progress.update(self._snapshot())
        finally:
            self._enter()
            if self._shown_lines > _SHOWN_LINES:
                self._progress.note(f"({self._shown_lines - _SHOWN_LINES:,} more lines of the job are not shown)")

    def _deal(self) -> bool:
        """Give the engine what it can take; return whether anything is left to do or to wait for."""
        while self._can_deal():
            task = self._next_task()
            if task is None:
                break
            self._in_flight[task.position] = task
            self._engine.submit(task)
        return bool(self._in_flight or self._again or not self._are_dealt)

    def _can_deal(self) -> bool:
        return bool(self._engine.free()) and not self._must_learn_columns()

    def _must_learn_columns(self) -> bool:
        """Without declared columns the first input with rows decides them: in list order, for all runs alike."""
        if self._columns.names is not None or not self._in_flight:
            return False
        self._say(Said("columns are not declared: one file at a time until the first row tells them", "columns"))
        return True

    def _next_task(self) -> Task | None:
        if self._again and self._again[0][0] <= time.monotonic():
            _, position, location = heapq.heappop(self._again)
        else:
            row = next(self._fresh, None)
            if row is None:
                self._are_dealt = True
                return None
            position, location = row.position, row.location
        # A part has a name of its own per try: what an earlier one may still be writing cannot get into it.
        part = self._folder.staged / f"{position:06}.{secrets.token_hex(4)}"
        return Task(position, location, part, self._columns.names, self._ranges_of(location))

    def _pause_s(self) -> float:
        until = [self._enter_at] if self._finished else []
        if self._again and self._can_deal():
            until.append(self._again[0][0])
        return min([_TURN_S, *(max(0.0, moment - time.monotonic()) for moment in until)])

    def _handle(self, event: Event) -> None:
        if isinstance(event, Said):
            self._say(event)
        elif isinstance(event, Progressed):
            self._work.goes_on(event)
        else:
            task = self._in_flight.pop(event.position)
            self._work.ended(event.position)
            if isinstance(event, Finished):
                self._done_task(task, event.result)
            elif isinstance(event, Failed):
                self._failed_try(task, event.failure)
            elif event.is_innocent:
                heapq.heappush(self._again, (time.monotonic(), task.position, task.location))
            else:
                self._failed_try(task, TaskFailure(RETRY, event.reason))

    def _done_task(self, task: Task, result: TaskResult) -> None:
        try:
            self._columns.settle(result.part)
        except JobError as error:
            task.part.unlink(missing_ok=True)
            self._failed_try(task, TaskFailure(GIVE_UP, str(error), hint=error.hint))
            return
        if not self._finished:
            self._enter_at = time.monotonic() + _ENTER_S
        self._finished.append((task, result))
        self._share.succeeded()

    def _enter(self) -> None:
        """Enter the inputs that got done since the last time into the ledger, and place what can be placed.

        Many at once, for each time costs some waiting for the disk. What is cut short here is done again.
        """
        finished, self._finished = self._finished, []
        if not finished:
            return
        self._output.accept([self._part(task, result) for task, result in finished])
        for _, result in finished:
            self._done += 1
            self._work.done(result)
        self._output.advance()
        for task, result in finished:
            self._note_damages(task, result)

    def _part(self, task: Task, result: TaskResult) -> DonePart:
        values = {
            "rows": result.part.rows,
            "length": result.part.size_bytes,
            "records": result.records,
            "source_bytes": result.source_bytes,
            "damaged": result.damaged,
            "tries": self._tries.pop(task.position, 0) + 1,
            "tallies": json.dumps(result.tallies) if result.tallies else None,
        }
        return DonePart(task.position, result.uploaded or task.part.name, values, result.damages)

    def _failed_try(self, task: Task, failure: TaskFailure) -> None:
        task.part.unlink(missing_ok=True)
        if failure.verdict == STOP:
            raise AbortedError(failure.message, hint=failure.hint or RESUME_HINT)
        tries = self._tries[task.position] = self._tries.get(task.position, 0) + 1
        if failure.verdict != GIVE_UP and tries < self._limits.tries:
            self._work.retries += 1
            pause_s = self._limits.retry_pause_s * 2 ** (tries - 1) * (1 + random.random())  # noqa: S311 - jitter
            heapq.heappush(self._again, (time.monotonic() + pause_s, task.position, task.location))
            return
        self._quarantine(task, failure, tries)

    def _quarantine(self, task: Task, failure: TaskFailure, tries: int) -> None:
        with self._ledger.transaction():
            self._ledger.update(task.position, state=FAILED, tries=tries, error=failure.message)
        self._failed += 1
        self._progress.note(f"failed: {task.location}: {failure.message}")
        if self._failed == 1:
            for more in (failure.details.rstrip(), failure.hint and f"hint: {failure.hint}"):
                if more:
                    self._progress.note(more)
        self._output.advance()
        self._share.failed(failure.message)

    def _note_damages(self, task: Task, result: TaskResult) -> None:
        for offset, skipped_bytes, reason in result.damages[:3]:
            self._progress.note(
                f"damaged: {task.location} at byte {offset:,}: {reason}, {skipped_bytes:,} bytes skipped"
            )
        if result.damaged > 3:
            self._progress.note(f"damaged: {task.location}: {result.damaged - 3:,} more places")

    def _say(self, event: Said) -> None:
        if event.topic:
            if not self._topics.is_due(event.topic):
                return
        else:
            self._shown_lines += 1
            if self._shown_lines > _SHOWN_LINES:
                return
        self._progress.note(event.message)

    def _snapshot(self) -> Snapshot:
        work = self._work
        now = work.under_way
        return Snapshot(
            total=self._total,
            done=self._done,
            finished=self._done + self._failed + sum(event.fraction for event in now.values()),
            source_bytes=work.source_bytes + sum(event.source_bytes for event in now.values()),
            steps={"records": work.records + sum(event.records for event in now.values())},
            results={"rows": work.rows + sum(event.rows for event in now.values())},
            troubles={
                "failed": self._failed,
                "retries": work.retries + sum(event.retries for event in now.values()),
                "refusals": work.refusals + sum(event.refusals for event in now.values()),
                "damaged": work.damaged,
            },
            waiting="waiting for the server" if now and all(event.waiting for event in now.values()) else "",
            hosts=self._engine.hosts(),
        )


class _Work:
    """Sums over the tasks that ended, and the newest numbers of those under way."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self.under_way: dict[int, Progressed] = {}
        self.requests = self.retries = self.refusals = 0
        self.source_bytes = self.records = self.rows = self.damaged = 0

    def goes_on(self, event: Progressed) -> None:
        self.under_way[event.position] = event

    def ended(self, position: int) -> None:
        last = self.under_way.pop(position, None)
        if last is not None:
            self.requests += last.requests
            self.retries += last.retries
            self.refusals += last.refusals
            self.source_bytes += last.source_bytes

    def done(self, result: TaskResult) -> None:
        self.records += result.records
        self.rows += result.part.rows
        self.damaged += result.damaged

    def effort(self) -> Effort:
        seconds = time.monotonic() - self._began_s
        return Effort(seconds, self.requests, self.retries, self.refusals, self.source_bytes)
