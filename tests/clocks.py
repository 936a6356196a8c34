"""Clocks that a test makes up, for one module of ours to see."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace


def clocks(**made_up: Callable[[], float]) -> SimpleNamespace:
    """Return what takes the place of ``time`` in a module.

    Never change ``time`` itself: event loops, in other threads of this very process, would wait for years.
    """
    return SimpleNamespace(**(vars(time) | made_up))
