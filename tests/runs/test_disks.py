"""Disks that fill up, folders that vanish, outputs that somebody else works on: said clearly, nothing is lost."""

from __future__ import annotations

import errno
import functools
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import cctrawl
from cctrawl.errors import AbortedError
from cctrawl.runs.ledger import Identity, RunFolder
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls, FakeServer, SlowBytes

CRAWL = "CC-MAIN-2024-22"
OUTPUTS = [
    "x.csv",
    "x.parquet",
    "parquet/",
    *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("x.jsonl", "csv/")),
]


def words(root: object, output: Path) -> list[str]:
    """Return the command of a run."""
    out = ["-o", str(output)] if output.suffix else ["-o", f"{output}/", "-f", output.name]
    return [
        sys.executable,
        "-m",
        "cctrawl",
        "run",
        "themes",
        "-c",
        CRAWL,
        *out,
        "--base-url",
        str(root),
        "--workers",
        "2",
    ]


def limited(largest_file_bytes: int) -> None:
    """Let no file of this process grow beyond a size; the kernel then refuses, as a full disk does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, largest_file_bytes))


def content(output: Path) -> dict[str, bytes]:
    """Return all bytes that users see."""
    files = sorted(output.iterdir()) if output.is_dir() else [output]
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def assert_refused(done: subprocess.CompletedProcess[str]) -> None:
    """Check that a command ended with an error that names the trouble and says what to do."""
    assert done.returncode in (1, 2, 4), done.stderr
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    assert "hint: " in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB, where this process may make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(disk)]
    if not shutil.which("mount") or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTPUTS)
def test_files_that_may_not_grow_cost_nothing(fake: FakeCrawls, tmp_path: Path, name: str) -> None:
    """Wherever the kernel refuses to write on, the same command ends in the same bytes."""
    whole = tmp_path / "whole" / name
    whole.parent.mkdir()
    subprocess.run(words(fake.root, whole), check=True, capture_output=True)
    output = tmp_path / "out" / name
    output.parent.mkdir()
    for largest_bytes in (200, 2_000, 33_000, 45_000, 60_000):
        done = subprocess.run(
            words(fake.root, output),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=functools.partial(limited, largest_bytes),
        )
        if done.returncode:
            assert_refused(done)
    subprocess.run(words(fake.root, output), check=True, capture_output=True)
    assert content(output) == content(whole)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_full_disk_is_said_so_and_costs_nothing(
    fake: FakeCrawls, tmp_path: Path, small_disk: Path, name: str
) -> None:
    """However full the disk is, the run stops with what is done; with room it ends in the same bytes."""
    whole = tmp_path / "whole" / name
    whole.parent.mkdir()
    subprocess.run(words(fake.root, whole), check=True, capture_output=True)
    output, ballast, codes = small_disk / name, small_disk / "ballast", []
    for room_bytes in (4_000, 50_000, 100_000, 140_000):
        ballast.unlink(missing_ok=True)
        disk = os.statvfs(small_disk)
        ballast.write_bytes(b"x" * (disk.f_bavail * disk.f_frsize - room_bytes))
        done = subprocess.run(words(fake.root, output), capture_output=True, text=True, check=False)
        codes.append(done.returncode)
        if done.returncode:
            assert_refused(done)
    assert codes[0], "there was no room"
    ballast.unlink()
    subprocess.run(words(fake.root, output), check=True, capture_output=True)
    assert content(output) == content(whole)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_folder_that_vanishes_is_said_so(fake: FakeCrawls, tmp_path: Path, name: str) -> None:
    """When the output's folder is removed under a run, it stops with an error; the same command begins anew."""
    output = tmp_path / "out" / name
    output.parent.mkdir()
    with FakeServer(fake.root, faults=[SlowBytes(path="*/warc/*", bytes_per_s=40_000)]) as server:
        process = subprocess.Popen(words(server.url, output), stderr=subprocess.PIPE, text=True)
        with process:
            wait_for(output.parent, "ledger.sqlite")
            shutil.rmtree(output.parent, ignore_errors=True)
            shutil.rmtree(output.parent, ignore_errors=True)
            _, errors = process.communicate(timeout=60)
        assert_refused(subprocess.CompletedProcess([], process.returncode, "", errors))
        server.set_faults()
        shutil.rmtree(output.parent, ignore_errors=True)
        output.parent.mkdir()
        subprocess.run(words(server.url, output), check=True, capture_output=True)


def wait_for(folder: Path, name: str) -> None:
    """Wait until a file of this name is somewhere in a folder."""
    deadline = time.monotonic() + 60
    while not list(folder.rglob(name)) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)


def test_a_folder_that_vanishes_while_a_run_is_entered_is_said_so(
    fake: FakeCrawls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the moment in which nothing has been begun yet, that the folder is gone is an error with a hint."""
    begin = RunFolder.begin

    def vanish(folder: RunFolder, identity: Identity, inputs: Sequence[str]) -> None:
        begin(folder, identity, inputs)
        shutil.rmtree(folder.staged)

    monkeypatch.setattr(RunFolder, "begin", vanish)
    with pytest.raises(AbortedError, match=r"cannot be written.*staged") as caught:
        cctrawl.run(
            "themes", crawl=CRAWL, output=tmp_path / "x.csv", settings=Settings.resolve(base_url=str(fake.root))
        )
    assert "same command again" in (caught.value.hint or "")


def test_the_second_of_two_commands_on_one_output_is_refused(fake: FakeCrawls, tmp_path: Path) -> None:
    """While a command works on an output another one is refused at once; the first one is not disturbed."""
    output = tmp_path / "x.csv"
    with FakeServer(fake.root, faults=[SlowBytes(path="*/warc/*", bytes_per_s=20_000)]) as server:
        first = subprocess.Popen(words(server.url, output), stderr=subprocess.PIPE, text=True)
        with first:
            wait_for(tmp_path, "ledger.sqlite")
            second = subprocess.run(words(server.url, output), capture_output=True, text=True, check=False)
            assert second.returncode == 2
            assert f"another cctrawl (process {first.pid}) works on this output" in second.stderr
            assert first.poll() is None
            server.set_faults()
            first.send_signal(signal.SIGTERM)
            first.communicate(timeout=60)
        assert first.returncode == 130
        subprocess.run(words(server.url, output), check=True, capture_output=True)
    assert len(output.read_text().splitlines()) == 1 + len(fake.expected_themes(fake.files(CRAWL)))


def test_a_disk_that_is_still_full_ends_the_next_command_as_the_first(
    fake: FakeCrawls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that waited for room go on waiting, said in the same words; with room nothing is missing."""

    def command(name: str) -> None:
        settings = Settings.resolve(base_url=str(fake.root))
        cctrawl.run("themes", crawl=CRAWL, limit=3, output=tmp_path / name, workers=1, settings=settings)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cctrawl.runs.outputs.inorder.copy_bytes", refuse)
        for _ in range(2):
            with pytest.raises(AbortedError, match=r"cannot be written.*No space left") as caught:
                command("x.csv")
            assert "same command again" in (caught.value.hint or "")
    command("x.csv")
    command("whole.csv")
    assert content(tmp_path / "x.csv").popitem()[1] == content(tmp_path / "whole.csv").popitem()[1]
