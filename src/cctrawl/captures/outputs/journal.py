"""How far a fetch is, beside its output: so that the same command goes on, whatever the last one died of.

The output is synced first, then the journal says so, in one stroke. What stands in the output beyond what the
journal says is cut off when the next command begins. Which captures are done is their number, and a digest of their
places to know them by: nothing grows with the number of captures.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from cctrawl.captures.lists import PLACE_COLUMNS
from cctrawl.errors import FormatError, InvalidInputError
from cctrawl.store import take_lock

_VERSION = 1


@dataclass
class State:
    """What is done for good.

    Attributes:
        asked: what the output is to hold, and how; another command on the same output has another.
        captures: captures that are done, in the order of the list, with a record or without.
        digest: of their places.
        records: records that are in the output.
        failed: captures that are in the list of failures.
        failed_bytes: length of that list.
        output: what the output needs to go on.
        is_done: whether all captures are done and the output has its name.
        version: of this form.
    """

    asked: dict[str, Any]
    captures: int = 0
    digest: str = ""
    records: int = 0
    failed: int = 0
    failed_bytes: int = 0
    output: dict[str, Any] = field(default_factory=dict)
    is_done: bool = False
    version: int = _VERSION

    def passed(self, capture: Mapping[str, Any]) -> None:
        """Note a capture that is done."""
        place = [str(capture.get(name)) for name in PLACE_COLUMNS]
        chained = "\n".join([self.digest, *place]).encode("utf-8", "backslashreplace")
        self.digest = hashlib.sha256(chained).hexdigest()
        self.captures += 1


class Journal:
    """The journal of one output, in a folder beside it, and its lock, to be closed.

    Args:
        folder: where it is; made if it is missing.

    Raises:
        InvalidInputError: another process works on this output.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "fetch.json"
        folder.mkdir(parents=True, exist_ok=True)
        self._lock: IO[bytes] = take_lock(folder / "lock", "fetches into this output", "wait for it, or end it")

    def load(self) -> State | None:
        """Return what is done; ``None`` if nothing is.

        Raises:
            FormatError: the journal is damaged, or of another version.
        """
        try:
            values = json.loads(self._file.read_bytes())
            if not _is_state(values):
                raise FormatError(
                    f"{self._file} is of another version of cctrawl", hint="begin anew with --restart"
                )
            return State(**values)
        except FileNotFoundError:
            return None
        except ValueError as error:
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"{self._file} is damaged: {error}", hint="begin anew with --restart") from error

    def save(self, state: State) -> None:
        """Make it so, for good, or not at all."""
        part = self._file.with_suffix(".part")
        with part.open("wb") as file:
            file.write(json.dumps(asdict(state)).encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._file)

    def drop(self) -> None:
        """Forget what was done; nothing is kept of it here."""
        for path in self.folder.iterdir():
            if path.name != "lock":
                path.unlink() if path.is_file() else shutil.rmtree(path)

    def close(self) -> None:
        """Let others work on the output; where nothing was done, nothing is left."""
        if not self._file.exists():
            (self.folder / "lock").unlink(missing_ok=True)
            with suppress(OSError):  # not empty, after all
                self.folder.rmdir()
        self._lock.close()


def _is_state(values: object) -> bool:
    kinds = {name: type(value) for name, value in asdict(State({})).items()}
    return (
        isinstance(values, dict)
        and {name: type(value) for name, value in values.items()} == kinds
        and values["version"] == _VERSION
    )


def see_same(state: State, asked: Mapping[str, Any]) -> None:
    """See that a command goes on with what it began.

    Raises:
        InvalidInputError: it asks for something else.
    """
    names = [name for name in asked if state.asked.get(name) != asked[name]]
    if names:
        was = ", ".join(f"{name} {state.asked.get(name)}" for name in names)
        raise InvalidInputError(
            f"this output was begun with {was}", hint="give another -o, or begin anew with --restart"
        )


def skip_done(captures: Iterator[Mapping[str, Any]], state: State) -> None:
    """Take the captures that are done off a list.

    Raises:
        InvalidInputError: they are others than those that are done, or fewer.
    """
    seen = State({})
    while seen.captures < state.captures:
        capture = next(captures, None)
        if capture is None:
            break
        seen.passed(capture)
    if (seen.captures, seen.digest) != (state.captures, state.digest):
        raise InvalidInputError(
            f"these captures do not begin with the {state.captures:,} that are in this output",
            hint="give another -o, or begin anew with --restart",
        )
