"""Commands against servers that limit, block and break: everything arrives, or the same command goes on."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cctrawl.testing import FakeCrawls, FakeServer, RefuseAboveRate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Authority

CRAWL = "CC-MAIN-2024-22"


def blocking(block_s: float) -> RefuseAboveRate:
    """Return the fault of a server for which ten requests a second are too many: then it refuses them all."""
    return RefuseAboveRate(per_s=4, burst=3, status=403, block_s=block_s)


def start(output: Path, base_url: object, state: Path, *more: str) -> subprocess.Popen[str]:
    """Start the main job over a crawl."""
    words = ["run", "themes", "-c", CRAWL, "-o", str(output), "--base-url", str(base_url), "--data-dir", str(state)]
    command = [sys.executable, "-m", "cctrawl", *words, "--workers", "2", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a command and return its exit code and what it said."""
    said, _ = process.communicate(timeout=200)
    return process.returncode, said


@pytest.fixture(scope="module")
def undisturbed(fake: FakeCrawls, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the run writes when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    code, said = ended(start(folder / "themes.csv", fake.root, folder))
    assert code == 0, said
    return (folder / "themes.csv").read_bytes()


@pytest.mark.slow
def test_a_block_is_waited_out(server: FakeServer, tmp_path: Path, undisturbed: bytes) -> None:
    """Refused by everything for a while, a run pauses, probes, goes on, and ends in the same bytes."""
    server.set_faults([blocking(8)])
    code, said = ended(start(tmp_path / "x.csv", server.url, tmp_path / "state", "--block-pause", "1s"))
    assert code == 0, said
    assert "blocks us" in said
    assert "answers again" in said
    assert (tmp_path / "x.csv").read_bytes() == undisturbed


@pytest.mark.slow
def test_patience_spent_loses_nothing(server: FakeServer, tmp_path: Path, undisturbed: bytes) -> None:
    """A block that outlasts --patience ends a run with exit 4 and a hint; the same command goes on from there."""
    server.set_faults([blocking(3600)])
    waits = ("--block-pause", "500ms", "--patience", "2s")
    code, said = ended(start(tmp_path / "x.csv", server.url, tmp_path / "state", *waits))
    assert code == 4, said
    assert "has refused everything for 2 s of waiting" in said
    assert "hint:" in said
    server.set_faults()
    code, said = ended(start(tmp_path / "x.csv", server.url, tmp_path / "state", *waits))
    assert code == 0, said
    assert "going on: " in said
    assert (tmp_path / "x.csv").read_bytes() == undisturbed


def test_a_run_over_tls(
    fake: FakeCrawls, authority: Authority, tmp_path: Path, undisturbed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers believe the authority that the environment names; without it, no file is tried twice."""
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    with FakeServer(fake.root, tls=authority.server_context("127.0.0.1")) as server:
        code, said = ended(start(tmp_path / "x.csv", server.url, tmp_path / "state"))
        assert code == 0, said
        assert (tmp_path / "x.csv").read_bytes() == undisturbed
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        code, said = ended(start(tmp_path / "y.csv", server.url, tmp_path / "state"))  # its list is cached
    assert code == 4, said
    assert "REQUESTS_CA_BUNDLE" in said
    assert "(tried once)" in said
    assert "tried 3 times" not in said


@pytest.mark.slow
def test_commands_that_run_at_the_same_time_share_the_rate(fake: FakeCrawls, tmp_path: Path) -> None:
    """Two runs with one data folder ask together no faster than --rate allows one."""
    with FakeServer(fake.root) as server:
        runs = [start(tmp_path / f"{i}.csv", server.url, tmp_path / "state", "--rate", "8") for i in range(2)]
        assert [ended(run)[0] for run in runs] == [0, 0]
        times = sorted(request.time_s for request in server.requests)
    assert len(times) >= 2 * len(fake.files(CRAWL))
    assert times[-1] - times[0] >= 0.9 * (len(times) - 1) / 8  # what each asked alone would take half of it
