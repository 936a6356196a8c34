"""Where the rates are that all who ask share: in the data folder, or wherever this process was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from cctrawl.store.rates import HostRate

T = TypeVar("T")


class Rates(Protocol):
    """The rate book, or the way to it; safe for threads."""

    def read(self, host: str, age_s: float = 0.0) -> HostRate:
        """Return the row of a host as it was at most ``age_s`` ago."""

    def change(self, host: str, change: Callable[[HostRate, float], T]) -> tuple[T, HostRate]:
        """Let an entry alter the row of a host at the present time; return what it returns, and the row then."""


class _OfThisProcess:
    rates: ClassVar[Rates | None] = None


def share_rates(rates: Rates) -> None:
    """Let all transports that are made in this process from now on, also by a job, ask there and keep no book."""
    _OfThisProcess.rates = rates


def shared_rates() -> Rates | None:
    """Return where this process was told to ask; ``None`` for the book in the data folder."""
    return _OfThisProcess.rates
