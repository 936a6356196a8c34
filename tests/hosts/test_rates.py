"""Three hosts ask one server: on one budget, whatever becomes of hosts, and with one trouble."""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from tests.hosts.conftest import Lab
from tests.hosts.undertaking import await_that

from cctrawl.testing import FakeServer, Refuse, WarcWriter

RATE = 15
JOB = """
import cctrawl


@cctrawl.job("url")
def urls(records):
    for record in records:
        yield (record.url,)
"""


@contextmanager
def served(lab: Lab, files: int) -> Iterator[tuple[FakeServer, list[str]]]:
    """Serve small files where driver and hosts reach them; give the server and their URLs."""
    folder = lab.shared / "served"
    folder.mkdir()
    for number in range(files):
        with WarcWriter(folder / f"{number:03}.warc.gz") as writer:
            writer.write_response(f"http://f{number}/", b"page")
    (lab.jobs / "my_job.py").write_text(JOB)
    with lab.hosts.network():
        server = FakeServer(folder, address=lab.hosts.address)
    with server:
        yield server, [f"{server.url}{number:03}.warc.gz" for number in range(files)]


@contextmanager
def running(lab: Lab, server: FakeServer, urls: Sequence[str], *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the job over six workers on three hosts; it does not outlive the context."""
    hosts = lab.hosts.hosts_file("h1 2", "h2 2", "h3 2")
    words = [sys.executable, "-m", "cctrawl", "run", "my_job.py:urls", "--files", *urls, "-o", "x.csv"]
    words += ["--base-url", server.url, "--data-dir", "data", "--rate", str(RATE), "--lease", "4s"]
    words += ["--hosts", str(hosts), "--python", sys.executable, "--workdir", str(lab.scratch), *options]
    process = lab.hosts.popen(words, cwd=lab.jobs, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[bytes], output: Path, files: int) -> None:
    """Wait for the end; all rows must be there."""
    _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said.decode()
    assert output.read_text().splitlines() == ["url", *(f"http://f{number}/" for number in range(files))]


def in_one_second(server: FakeServer) -> int:
    """Return how many requests came within a second, at most."""
    times = [request.time_s for request in server.requests]
    return max(bisect_left(times, begin_s + 1) - at for at, begin_s in enumerate(times))


@pytest.mark.slow
def test_hosts_keep_to_the_rate_in_sum(lab: Lab) -> None:
    """Six workers on three hosts use --rate together, and never exceed it."""
    with served(lab, 36) as (server, urls), running(lab, server, urls) as process:
        finish(process, lab.jobs / "x.csv", 36)
        assert RATE - 1 <= in_one_second(server) <= RATE + 2


@pytest.mark.exhaustive
def test_hosts_keep_to_the_rate_while_one_is_cut_off(lab: Lab) -> None:
    """Also when a host vanishes, and until it is known to be gone, nobody asks more than --rate allows."""
    with served(lab, 90) as (server, urls), running(lab, server, urls) as process:
        await_that(lambda: len(server.requests) > 2 * RATE, lambda: "nobody asks")
        lab.hosts.cut("h2")
        finish(process, lab.jobs / "x.csv", 90)
        assert RATE - 1 <= in_one_second(server) <= RATE + 2


@pytest.mark.exhaustive
def test_a_block_pauses_all_hosts(lab: Lab) -> None:
    """When everything is refused for a while, all hosts pause at once, one asks whether it is over, all go on."""
    with served(lab, 90) as (server, urls), running(lab, server, urls, "--block-pause", "4s") as process:
        await_that(lambda: len(server.requests) > 2 * RATE, lambda: "nobody asks")
        server.set_faults([Refuse(status=403, for_s=6)])
        finish(process, lab.jobs / "x.csv", 90)
    requests = list(server.requests)
    gap_s, last = max((later.time_s - one.time_s, at) for at, (one, later) in enumerate(pairwise(requests)))
    assert gap_s > 4 - 0.2, "nobody asked on, from when the block began until the pause was over"
    assert requests[last].status == 403
    assert (requests[last + 1].range, requests[last + 1].status) == ("bytes=0-0", 206)
    assert len({request.path for request in requests[last + 2 :]}) >= 6
