"""The runner, with an engine that follows a script."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cctrawl.errors import AbortedError
from cctrawl.failures import RETRY, STOP
from cctrawl.output import open_part
from cctrawl.progress import open_progress
from cctrawl.runs.engine import Engine, Event, Failed, Finished, HostStatus
from cctrawl.runs.ledger import Identity, RunFolder
from cctrawl.runs.outputs import place_of
from cctrawl.runs.runner import Limits, Runner
from cctrawl.runs.task import Task, TaskFailure, TaskResult
from cctrawl.settings import Settings

IDENTITY = Identity("job", "sha", ("n",), "inputs", "csv", "skip")


class Script:
    """An engine that has two tasks at a time and answers each turn with what a function makes of them."""

    def __init__(self, answer: Callable[[list[Task]], list[Event]]) -> None:
        self._answer = answer
        self._tasks: list[Task] = []

    def free(self) -> int:
        """Return how many tasks could be submitted now."""
        return 2 - len(self._tasks)

    def submit(self, task: Task) -> None:
        """Take a task."""
        self._tasks.append(task)

    def events(self, timeout_s: float) -> list[Event]:  # noqa: ARG002 - nothing is waited for
        """Answer all tasks."""
        tasks, self._tasks = self._tasks, []
        return self._answer(tasks)

    def hosts(self) -> Sequence[HostStatus]:
        """Have no hosts."""
        return ()

    def stop(self) -> None:
        """Have nothing to stop."""


def done(task: Task) -> Finished:
    """Write the part of a task and return that it is done."""
    part = open_part(task.part, "csv", ("n",))
    part.write((task.position,))
    return Finished(task.position, TaskResult(part.finish(), 1, 10, 0, (), {}))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    """A run of six inputs."""
    folder = RunFolder(tmp_path / "x.csv.cctrawl")
    folder.begin(IDENTITY, [f"input {number}" for number in range(6)])
    yield folder
    folder.close()


def run(folder: RunFolder, answer: Callable[[list[Task]], list[Event]]) -> None:
    """Run over a script."""
    run_on(folder, Script(answer))


def run_on(folder: RunFolder, engine: Engine) -> None:
    """Run on an engine."""
    output = place_of(str(folder.path.parent / "x.csv"), Settings.resolve()).open(folder, "csv")
    output.recover()
    with closing(output):
        Runner(folder, output, engine, open_progress(quiet=True), Limits(retry_pause_s=0.01)).run()


def test_inputs_that_get_done_in_one_turn_are_entered_in_order(folder: RunFolder) -> None:
    """However inputs get done, their rows stand in list order, and the ledger has them all."""
    run(folder, lambda tasks: [done(task) for task in reversed(tasks)])
    assert (folder.path.parent / "x.csv.part").read_text() == "n\n" + "".join(f"{n}\n" for n in range(6))
    assert folder.ledger.totals().placed == 6


def test_what_is_done_is_kept_when_the_run_stops_in_the_same_turn(folder: RunFolder) -> None:
    """A worker that stops the run takes nothing along of what others had just finished."""

    def answer(tasks: list[Task]) -> list[Event]:
        first, second = tasks
        return [done(first), Failed(second.position, TaskFailure(STOP, "the disk is full"))]

    with pytest.raises(AbortedError, match="the disk is full"):
        run(folder, answer)
    totals = folder.ledger.totals()
    assert (totals.done, totals.waiting, totals.failed) == (1, 5, 0)


class Late(Script):
    """An engine on which nobody is there at first, and again when the first task is done."""

    turns = 0

    def free(self) -> int:
        """Return that nothing can be submitted, every second time."""
        return super().free() if self.turns % 3 == 2 else 0

    def events(self, timeout_s: float) -> list[Event]:
        """Answer, unless nobody is there."""
        assert timeout_s > 0, "who waits for hosts must not spin"
        self.turns += 1
        return super().events(timeout_s)


def test_a_run_waits_for_hosts(folder: RunFolder) -> None:
    """While inputs wait and nobody is there to do them, before the first one or later, the run goes on waiting."""
    run_on(folder, Late(lambda tasks: [done(task) for task in tasks]))
    assert folder.ledger.totals().placed == 6


def test_a_retry_waits_for_the_columns_without_spinning(folder: RunFolder) -> None:
    """While an input is to tell the columns first, one that is to be tried again makes nobody busy."""
    folder.restart()
    folder.begin(replace(IDENTITY, columns=None), [f"input {number}" for number in range(3)])
    pauses: list[float] = []

    class Slow(Script):
        def events(self, timeout_s: float) -> list[Event]:
            pauses.append(timeout_s)
            if 2 <= len(pauses) < 5:
                time.sleep(0.05)  # the first input may be tried again by now
                return []
            return super().events(timeout_s)

    def answer(tasks: list[Task]) -> list[Event]:
        if len(pauses) == 1:
            return [Failed(task.position, TaskFailure(RETRY, "once more")) for task in tasks]
        return [done(task) for task in tasks]

    run_on(folder, Slow(answer))
    assert min(pauses[2:5]) > 0
    assert folder.ledger.totals().done == 3
