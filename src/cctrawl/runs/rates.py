"""The rate budget over hosts (being written)."""

from __future__ import annotations

from collections.abc import Callable

from cctrawl.settings import Settings


class RateDesk:
    """Answers questions about rates."""

    def __init__(self, settings: Settings, on_trouble: Callable[[bytes], None]) -> None:
        del settings, on_trouble

    def answer(self, data: bytes) -> bytes:
        """Return the answer."""
        return data

    def close(self) -> None:
        """Let go."""
