"""Where an output is: what lies there before a run, where the run keeps its state, and what goes on a restart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from cctrawl.errors import InvalidInputError
from cctrawl.runs.ledger import RunFolder, folder_of
from cctrawl.runs.outputs.assembled import ParquetFile
from cctrawl.runs.outputs.inorder import Stdout, TextFile
from cctrawl.runs.outputs.output import Output
from cctrawl.runs.outputs.parts import ANY_PART, Folder, part_name
from cctrawl.runs.outputs.siblings import LocalSibling, Sibling, totals_of
from cctrawl.transport import CountersSnapshot


class Place(ABC):
    """Where an output is.

    Attributes:
        location: an absolute path, a URL, or ``-``.
        state: the run's folder; ``None`` if nothing is kept.
        shown_state: the same as a user reads it.
        is_folder: whether it holds one part per input.
        note: called with what slows writing down, from any thread.
    """

    is_folder = False

    def __init__(self, location: str, state: Path | None, shown_state: Path | None = None) -> None:
        self.location = location
        self.state = state
        self.shown_state = shown_state or state
        self.note: Callable[[str], None] = _ignore

    @property
    def counters(self) -> CountersSnapshot:
        """What was asked of servers to write there."""
        return CountersSnapshot()

    @abstractmethod
    def open(self, folder: RunFolder, format: str) -> Output:  # noqa: A002 - the option's name everywhere
        """Return the output there."""

    def take_uploads(self) -> str:
        """Return where workers on other machines may upload parts, to be placed from there; empty for nowhere."""
        return ""

    def prepare(self) -> None:  # noqa: B027 - most places need nothing
        """Make what must be there before rows come."""

    def see_no_stranger(self, *, restart: bool) -> None:  # noqa: B027 - nothing can lie on stdout
        """Refuse to overwrite what no run of ours has made.

        Raises:
            InvalidInputError: there is something, and no ledger says what it holds.
        """

    def drop(self, folder: RunFolder) -> None:  # noqa: B027 - nothing lies on stdout
        """Remove what the run of a folder has made."""

    def totals(self, format: str) -> Sibling | None:  # noqa: A002, ARG002 - stdout has none
        """Return where totals in this format go; ``None`` if they have no place."""
        return None

    def close(self) -> None:  # noqa: B027 - most places hold nothing
        """Let go of connections."""


class StdoutPlace(Place):
    """Stdout: nothing is kept, nothing can go on."""

    def __init__(self) -> None:
        super().__init__("-", None)

    def open(self, folder: RunFolder, format: str) -> Output:  # noqa: A002 - the option's name everywhere
        """Return stdout."""
        return Stdout(folder, format)


class _LocalPlace(Place):
    """A place on this machine; its state, and totals, lie beside it.

    Args:
        given: its path as the user gave it.
    """

    def __init__(self, given: str) -> None:
        self._given = Path(given)
        self._path = self._given.absolute()  # a job may change the working folder
        state, shown = (folder_of(path, is_folder=self.is_folder) for path in (self._path, self._given))
        super().__init__(str(self._path), state, shown)

    def totals(self, format: str) -> Sibling:  # noqa: A002 - the option's name everywhere
        """Return ``NAME.totals.EXT`` beside the output."""
        given = self._given if self._given.name else self._path  # "." has no name
        return LocalSibling(*(totals_of(path, format, is_folder=self.is_folder) for path in (self._path, given)))


class FilePlace(_LocalPlace):
    """One file; its state is in ``NAME.cctrawl/`` beside it."""

    def open(self, folder: RunFolder, format: str) -> Output:  # noqa: A002 - the option's name everywhere
        """Return the file."""
        return ParquetFile(folder, self._path) if format == "parquet" else TextFile(folder, self._path, format)

    def see_no_stranger(self, *, restart: bool) -> None:
        """Refuse to overwrite a file, unless it is said to."""
        strangers = [str(path) for path in self._both() if path.exists()]
        if not restart:
            refuse(strangers, "overwrite it with --restart")

    def drop(self, folder: RunFolder) -> None:  # noqa: ARG002 - whatever it holds, the file is one
        """Remove the file, and what grows to be it."""
        for path in self._both():
            path.unlink(missing_ok=True)

    def _both(self) -> tuple[Path, Path]:
        return self._path, self._path.with_name(self._path.name + ".part")


class FolderPlace(_LocalPlace):
    """A folder with one part per input; its state is in ``.cctrawl/`` there."""

    is_folder = True

    def open(self, folder: RunFolder, format: str) -> Output:  # noqa: A002 - the option's name everywhere
        """Return the folder."""
        return Folder(folder, self._path, format)

    def prepare(self) -> None:
        """Make the folder."""
        self._path.mkdir(parents=True, exist_ok=True)

    def see_no_stranger(self, *, restart: bool) -> None:  # noqa: ARG002 - nobody knows what else is there
        """Refuse a folder with parts that no run of ours has made."""
        refuse(sorted(str(path) for path in self._path.glob("part-*")), "empty the folder")

    def drop(self, folder: RunFolder) -> None:
        """Remove the parts of the run; all parts, if its ledger cannot be read."""
        names = [path.name for path in self._path.glob(ANY_PART)] if folder.is_damaged else names_of(folder)
        for name in names:
            (self._path / name).unlink(missing_ok=True)


def refuse(strangers: Sequence[str], way_out: str) -> None:
    """Refuse to write where something is.

    Raises:
        InvalidInputError: something is.
    """
    if strangers:
        raise InvalidInputError(
            f"{strangers[0]} exists and no ledger says what it holds",
            hint=f"give another -o, or {way_out}",
        )


def names_of(folder: RunFolder) -> list[str]:
    """Return the names that the parts of a run have, or would have."""
    identity = folder.ledger.fact("identity") or {}
    return [part_name(row.position, identity["format"]) for row in folder.ledger.inputs()]


def _ignore(message: str) -> None:
    """Hear of something and do nothing."""
