"""Damage: what it is, and what becomes of it (raised, counted, or handed to a function)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cctrawl.errors import FormatError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    OnDamage = Literal["raise", "skip"] | Callable[["Damage"], object]


@dataclass(frozen=True)
class Damage:
    """A stretch of the source that gave no sound record.

    Attributes:
        reason: what is wrong.
        offset: byte offset in the source: where the damaged gzip member begins; in plain files, the record.
        skipped_bytes: bytes of the source from ``offset`` to where the next sound record's member (or, in plain
            files, record) begins, or to the end. When damage and next record lie in one sound gzip member, the
            *inflated* bytes between them. 0 when nothing was lost: the record came out, but its end is not as it
            should be.
        filename: the source's name, or "".
    """

    reason: str
    offset: int
    skipped_bytes: int
    filename: str = ""

    def __str__(self) -> str:
        where = f"{self.filename}: " if self.filename else ""
        return f"{where}{self.reason} at byte {self.offset}, {self.skipped_bytes} bytes skipped"


@dataclass(frozen=True)
class _Opened:
    reason: str
    offset: int
    position: int


class Losses:
    """Keeps the damage that is being passed over until it is known where the next sound record begins.

    Args:
        on_damage: ``"raise"``, ``"skip"`` (count only) or a function of a ``Damage``.
        filename: goes into each ``Damage``.

    Raises:
        InvalidInputError: ``on_damage`` is none of these.
    """

    def __init__(self, on_damage: OnDamage, filename: str) -> None:
        if on_damage not in ("raise", "skip") and not callable(on_damage):
            raise InvalidInputError(
                f"on_damage must be 'raise', 'skip' or a function, not {on_damage!r}",
                hint="on_damage='skip' counts damaged records and goes on",
            )
        self._on_damage = on_damage
        self._filename = filename
        self._opened: _Opened | None = None
        self.count = 0
        self.first_reason = ""

    @property
    def is_open(self) -> bool:
        """Whether the reader is inside a damaged stretch."""
        return self._opened is not None

    def open(self, reason: str, offset: int, position: int) -> None:
        """Begin a damaged stretch at ``offset`` of the source; inside one, nothing changes.

        ``position`` is the same place in the inflated stream.
        """
        if self._opened is None:
            self._opened = _Opened(reason, offset, position)

    def close(self, offset: int, position: int | None = None) -> None:
        """End the damaged stretch, if there is one, at ``offset`` and report it."""
        opened, self._opened = self._opened, None
        if opened is None:
            return
        skipped_bytes = offset - opened.offset
        if not skipped_bytes and position is not None:
            skipped_bytes = position - opened.position
        self.report(opened.reason, opened.offset, skipped_bytes)

    def report(self, reason: str, offset: int, skipped_bytes: int = 0) -> None:
        """Count one damage, and raise it or hand it on.

        Raises:
            FormatError: ``on_damage`` is ``"raise"``.
        """
        self.count += 1
        self.first_reason = self.first_reason or reason
        damage = Damage(reason, offset, skipped_bytes, self._filename)
        if self._on_damage == "raise":
            raise FormatError(str(damage), offset=offset, hint='on_damage="skip" counts it and reads on')
        if callable(self._on_damage):
            self._on_damage(damage)
