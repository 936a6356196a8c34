"""What a visit leaves on a host: nothing, in the end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cctrawl.runs.hosts.boot import _clear, _empty, _locked


def scratch(folder: Path, name: str, *files: str, age_s: float = 0) -> Path:
    """Make a scratch folder with files in it, as old as told."""
    path = folder / f"cctrawl-scratch-{name}"
    path.mkdir()
    for file in files:
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_text("x")
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_what_dead_visitors_left_is_removed(tmp_path: Path) -> None:
    """Folders that nobody holds go, those with a living visitor stay, and so does one that is just being made."""
    dead = scratch(tmp_path, "dead", ".lock", "worker/part")
    lockless = scratch(tmp_path, "lockless", "worker/part", age_s=100)
    fresh = scratch(tmp_path, "fresh")
    living = scratch(tmp_path, "living", ".lock", "worker/part")
    descriptor = _locked(living / ".lock")
    assert descriptor is not None
    _clear(tmp_path)
    os.close(descriptor)
    assert [path.exists() for path in (dead, lockless, fresh, living)] == [False, False, True, True]


def test_a_folder_that_is_still_written_to_keeps_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If something cannot be removed the lock stays with it, for the next visitor to find; else nothing stays."""
    busy, idle = scratch(tmp_path, "busy", ".lock", "worker/part"), scratch(tmp_path, "idle", ".lock", "part")
    _empty(idle)
    monkeypatch.setattr("cctrawl.runs.hosts.boot.shutil.rmtree", lambda *_, **__: None)
    _empty(busy)
    monkeypatch.undo()
    assert not idle.exists()
    assert (busy / ".lock").exists()
    _clear(tmp_path)
    assert not busy.exists()
