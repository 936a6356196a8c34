"""Options that click does not know by itself."""

from __future__ import annotations

import pytest

from cctrawl.cli.options import spread_values


@pytest.mark.parametrize(
    ("words", "spread"),
    [
        ("run themes --files a b -o c", "run themes --files a --files b -o c"),
        ("run themes -o c --files a", "run themes -o c --files a"),
        ("run themes --files - -o c", "run themes --files - -o c"),
        ("run themes --files a -o c --files b", "run themes --files a -o c --files b"),
        ("run --files a b -- themes", "run --files a --files b -- themes"),
        ("run themes -c latest", "run themes -c latest"),
    ],
)
def test_files_take_values_up_to_the_next_option(words: str, spread: str) -> None:
    """What a shell expands behind --files is all taken, a lone dash too, and nothing behind the next option."""
    assert spread_values(words.split(), "--files") == spread.split()
