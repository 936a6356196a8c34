"""Numbers added up by key, in bounded memory."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from cctrawl.output import GroupedSums


@pytest.mark.parametrize("memory_bytes", [1, 5_000, 1 << 30])
def test_sums_are_those_of_a_dict(tmp_path: Path, memory_bytes: int) -> None:
    """Sums by key are exact and sorted, whether nothing, much or everything had to wait on disk."""
    rng = random.Random(1)
    rows = [((f"host{rng.randrange(300)}", rng.choice(("isl", "eng", ""))), rng.randrange(10)) for _ in range(3000)]
    groups = GroupedSums(tmp_path, memory_bytes)
    expected: Counter[tuple[str, str]] = Counter()
    for key, number in rows:
        groups.add(key, [number, 1])
        expected[key] += number
    assert bool(list(tmp_path.iterdir())) == (memory_bytes < 1 << 30), "what is too much waits on disk"
    times = Counter(key for key, _ in rows)
    assert list(groups.rows()) == [(key, [expected[key], times[key]]) for key in sorted(times)]
    assert len(list(tmp_path.iterdir())) <= 64


def test_keys_of_any_types_have_an_order(tmp_path: Path) -> None:
    """Nothing comes first, then numbers, texts, bytes and the rest; None adds nothing, big numbers are exact."""
    groups = GroupedSums(tmp_path, memory_bytes=1)
    keys = [date(2024, 1, 1), b"x", "b", "a", 2.5, 2, None]
    for number in (2**80, None, 1):
        for key in keys:
            groups.add((key,), [number])
    assert list(groups.rows()) == [((key,), [2**80 + 1]) for key in reversed(keys)]


def test_sums_of_nothing_are_nothing(tmp_path: Path) -> None:
    """A group without any number has no sum, and no rows give no groups."""
    assert list(GroupedSums(tmp_path).rows()) == []
    groups = GroupedSums(tmp_path)
    groups.add(("a",), [None])
    assert list(groups.rows()) == [(("a",), [None])]


def test_fractions_add_up_to_the_same_bits_each_time(tmp_path: Path) -> None:
    """The same rows in the same order give the same sums, to the last bit."""
    numbers = [random.Random(2).random() for _ in range(500)]
    results = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        groups = GroupedSums(tmp_path / folder, memory_bytes=2_000)
        for at, number in enumerate(numbers):
            groups.add((str(at % 7),), [number])
        results.append(list(groups.rows()))
    assert results[0] == results[1]
