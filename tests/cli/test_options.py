"""Options that click does not know by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.test_defaults import called

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


@pytest.mark.parametrize(
    ("config", "words", "found"),
    [
        ("hosts = 'absent.txt'\npython = '/p'", [], "there is no hosts file 'absent.txt'"),
        ("hosts = 'absent.txt'\npython = '/p'", ["--scheduler", "x:1"], "'x:1' is no address"),
        ("scheduler = 'tcp://x:1'\ntunnel = true", ["--hosts", "absent.txt"], "no hosts file 'absent.txt'"),
        ("tunnel = true\npython = '/p'\ndashboard = true\nlease = '5s'", [], "no such job"),
        ("", ["--tunnel"], "--tunnel goes with --hosts"),
        ("", ["--hosts", "a", "--scheduler", "tcp://x:1"], "do not go together"),
        ("lease = '0'\nhosts = '/proc/sys/kernel/hostname'", [], "--lease 0 gives"),
    ],
)
def test_what_the_command_says_of_hosts_comes_first(
    config: str, words: list[str], found: str, tmp_path: Path
) -> None:
    """Standing wishes that do not fit what the command line says of hosts are passed over."""
    done = called("[run]\n" + config, "run", "nojob", "-c", "latest", "-o", "x.csv", *words, folder=tmp_path)
    assert done.returncode == 2
    assert found in done.stderr
