"""Threads that take turns are kept on one core, and set free again."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from cctrawl.index.one_core import one_core

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds threads to cores")


def cores_of_a_thread() -> set[int]:
    """Return the cores that a thread, started now, may use."""
    seen: list[set[int]] = []
    thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
    thread.start()
    thread.join()
    return seen[0]


def test_threads_share_one_core_for_a_while() -> None:
    """The caller and threads it starts have one of the cores that were allowed; afterwards all, also on errors."""
    before = os.sched_getaffinity(0)
    with one_core():
        kept = os.sched_getaffinity(0)
        assert len(kept) == 1
        assert kept <= before
        assert cores_of_a_thread() == kept
    assert os.sched_getaffinity(0) == cores_of_a_thread() == before
    with pytest.raises(KeyError), one_core():
        raise KeyError
    assert os.sched_getaffinity(0) == cores_of_a_thread() == before


def test_threads_that_run_side_by_side_keep_their_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python without the global lock uses all cores."""
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    before = os.sched_getaffinity(0)
    with one_core():
        assert os.sched_getaffinity(0) == before


def test_a_system_that_refuses_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the call is forbidden, as in some containers, things go on as they were."""

    def refuse(_: int, __: object) -> None:
        raise PermissionError

    before = os.sched_getaffinity(0)
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with one_core():
        assert os.sched_getaffinity(0) == before
