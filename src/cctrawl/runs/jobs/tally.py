"""Numbers a job counts beside its rows: they appear in the run's summary and report, summed over all inputs."""

from __future__ import annotations

import operator
from collections import Counter

from cctrawl.errors import JobError

_counts: Counter[str] = Counter()


def tally(name: str, number: int = 1) -> None:
    """Count something in a job: ``cctrawl.tally("pages without a title")``.

    The counts of an input are kept together with its rows, so a retried input counts once.

    Args:
        name: what is counted, in words.
        number: how many.

    Raises:
        JobError: the name is no text, or the number not whole.
    """
    if not isinstance(name, str):
        raise JobError(f"tally: the name must be text, not {name!r:.80}")
    try:
        _counts[name] += operator.index(number)
    except TypeError:
        raise JobError(f"tally: the number must be whole, not {number!r:.80}") from None


def take_tallies() -> dict[str, int]:
    """Return what was counted since the last call, and begin anew."""
    taken = dict(_counts)
    _counts.clear()
    return taken
