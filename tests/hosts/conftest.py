"""Three fake hosts and the folders that their tests need; afterwards no process may be left on any of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cctrawl.testing import FakeHosts

EMPTY_WITHIN_S = 40.0  # a lease is 20 s; a host whose link is cut ends its processes after it, others sooner


@dataclass
class Lab:
    """Three hosts and folders.

    Attributes:
        hosts: ``h1``, ``h2``, ``h3``.
        jobs: the user's folder: what is put there exists where the command is started, and on no host.
        scratch: each host's own, empty at first: for ``--workdir``. See ``hosts.path_on``.
        shared: common to the driver and all hosts.
    """

    hosts: FakeHosts
    jobs: Path
    scratch: Path
    shared: Path

    def left(self) -> dict[str, list[str]]:
        """Return the command lines of what runs on hosts, by host; without sshd's."""
        found = {name: [line for _, line in self.hosts.processes(name)] for name in self.hosts.names}
        return {name: lines for name, lines in found.items() if lines}

    def await_empty(self, within_s: float = EMPTY_WITHIN_S) -> None:
        """Wait until no process is left on any host."""
        until = time.monotonic() + within_s
        while left := self.left():
            assert time.monotonic() < until, f"left on hosts: {left}"
            time.sleep(0.05)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Make three hosts, which takes 0.2 s, for one test; when it has passed they must become empty."""
    reason = FakeHosts.missing()
    if reason:
        pytest.skip(f"no fake hosts: {reason}")
    folders = [tmp_path / name for name in ("jobs", "scratch", "shared")]
    for folder in folders:
        folder.mkdir()
    with FakeHosts(tmp_path / "lab", private=folders[:2]) as hosts:
        made = Lab(hosts, *folders)
        yield made
        made.await_empty()
