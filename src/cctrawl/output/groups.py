"""Numbers added up by key, in bounded memory: what does not fit waits on disk, sorted, and is merged at the end."""

from __future__ import annotations

import heapq
import operator
import pickle
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

Key = tuple[Any, ...]
Sums = list[Any]

MEMORY_BYTES = 64 << 20
_GROUP_BYTES = 400  # what a group takes beside its texts, as measured: entry, tuple, list, numbers
_CHUNK_GROUPS = 256
_MOST_RUNS = 64  # open at once; more are merged into one first


class GroupedSums:
    """Adds up numbers by key.

    The sums do not depend on where the memory was full, but for the rounding of fractions; and that depends on
    nothing but the rows and their order, so that the same rows give the same bytes.

    Args:
        scratch: an empty folder for what does not fit into memory.
        memory_bytes: about how much memory the groups may take.
    """

    def __init__(self, scratch: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self._scratch = scratch
        self._memory_bytes = memory_bytes
        self._groups: dict[Key, Sums] = {}
        self._bytes = 0
        self._runs: list[Path] = []
        self._begun = 0

    def add(self, key: Key, numbers: Sequence[Any]) -> None:
        """Add numbers to the sums of a key; ``None`` adds nothing.

        Args:
            key: hashable values; ``None``, texts, numbers and bytes are sorted by value, others by what they print.
            numbers: as many for every key.
        """
        sums = self._groups.get(key)
        if sums is None:
            self._groups[key] = list(numbers)
            self._bytes += _GROUP_BYTES + sum(len(value) for value in key if isinstance(value, (str, bytes)))
            if self._bytes >= self._memory_bytes:
                self._spill()
        else:
            _add(sums, numbers)

    def rows(self) -> Iterator[tuple[Key, Sums]]:
        """Yield each key with its sums, sorted by key; lazy. Nothing may be added afterwards."""
        return _merged([*map(_read, self._runs), iter(self._sorted())])

    def _sorted(self) -> list[tuple[Key, Sums]]:
        return sorted(self._groups.items(), key=_order)

    def _spill(self) -> None:
        self._runs.append(self._write(iter(self._sorted())))
        self._groups.clear()
        self._bytes = 0
        if len(self._runs) == _MOST_RUNS:
            merged = self._write(_merged([_read(run) for run in self._runs]))
            for run in self._runs:
                run.unlink()
            self._runs = [merged]

    def _write(self, groups: Iterator[tuple[Key, Sums]]) -> Path:
        path = self._scratch / f"{self._begun:06}"
        self._begun += 1
        with path.open("wb") as file:
            chunk: list[tuple[Key, Sums]] = []
            for group in groups:
                chunk.append(group)
                if len(chunk) == _CHUNK_GROUPS:
                    pickle.dump(chunk, file)
                    chunk = []
            pickle.dump(chunk, file)
        return path


def _add(sums: Sums, numbers: Sequence[Any]) -> None:
    for at, number in enumerate(numbers):
        if number is not None:
            sums[at] = number if sums[at] is None else sums[at] + number


def _read(run: Path) -> Iterator[tuple[Key, Sums]]:
    with run.open("rb") as file:
        while True:
            try:
                chunk = pickle.load(file)  # noqa: S301 - we have just written it
            except EOFError:
                return
            yield from chunk


def _merged(runs: list[Iterator[tuple[Key, Sums]]]) -> Iterator[tuple[Key, Sums]]:
    """Yield the groups of sorted runs, those of one key as one; a key's earlier sums come first."""
    in_order = heapq.merge(*runs, key=_order)
    for key, groups in groupby(in_order, key=operator.itemgetter(0)):
        sums: Sums = []
        for _, more in groups:
            if sums:
                _add(sums, more)
            else:
                sums = more
        yield key, sums


def _order(group: tuple[Key, Sums]) -> tuple[Any, ...]:
    return tuple(map(_rank, group[0]))


def _rank(value: object) -> tuple[Any, ...]:
    """Return what sorts values of any types: nothing, then numbers, texts, bytes, and others."""
    if isinstance(value, str):
        return 2, value
    if value is None:
        return (0,)
    if isinstance(value, (int, float)):
        return 1, value
    if isinstance(value, bytes):
        return 3, value
    return 4, type(value).__name__, str(value)
