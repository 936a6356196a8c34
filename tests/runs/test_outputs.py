"""Outputs: every row once, wherever a command dies between two steps on disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cctrawl.errors import InvalidInputError
from cctrawl.output import open_part
from cctrawl.runs.columns import RunColumns
from cctrawl.runs.ledger import Identity, RunFolder, folder_of
from cctrawl.runs.outputs import DonePart, Output, place_of
from cctrawl.settings import Settings
from cctrawl.store import FAILED, STAGED, WAITING, LedgerFile

IDENTITY = Identity("job", "sha", ("a", "b"), "inputs", "csv", "skip")
ROWS = {position: [(f"row {position}.{n}", n) for n in range(position % 3)] for position in range(7)}
ORDER = (2, 0, 1, 6, 3, 5, 4)  # inputs get done in this order
LATE = 1  # ... but this one fails, and is done only when it is retried


class Death(BaseException):
    """The process is killed here."""


class Deaths:
    """Lets every step that touches the disk count, and dies before or after one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = 0
        self.at: int | None = None
        for target, name in ((os, "fsync"), (Path, "replace"), (os, "truncate"), (Path, "unlink")):
            monkeypatch.setattr(target, name, self._mortal(getattr(target, name)))
        commit = LedgerFile.transaction

        @contextlib.contextmanager
        def transaction(ledger: LedgerFile) -> Iterator[None]:
            self._step()
            with commit(ledger):
                yield
            self._step()

        monkeypatch.setattr(LedgerFile, "transaction", transaction)

    def _mortal(self, call: Callable[..., object]) -> Callable[..., object]:
        def mortal(*arguments: object, **options: object) -> object:
            self._step()
            result = call(*arguments, **options)
            self._step()
            return result

        return mortal

    def _step(self) -> None:
        self.steps += 1
        if self.at is not None and self.steps == self.at:
            self.at = None
            raise Death


class Command:
    """What a command does to its output, with parts from nowhere."""

    def __init__(self, root: Path, name: str, format: str) -> None:  # noqa: A002 - the option's name
        self.path = root / name
        self.is_folder = name.endswith("/")
        self.format = format
        self.output_name = str(self.path) + ("/" if self.is_folder else "")

    def run(self, *, retry: bool = False) -> None:
        """Open, recover, do what waits, finish; the input LATE fails unless it is retried."""
        folder = RunFolder(folder_of(self.path, is_folder=self.is_folder))
        output = None
        try:
            output = self._opened(folder, retry=retry)
            waiting = {row.position for row in folder.ledger.inputs(WAITING)}
            for position in (position for position in ORDER if position in waiting):
                if position == LATE and not retry:
                    with folder.ledger.transaction():
                        folder.ledger.update(position, state=FAILED, error="no")
                else:
                    self._accept(folder, output, position)
                output.advance()
            output.finish()
        finally:
            if output is not None:
                output.close()
            folder.close()

    def _opened(self, folder: RunFolder, *, retry: bool) -> Output:
        if not folder.begun:
            folder.begin(IDENTITY, [f"input {position}" for position in range(7)])
        with folder.ledger.transaction():
            folder.ledger.set_fact("columns", ["a", "b"])
            if retry:
                folder.ledger.release_failed()
        folder.drop_orphans()
        output = place_of(self.output_name, Settings.resolve()).open(folder, self.format)
        output.recover()
        return output

    def _accept(self, folder: RunFolder, output: Output, position: int) -> None:
        path = folder.staged / f"{position}.{os.urandom(2).hex()}"
        part = open_part(path, self.format, ("a", "b"), header=self.is_folder and self.format == "csv")
        for row in ROWS[position]:
            part.write(row)
        summary = part.finish()
        RunColumns(folder.ledger).settle(summary)
        output.accept([DonePart(position, path.name, {"rows": summary.rows, "length": summary.size_bytes})])

    def content(self) -> object:
        """Return all that users can see."""
        if self.is_folder:
            return {path.name: path.read_bytes() for path in self.path.iterdir() if path.is_file()}
        assert sorted(path.name for path in self.path.parent.iterdir()) == [
            self.path.name,
            self.path.name + ".cctrawl",
        ]
        return self.path.read_bytes()


KINDS = [("x.csv", "csv"), ("x.jsonl", "jsonl"), ("x.parquet", "parquet"), ("x/", "csv"), ("x/", "parquet")]


@pytest.mark.parametrize(("name", "format"), KINDS)
def test_a_death_at_any_step_loses_and_doubles_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    format: str,  # noqa: A002 - the option's name
) -> None:
    """Whatever step on disk a command dies before or after, the next ones end in the same bytes."""
    deaths = Deaths(monkeypatch)
    undisturbed = []
    whole = Command(tmp_path / "whole", name, format)
    for retry in (False, True):
        whole.run(retry=retry)
        undisturbed.append(whole.content())
    assert undisturbed[0] != undisturbed[1], "the retried input has rows of its own"
    steps = deaths.steps
    assert steps > 20
    for at in range(1, steps + 1):
        command = Command(tmp_path / f"at {at}", name, format)
        deaths.steps, deaths.at = 0, at
        for retry, expected in ((False, undisturbed[0]), (True, undisturbed[1])):
            for _ in range(3):
                with contextlib.suppress(Death):
                    command.run(retry=retry)
            assert command.content() == expected, f"died at step {at} of {steps}"


def test_rows_stand_in_list_order(tmp_path: Path) -> None:
    """Inputs that are done early wait for their place; late ones get it."""
    command = Command(tmp_path, "x.csv", "csv")
    command.run()
    command.run(retry=True)
    rows = "".join(f"{a},{b}\n" for position in range(7) for a, b in ROWS[position])
    assert (tmp_path / "x.csv").read_text() == "a,b\n" + rows


def test_a_parquet_file_holds_all_rows_in_order(tmp_path: Path) -> None:
    """One Parquet file has the rows of all parts, in list order, and no part is left."""
    command = Command(tmp_path, "x.parquet", "parquet")
    command.run()
    command.run(retry=True)
    rows = [row for position in range(7) for row in ROWS[position]]
    assert [tuple(row.values()) for row in pq.read_table(tmp_path / "x.parquet").to_pylist()] == rows
    assert list((tmp_path / "x.parquet.cctrawl" / "staged").iterdir()) == []


@pytest.mark.parametrize(("name", "format"), KINDS)
def test_a_finished_output_that_vanished_is_named(tmp_path: Path, name: str, format: str) -> None:  # noqa: A002 - the option's name
    """Rows taken away under the ledger are an error with a hint, not an empty success."""
    command = Command(tmp_path, name, format)
    command.run(retry=True)
    (command.path / f"part-000000.{format}" if command.is_folder else command.path).unlink()
    with pytest.raises(InvalidInputError, match="is gone") as caught:
        command.run()
    assert "--restart" in (caught.value.hint or "")


def test_a_staged_part_that_vanished_is_named(tmp_path: Path) -> None:
    """A part that waits for its place and is taken away is an error too."""
    command = Command(tmp_path, "x.parquet", "parquet")
    command.run()
    next((tmp_path / "x.parquet.cctrawl" / "staged").iterdir()).unlink()
    with pytest.raises(InvalidInputError, match="is gone"):
        command.run(retry=True)


def test_orphans_are_removed(tmp_path: Path) -> None:
    """Parts of tries that did not end are removed, parts that inputs claim are kept."""
    folder = RunFolder(tmp_path / "x.cctrawl")
    folder.begin(IDENTITY, ["input"])
    (folder.staged / "claimed").touch()
    (folder.staged / "orphan").touch()
    with folder.ledger.transaction():
        folder.ledger.update(0, state=STAGED, part="claimed")
    folder.drop_orphans()
    assert [path.name for path in folder.staged.iterdir()] == ["claimed"]
    folder.close()
