"""Exactly once: `kill -9` of the command or a worker at random moments, however often, ends in the same bytes.

CI kills two dozen times. Two hundred times, over all formats, one file and folder: ``pytest -m exhaustive``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cctrawl.testing import FakeCrawls, FakeServer, SlowBytes

CRAWL = "CC-MAIN-2024-22"
KILLS = 6  # for each of four outputs
EXHAUSTIVE_KILLS = 34  # for each of six outputs: 204

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds workers in /proc")


def command(server: FakeServer, output: Path, data_dir: Path) -> list[str]:
    """Return the command line of the run."""
    out = ["-o", str(output)] if output.suffix else ["-o", f"{output}/", "-f", output.name]
    options = ["-c", CRAWL, *out, "--workers", "2", "--base-url", server.url, "--data-dir", str(data_dir)]
    return [sys.executable, "-m", "cctrawl", "run", "themes", *options]


def workers_of(process: int) -> list[int]:
    """Return the living children of a process."""
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def killed(words: list[str], dice: random.Random) -> bool:
    """Run the command, kill it or one of its workers at a random moment; tell whether the command survived."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with process:
        time.sleep(dice.uniform(0.2, 1.6))
        workers = workers_of(process.pid)
        victim = dice.choice(workers) if workers and dice.random() < 0.4 else process.pid
        if process.poll() is None:
            os.kill(victim, signal.SIGKILL)
        if victim == process.pid:
            process.wait()
            deadline = time.monotonic() + 10
            while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()], (
                "workers end with the driver"
            )
            return False
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
        return True


def content(output: Path) -> dict[str, bytes]:
    """Return all bytes that users see."""
    files = sorted(output.iterdir()) if output.is_dir() else [output]
    return {file.name: file.read_bytes() for file in files if file.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["themes.csv", "themes.jsonl", "themes.parquet", "parquet/"])
def test_any_number_of_kills_ends_in_the_same_bytes(fake: FakeCrawls, tmp_path: Path, name: str) -> None:
    """However often the command or a worker is killed, the rows are those of an undisturbed run, byte for byte."""
    assert_kills_do_not_show(fake, tmp_path, name, KILLS)


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["themes.csv", "themes.jsonl", "themes.parquet", "csv/", "jsonl/", "parquet/"])
def test_two_hundred_kills_end_in_the_same_bytes(fake: FakeCrawls, tmp_path: Path, name: str) -> None:
    """The same over two hundred kills, for every format as one file and as a folder."""
    assert_kills_do_not_show(fake, tmp_path, name, EXHAUSTIVE_KILLS)


def assert_kills_do_not_show(fake: FakeCrawls, tmp_path: Path, name: str, kills: int) -> None:
    """Run undisturbed, then killed again and again, and compare."""
    dice = random.Random(f"{name} {kills}")
    with FakeServer(fake.root) as server:
        whole = tmp_path / "whole" / name
        whole.parent.mkdir()
        subprocess.run(command(server, whole, tmp_path), check=True, capture_output=True)
        server.set_faults([SlowBytes(path="*/warc/*", bytes_per_s=100_000)])
        rounds, survived = 0, True
        for _ in range(kills):
            if survived:
                rounds += 1
                output = tmp_path / str(rounds) / name
                output.parent.mkdir()
            survived = killed(command(server, output, tmp_path), dice)
            if survived:
                assert content(output) == content(whole)
        server.set_faults()
        subprocess.run(command(server, output, tmp_path), check=True, capture_output=True)
    assert content(output) == content(whole)
