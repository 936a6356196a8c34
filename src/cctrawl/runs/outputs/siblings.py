"""A further file of a run beside its output, such as its totals."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path

from cctrawl.transport import sync_folder


class Sibling(ABC):
    """A file beside an output.

    Attributes:
        shown: where it is, as a user reads it.
    """

    def __init__(self, shown: str) -> None:
        self.shown = shown

    @abstractmethod
    def exists(self) -> bool:
        """Tell whether something is there."""

    @abstractmethod
    def take(self, file: Path) -> None:
        """Have a durable local file there instead of what was there, all or nothing; the local one goes."""

    @abstractmethod
    def drop(self) -> None:
        """Remove what is there, if anything is."""


class LocalSibling(Sibling):
    """A file beside a local output."""

    def __init__(self, path: Path, shown: Path) -> None:
        super().__init__(str(shown))
        self._path = path

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self._path.exists()

    def take(self, file: Path) -> None:
        """Give the file its name; it lies on the same file system."""
        file.replace(self._path)
        sync_folder(self._path.parent)

    def drop(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


def totals_of(output: Path, format: str, *, is_folder: bool) -> Path:  # noqa: A002 - the option's name everywhere
    """Return where the totals of an output go: beside it, and so beside a folder, not among its parts.

    ``servers.csv`` has ``servers.totals.csv``; so has the folder ``servers/`` of CSV files.
    """
    stem, ending = (output.name, "") if is_folder else os.path.splitext(output.name)  # noqa: PTH122 - of the name alone
    return output.parent / f"{stem}.totals{ending or '.' + format}"
