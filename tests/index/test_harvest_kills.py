"""A harvest as a process: `kill -9`, Ctrl-C and full disks at any moment cost nothing that was entered."""

from __future__ import annotations

import functools
import gzip
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.index.index_tree import NEW, IndexTree, build_tree

from cctrawl.errors import NotFoundError
from cctrawl.store import held_footers, held_paths, open_index
from cctrawl.testing import FakeServer, SlowAnswer

FOOTERS = "cc-index/*.parquet"
FILES = 400
KILLS = 5
EXHAUSTIVE_KILLS = 60
TABLES = ("file", "row_group", "file_bounds", "failure")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> IndexTree:
    """A tree with many files, of which most are the same."""
    tree = build_tree(tmp_path_factory.mktemp("tree"))
    paths = tree.paths[NEW, "warc"]
    more = [paths[0].replace("part-00000", f"part-{part:05}") for part in range(len(paths), FILES)]
    for number, path in enumerate(more):
        os.link(tree.root / paths[number % len(paths)], tree.root / path)
    listing = tree.root / "crawl-data" / NEW / "cc-index-table.paths.gz"
    listing.write_bytes(gzip.compress("".join(f"{path}\n" for path in paths + more).encode()))
    return IndexTree(tree.root, {(NEW, "warc"): paths + more})


@pytest.fixture
def server(tree: IndexTree) -> Iterator[FakeServer]:
    """The tree on loopback, each answer taking a while."""
    with FakeServer(tree.root, [SlowAnswer(path=FOOTERS, wait_s=0.02)]) as server:
        yield server


def words(server: FakeServer, data_dir: Path) -> list[str]:
    """Return the command of the harvest."""
    options = ["--base-url", server.url, "--data-dir", str(data_dir), "--connections", "4"]
    return [sys.executable, "-m", "cctrawl", "harvest", "-c", NEW, *options]


def call(words: list[str], code: int, prepare: Callable[[], None] | None = None) -> str:
    """Run the command, check its exit code, return what it says."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, preexec_fn=prepare)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stderr


def entered(server: FakeServer, data_dir: Path) -> set[str]:
    """Return the paths whose footers are in the store."""
    try:
        with open_index(data_dir, server.url, must_exist=True) as index:
            return held_paths(index, [NEW])
    except NotFoundError:
        return set()


def content(server: FakeServer, data_dir: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that is held, without ids, which depend on the order of arrival."""
    with open_index(data_dir, server.url) as index:
        held = {footer.file: footer.path for footer in held_footers(index)}
        found: dict[str, list[tuple[Any, ...]]] = {
            "footer": sorted((footer.path, footer.data) for footer in held_footers(index)),
            "file": sorted(row[1:] for row in index.read("SELECT * FROM file")),
        }
        for table in ("row_group", "file_bounds"):
            rows = index.read(f"SELECT * FROM {table}")  # noqa: S608 - our own table names
            found[table] = sorted((held[row[0]], *row[1:]) for row in rows)
        return found


def asked(server: FakeServer) -> dict[str, int]:
    """Return how often each footer was asked for."""
    counts: dict[str, int] = {}
    for request in list(server.requests):
        if request.path.endswith(".parquet"):
            counts[request.path] = counts.get(request.path, 0) + 1
    return counts


@pytest.mark.slow
def test_kills_lose_nothing_and_fetch_nothing_twice(server: FakeServer, tmp_path: Path) -> None:
    """Kills at random moments end in the same store; what was entered is never asked for again."""
    assert_kills_do_not_show(server, tmp_path, KILLS)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_dozens_of_kills_lose_nothing_and_fetch_nothing_twice(server: FakeServer, tmp_path: Path) -> None:
    """The same over dozens of kills."""
    assert_kills_do_not_show(server, tmp_path, EXHAUSTIVE_KILLS)


def assert_kills_do_not_show(server: FakeServer, tmp_path: Path, kills: int) -> None:
    """Kill a harvest so often, and hold what is there in the end against one that nobody disturbed."""
    dice = random.Random(5)
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    call(words(server, undisturbed), 0)
    server.set_faults([SlowAnswer(path=FOOTERS, wait_s=0.1)])
    for _ in range(kills):
        before = entered(server, killed)
        server.requests.clear()
        with subprocess.Popen(words(server, killed), stderr=subprocess.DEVNULL) as process:
            time.sleep(dice.uniform(0.6, 2.6))
            process.kill()
        assert not before & set(asked(server))
        assert before <= entered(server, killed)
    assert len(entered(server, killed)) > 0, "some got through between the kills"
    call(words(server, killed), 0)
    assert content(server, killed) == content(server, undisturbed)


def test_an_interrupt_keeps_what_was_fetched(server: FakeServer, tmp_path: Path) -> None:
    """SIGTERM, as Ctrl-C, ends it soon with 130, says how to go on, and every footer that came is there."""
    with subprocess.Popen(words(server, tmp_path), stderr=subprocess.PIPE, text=True) as process:
        while len(asked(server)) < 60:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert "the same command goes on" in said
    assert "interrupted" in said
    held = entered(server, tmp_path)
    assert len(asked(server)) - 8 <= len(held) < FILES  # but for those on their way, 4 there and 4 here
    server.requests.clear()
    assert f"going on: {len(held)} of {FILES}" in call(words(server, tmp_path), 0)
    assert not held & set(asked(server))


def test_a_second_harvest_is_refused_while_one_runs(server: FakeServer, tmp_path: Path) -> None:
    """The one that runs goes on undisturbed; others may ask meanwhile."""
    with subprocess.Popen(words(server, tmp_path), stderr=subprocess.PIPE) as process:
        while len(entered(server, tmp_path)) < 5:
            time.sleep(0.05)
        said = call(words(server, tmp_path), 2)
        assert f"another cctrawl (process {process.pid}) harvests" in said
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(entered(server, tmp_path)) == FILES


def limited(largest_file_bytes: int) -> None:
    """Let no file of this process grow beyond a size; the kernel then refuses, as a full disk does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, largest_file_bytes))


def test_a_full_disk_stops_it_with_all_kept(server: FakeServer, tmp_path: Path) -> None:
    """It ends with 4 and says what to do; with room again the same command goes on."""
    said = call(words(server, tmp_path), 4, functools.partial(limited, 250_000))
    assert re.search("the (index|shared rate budget) .* cannot be (written|used)", said)  # which one is met first
    assert "hint: " in said
    held = entered(server, tmp_path)
    assert len(held) < FILES
    server.requests.clear()
    call(words(server, tmp_path), 0)
    assert not held & set(asked(server))
    assert len(entered(server, tmp_path)) == FILES


def test_what_is_entered_is_entered_whole(server: FakeServer, tmp_path: Path) -> None:
    """Whenever somebody looks, each file has its footer, its row groups and its bounds."""
    with subprocess.Popen(words(server, tmp_path), stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with open_index(tmp_path, server.url) as index:
                missing = list(
                    index.read(
                        "SELECT path FROM file WHERE id NOT IN (SELECT file FROM footer)"
                        " OR id NOT IN (SELECT file FROM row_group) OR id NOT IN (SELECT file FROM file_bounds)"
                    )
                )
            assert not missing
            time.sleep(0.1)
    assert process.returncode == 0


def test_the_command_says_what_it_did(server: FakeServer, tmp_path: Path) -> None:
    """It closes with files, row groups, requests, bytes, seconds and size on disk; again, with nothing to do."""
    said = call(words(server, tmp_path), 0)
    assert f"done: {FILES} of {FILES} footers are held" in said
    assert f"fetched: {FILES} footers with {FILES * 3:,} row groups, {FILES + 1} requests" in said
    server.close()
    assert f"nothing to do: all {FILES} footers are held" in call(words(server, tmp_path), 0)
    assert "400 files, 400 held, 0 missing" in call([*words(server, tmp_path)[:-2], "--plan"], 0)


def test_a_network_that_is_down_ends_with_5(server: FakeServer, tmp_path: Path) -> None:
    """Neither list nor footers can be had: the message says to look at the network."""
    server.close()
    said = call([*words(server, tmp_path), "--tries", "1"], 5)
    assert "hint: " in said
