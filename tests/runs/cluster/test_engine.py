"""Runs over Dask clusters of others: what is not the same as on one machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from distributed import Client

import cctrawl
from cctrawl.errors import InvalidInputError, TransportError
from cctrawl.runs.cluster.options import ClusterOptions
from cctrawl.runs.cluster.scheduler import OwnScheduler
from cctrawl.testing import WarcWriter

SLOW = """
import time
import cctrawl

@cctrawl.job("url")
def slow(records):
    for record in records:
        time.sleep(0.7)
        yield (record.url,)
"""
PICKY = """
from pathlib import Path
import cctrawl

if Path(__file__).parent != Path({home!r}):
    import a_module_that_is_only_there

@cctrawl.job("url")
def picky(records):
    for record in records:
        yield (record.url,)
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Eight small WARC files with one page each."""
    (tmp_path / "warcs").mkdir()
    paths = [tmp_path / "warcs" / f"{number}.warc.gz" for number in range(8)]
    for number, path in enumerate(paths):
        with WarcWriter(path) as writer:
            writer.write_response(f"http://s{number}.org/", b"page")
    return paths


def _quiet(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)


class Cluster:
    """A scheduler and a worker with two threads, as processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        program = [sys.executable, "-m", "dask"]
        options = ["--scheduler-file", str(self.file), "--dashboard-address", "127.0.0.1:0"]
        self.scheduler = _quiet([*program, "scheduler", *options, "--port", "0", "--host", "127.0.0.1"], folder)
        while not (self.file.exists() and self.file.read_text().endswith("}")):
            time.sleep(0.05)
        options = ["--scheduler-file", str(self.file), "--nthreads", "2", "--no-dashboard", "--no-nanny"]
        self.worker = _quiet([*program, "worker", *options], folder)

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return str(json.loads(self.file.read_text())["address"])

    def leaves(self) -> list[int]:
        """Return the processes that the worker has started."""
        children = Path(f"/proc/{self.worker.pid}/task").glob("*/children")
        return [int(child) for file in children for child in file.read_text().split()]

    def end(self) -> None:
        """End both."""
        for process in (self.worker, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Cluster]:
    """Somebody else's cluster."""
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.end()


def command(files: list[Path], tmp_path: Path, cluster: Cluster) -> list[str]:
    """Return the command line of a slow run over a cluster."""
    (tmp_path / "slow.py").write_text(SLOW)
    words = [
        sys.executable,
        "-m",
        "cctrawl",
        "run",
        f"{tmp_path}/slow.py:slow",
        "--scheduler-file",
        str(cluster.file),
    ]
    return [*words, "--lease", "2s", "-o", str(tmp_path / "out.csv"), "--files", *map(str, files)]


def test_a_function_of_a_notebook_runs_there(files: list[Path], tmp_path: Path, cluster: Client) -> None:
    """A lambda travels by value, with what it holds."""
    word = "held"
    report = cctrawl.run(
        lambda records: [{"url": record.url, "word": word} for record in records],
        files=files,
        output=tmp_path / "x.jsonl",
        client=cluster,
    )
    rows = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert rows == [{"url": f"http://s{number}.org/", "word": "held"} for number in range(8)]
    assert (report.state, cluster.status) == ("done", "running")


def test_a_job_that_cannot_be_imported_there_is_a_clear_error(
    files: list[Path], tmp_path: Path, cluster: Client
) -> None:
    """What is missing on a host is named with the job, the user's own path and the host; no worker dies of it."""
    (tmp_path / "picky.py").write_text(PICKY.format(home=str(tmp_path)))
    workers = set(cluster.scheduler_info(n_workers=-1)["workers"])
    report = cctrawl.run(
        f"{tmp_path}/picky.py:picky", files=files[:2], output=tmp_path / "x.csv", client=cluster, max_failures=1.0
    )
    assert len(report.failures) == 2
    for failed in report.failures:
        assert "No module named 'a_module_that_is_only_there'" in failed.error
        assert "picky.py cannot be imported" in failed.error
        assert "dask-scratch-space" not in failed.error
    assert set(cluster.scheduler_info(n_workers=-1)["workers"]) == workers


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_nothing_and_is_gone_on_with(
    files: list[Path], tmp_path: Path, foreign: Cluster
) -> None:
    """When its lease is over, a cluster's worker has ended ours; the same command then does what is left, once."""
    words = command(files, tmp_path, foreign)
    driver = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    while not (tmp_path / "out.csv.part").exists() or not foreign.leaves():
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    deadline = time.monotonic() + 10
    while foreign.leaves() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert foreign.leaves() == []
    again = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "going on:" in again.stderr
    assert (tmp_path / "out.csv").read_text().split() == ["url", *(f"http://s{number}.org/" for number in range(8))]


@pytest.mark.slow
def test_a_scheduler_that_goes_ends_the_run_which_can_be_resumed(
    files: list[Path], tmp_path: Path, foreign: Cluster
) -> None:
    """Without its scheduler the command ends with 4, says so without a traceback, and what was done is kept."""
    words = command(files, tmp_path, foreign)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as driver:
        while not (tmp_path / "out.csv.part").exists():
            time.sleep(0.05)
        foreign.scheduler.send_signal(signal.SIGKILL)
        _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 4
    assert "the Dask scheduler is gone" in errors
    assert "Traceback" not in errors
    here = [word for word in words if word not in ("--scheduler-file", str(foreign.file), "--lease", "2s")]
    done = subprocess.run(here, capture_output=True, text=True, check=True)
    assert "going on:" in done.stderr
    assert (tmp_path / "out.csv").read_text().split() == ["url", *(f"http://s{number}.org/" for number in range(8))]


def test_a_scheduler_that_does_not_answer_is_named(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody at the address: a network error with the address and a hint, and nothing is left behind."""
    monkeypatch.setattr("cctrawl.runs.cluster.scheduler._CONNECT_S", 1)
    with pytest.raises(TransportError, match="no Dask scheduler answers") as caught:
        cctrawl.run("themes", files=files, output=tmp_path / "x.csv", scheduler="tcp://127.0.0.1:9")
    assert "is it running" in str(caught.value.hint)
    assert sorted(path.name for path in tmp_path.iterdir() if "x.csv" in path.name) == []


def test_tls_needs_certificates(files: list[Path], tmp_path: Path) -> None:
    """Without Dask's settings for TLS a tls:// address is refused at once, with their names."""
    with pytest.raises(InvalidInputError, match="no certificates") as caught:
        cctrawl.run("themes", files=files, output=tmp_path / "x.csv", scheduler="tls://127.0.0.1:9")
    assert "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "no json"])
def test_a_scheduler_file_without_an_address_is_named(files: list[Path], tmp_path: Path, text: str) -> None:
    """A file that is only half written, or another one, is an error with its name."""
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InvalidInputError, match="tells no address"):
        cctrawl.run("themes", files=files, output=tmp_path / "x.csv", scheduler_file=tmp_path / "s.json")


def test_our_own_scheduler_knows_who_comes() -> None:
    """A stranger on this machine can connect to neither by TCP nor by TLS without the run's own certificate."""
    scheduler = OwnScheduler("127.0.0.1", dashboard=False)
    script = f"""
import sys
from distributed import Client
from distributed.security import Security
for protocol, security in (("tcp", None), ("tls", Security.temporary())):
    try:
        Client(f"{{protocol}}://127.0.0.1:{scheduler.port}", security=security, timeout=2)
    except OSError:
        continue
    sys.exit("let in by " + protocol)
"""
    try:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-500:]
        listening = [line.split()[1] for line in Path(f"/proc/{os.getpid()}/net/tcp").read_text().splitlines()[1:]]
        ours = [address for address in listening if address.endswith(f":{scheduler.port:04X}")]
        assert {address.partition(":")[0] for address in ours} == {"0100007F"}
    finally:
        scheduler.close()


@pytest.mark.parametrize("is_wanted", [True, False])
def test_dasks_live_page_is_there_if_it_is_asked_for(*, is_wanted: bool) -> None:
    """With --dashboard the page answers at the address that is printed; without, nobody learns of the run so."""
    scheduler = OwnScheduler("127.0.0.1", dashboard=is_wanted)
    try:
        answer = urllib3.request("GET", scheduler.dashboard, retries=False)
        assert (answer.status == 200, b"Dask" in answer.data) == (is_wanted, is_wanted)
        assert scheduler.dashboard.startswith("http://127.0.0.1:")
    finally:
        scheduler.close()


def test_options_have_what_the_engine_asks() -> None:
    """The lease that hosts are told has the length that the docs say."""
    assert ClusterOptions(scheduler="tcp://a:1").lease_s == 20
