"""A run and its folder beside the output: which run it is, the kernel's lock on it, and the ledger of its inputs.

The folder is ``NAME.cctrawl/`` beside a file and ``.cctrawl/`` within a folder. It holds the ledger, the parts that
wait for their place, and, when the run is over, the lists of what failed and what was damaged.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cctrawl.errors import FormatError, InvalidInputError
from cctrawl.store import STAGED, LedgerFile, is_locked, take_lock

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# The list of a run whose files were named, one a line: what `--files -` needs to go on with a list from a pipe.
INPUT_LIST = "inputs.txt"
_LOCK = "lock"
_LEDGER = "ledger.sqlite"
_WORDS = {
    "job": "the job",
    "sha256": "the job's code",
    "columns": "its columns",
    "inputs": "the input list",
    "format": "the format",
    "on_damage": "--on-damage",
    "where": "--where-…",
}


@dataclass(frozen=True)
class Identity:
    """What makes a run this run and no other.

    Attributes:
        job: the job's name.
        sha256: hash of the job's file.
        columns: the declared columns.
        inputs: how the inputs were chosen: crawls, kind, limit and sample, or a hash of the files given.
        format: the output's format.
        on_damage: ``skip`` or ``raise``.
        where: the conditions on records, empty for none.
    """

    job: str
    sha256: str
    columns: tuple[str, ...] | None
    inputs: str
    format: str
    on_damage: str
    where: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the identity as JSON has it."""
        plain: dict[str, object] = json.loads(json.dumps(asdict(self)))
        return plain


class RunFolder:
    """The folder of a run, locked for as long as this object lives; the lock dies with the process.

    Args:
        path: the folder; made if it is missing.
        restart: whether the run begins anew, so that a ledger that cannot be read is given up.

    Attributes:
        is_damaged: whether a ledger was there that could not be read: the output is ours, but nobody knows more.

    Raises:
        InvalidInputError: another process works on this output, or the folder cannot be made.
        FormatError: the ledger cannot be read.
    """

    def __init__(self, path: Path, *, restart: bool = False) -> None:
        self.path = path
        self.staged = path / "staged"
        try:
            self.staged.mkdir(parents=True, exist_ok=True)
            self._lock = take_lock(path / _LOCK, "works on this output", "wait for it, or give another -o")
        except OSError as error:
            raise InvalidInputError(
                f"cannot write beside the output: {error}", hint="choose a writable place with -o"
            ) from error
        self.is_damaged = False
        try:
            self.ledger = self._opened_or_anew() if restart else self._opened()
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Let go of the ledger and the lock; a folder that never came to hold a run goes again."""
        try:
            begun = self.begun
        except FormatError:
            begun = True  # nobody knows: it stays
        self.ledger.close()
        if not begun:
            shutil.rmtree(self.path)
        self._lock.close()

    def restart(self) -> None:
        """Forget everything that was done."""
        self.ledger.close()
        self._drop_ledger()
        shutil.rmtree(self.staged)
        self.staged.mkdir()
        self.ledger = self._opened()

    @property
    def begun(self) -> bool:
        """Whether the ledger holds a run."""
        return self.ledger.fact("identity") is not None

    def begin(self, identity: Identity, inputs: Sequence[str]) -> None:
        """Enter a new run with its inputs, all or nothing."""
        with self.ledger.transaction():
            self.ledger.add_inputs(inputs)
            if identity.columns:
                self.ledger.set_fact("columns", identity.columns)
            self.ledger.set_fact("identity", identity.as_json())

    def keep_list(self, inputs: Sequence[str]) -> None:
        """Write the input list, for users and for ``--files -``.

        Raises:
            OSError: the disk refuses.
        """
        (self.path / INPUT_LIST).write_text("".join(f"{location}\n" for location in inputs), encoding="utf-8")

    def check(self, identity: Identity) -> None:
        """See that the run of this ledger is the one that was asked for.

        Raises:
            InvalidInputError: it is another run; the message says what differs.
        """
        check(self.ledger, identity)

    def drop_orphans(self) -> None:
        """Remove parts that no input claims: those of tries that did not end."""
        kept = {row.part for row in self.ledger.inputs(STAGED)}
        for file in self.staged.iterdir():
            if file.name not in kept:
                file.unlink()

    def write_lists(self, **lists: Sequence[DataclassInstance]) -> dict[str, Path]:
        """Write lists for users as JSON lines, ``NAME.jsonl``; an empty list has no file.

        Returns:
            The files by name. None on a full disk: the ledger holds the same, and the run has an error of its own.
        """
        written = {}
        with suppress(OSError):
            for name, items in lists.items():
                path = self.path / f"{name}.jsonl"
                path.unlink(missing_ok=True)
                if items:
                    lines = (json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in items)
                    path.write_text("".join(lines), encoding="utf-8")
                    written[name] = path
        return written

    def _opened(self) -> LedgerFile:
        return LedgerFile(self.path / _LEDGER)

    def _opened_or_anew(self) -> LedgerFile:
        try:
            with closing(self._opened()) as ledger:
                ledger.check()
        except FormatError:
            self.is_damaged = True
            self._drop_ledger()
        return self._opened()

    def _drop_ledger(self) -> None:
        for file in self.path.glob(f"{_LEDGER}*"):
            file.unlink()


def check(ledger: LedgerFile, identity: Identity) -> None:
    """See that the run of a ledger is the one that was asked for.

    Raises:
        InvalidInputError: it is another run; the message says what differs.
    """
    held, asked = ledger.fact("identity"), identity.as_json()
    different = [words for name, words in _WORDS.items() if held.get(name) != asked[name]]
    if different:
        raise InvalidInputError(
            f"another run began on this output: {', '.join(different)} differ{'s' * (len(different) == 1)}",
            hint="give another -o, or begin anew with --restart (its rows are dropped)",
        )


def ledger_in(folder: Path) -> LedgerFile | None:
    """Return the ledger of a run that began, to be read without its lock and closed; ``None`` if there is none.

    Raises:
        FormatError: it cannot be read.
    """
    if not (folder / _LEDGER).is_file():
        return None
    ledger = LedgerFile(folder / _LEDGER)
    if ledger.fact("identity") is None:
        ledger.close()
        return None
    return ledger


def is_worked_on(folder: Path) -> bool:
    """Tell whether a command works on the run of this folder."""
    return is_locked(folder / _LOCK)


def folder_of(output: Path, *, is_folder: bool) -> Path:
    """Return where a run on this output keeps its ledger."""
    return output / ".cctrawl" if is_folder else output.with_name(output.name + ".cctrawl")
