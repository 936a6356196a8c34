"""Plans: what a run would take, told without running it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import cctrawl
from cctrawl.errors import InvalidInputError, JobError
from cctrawl.runs.measurement import Measurement, network_bytes_per_s
from cctrawl.runs.plan import with_measurement
from cctrawl.runs.sizes import PROBES
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls, FakeServer, WarcWriter

CRAWL = "CC-MAIN-2024-22"


@cctrawl.job("url")
def urls(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """One row per page."""
    for record in records:
        yield (record.url,)


@cctrawl.job("url")
def fails(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    """Raise."""
    raise ZeroDivisionError(next(records).url)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Forty WARC files, from small to larger."""
    folder = tmp_path / "warcs"
    folder.mkdir()
    paths = [folder / f"{n:02}.warc.gz" for n in range(40)]
    for number, path in enumerate(paths):
        with WarcWriter(path) as writer:
            for page in range(1 + number // 4):
                writer.write_response(f"http://s{number}.org/{page}", b"page")
    return paths


def total_bytes(files: list[Path]) -> int:
    """Return what the files have together."""
    return sum(file.stat().st_size for file in files)


def test_files_here_are_weighed(files: list[Path], tmp_path: Path) -> None:
    """A plan of local files has their exact bytes, one request each, and leaves nothing behind."""
    before = set(tmp_path.rglob("*"))
    plan = cctrawl.plan_run(urls, files=files, output=tmp_path / "x.csv", workers=3)
    assert (plan.inputs, plan.done, plan.bytes, plan.sizes) == (40, 0, total_bytes(files), "exact")
    assert (plan.requests, plan.requests_per_s, plan.workers, plan.hours) == (40, None, 3, None)
    assert set(tmp_path.rglob("*")) == before
    assert "--measure" in plan.summary()


def test_a_crawl_is_planned_at_its_rate(fake: FakeCrawls, server: FakeServer) -> None:
    """Few files of a crawl are all asked for their size; the hours are those of the requests at the rate."""
    plan = cctrawl.plan_run("themes", crawl=CRAWL, settings=Settings.resolve(base_url=server.url, rate=100))
    paths = fake.files(CRAWL)
    assert (plan.bytes, plan.sizes) == (total_bytes([fake.root / path for path in paths]), "exact")
    assert (plan.requests, plan.requests_per_s) == (len(paths), 100)
    assert plan.hours_requests == pytest.approx(len(paths) / 100 / 3600)


def test_many_files_are_weighed_by_some_of_them(files: list[Path]) -> None:
    """Sizes of many files elsewhere come from sixteen, evenly spread, and are said to be about right."""
    with FakeServer(files[0].parent) as server:
        named = [server.url + file.name for file in files]
        plan = cctrawl.plan_run(urls, files=named, settings=Settings.resolve(base_url=server.url))
        asked = [request for request in server.requests if request.method == "HEAD"]
    assert plan.sizes == "sampled"
    assert plan.bytes == pytest.approx(total_bytes(files), rel=0.1)
    assert len(asked) == PROBES
    assert "about" in plan.summary()


@pytest.mark.parametrize(("kind", "size_bytes"), [("warc", 1_100_000_000), ("wet", 90_000_000)])
def test_sizes_that_nobody_tells_are_typical(kind: str, size_bytes: int) -> None:
    """Without an answer a plan goes by what files of the kind have in crawls of today."""
    path = "crawl-data/CC-MAIN-2024-22/segments/1715905020494.65/warc/CC-MAIN-1.warc.gz"
    path = path.replace(".warc.gz", ".warc.wet.gz") if kind == "wet" else path
    settings = Settings.resolve(base_url="http://127.0.0.1:1/", tries=1)
    plan = cctrawl.plan_run(urls, files=[path], settings=settings)
    assert (plan.sizes, plan.bytes) == ("typical", size_bytes)


def test_what_is_left_of_a_run_is_planned(files: list[Path], tmp_path: Path) -> None:
    """With an output that a run has begun, its plan has what the same command would read; not another's."""
    files[3].write_bytes(b"no WARC")
    chosen, output = files[:6], tmp_path / "x.csv"
    cctrawl.run(urls, files=chosen, output=output, settings=Settings.resolve(tries=1))
    plan = cctrawl.plan_run(urls, files=chosen, output=output)
    assert (plan.inputs, plan.done, plan.bytes) == (0, 5, 0)
    plan = cctrawl.plan_run(urls, files=chosen, output=output, retry_failed=True)
    assert (plan.inputs, plan.done, plan.bytes) == (1, 5, files[3].stat().st_size)
    assert cctrawl.plan_run(urls, files=files, output=output, restart=True).inputs == 40
    with pytest.raises(InvalidInputError, match="input list differs"):
        cctrawl.plan_run(urls, files=files, output=output)


def test_a_measured_plan_tells_the_hours(files: list[Path], server: FakeServer) -> None:
    """One file is run to nowhere: hours of CPU and network, and what binds."""
    plan = cctrawl.plan_run(urls, files=files, measure=True)
    assert plan.cpu_s_per_gb
    assert plan.hours == plan.hours_cpu
    assert (plan.bound, plan.hours_network) == ("cpu", None)
    assert "bound by the CPU" in plan.summary()
    settings = Settings.resolve(base_url=server.url, rate=20)
    plan = cctrawl.plan_run("themes", crawl=CRAWL, measure=True, settings=settings)
    assert plan.hours_network
    assert plan.hours == max(plan.hours_cpu or 0, plan.hours_network, plan.hours_requests or 0)


def test_waiting_for_the_rate_is_no_slow_network(fake: FakeCrawls, server: FakeServer) -> None:
    """A stream that had to wait 2 s for its turn is heard as fast as the network is."""
    path = fake.files(CRAWL)[0]
    settings = Settings.resolve(base_url=server.url, rate=0.5, burst=1)
    size_bytes = (fake.root / path).stat().st_size
    heard = [network_bytes_per_s([path], 1, settings) for _ in range(2)]
    assert all(bytes_per_s and bytes_per_s > size_bytes for bytes_per_s in heard)


def test_what_takes_longest_binds(files: list[Path]) -> None:
    """The hours are those of requests, CPU or network, whichever is most; CPU is shared by as many as can work."""
    plan = cctrawl.plan_run(urls, files=files, workers=4)
    taken = Measurement("x", source_bytes=1000, cpu_s=2.0)
    measured = with_measurement(plan, taken, 10.0, cores=2)
    assert measured.hours_cpu == pytest.approx(plan.bytes * 2.0 / 1000 / 2 / 3600)
    assert measured.hours_network == pytest.approx(plan.bytes / 10.0 / 3600)
    assert measured.bound == "network"


def test_a_job_that_fails_when_measured_is_named(files: list[Path]) -> None:
    """What the job raises on the measured file is the error, with the file's name."""
    with pytest.raises(JobError, match=r"00\.warc\.gz: .*ZeroDivisionError"):
        cctrawl.plan_run(fails, files=files, measure=True)


def test_workers_of_hosts(files: list[Path], tmp_path: Path) -> None:
    """Over hosts the plan has the workers that the hosts file and --workers tell; without, it says who knows."""
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("h1 3\nh2\n")
    assert cctrawl.plan_run(urls, files=files, hosts=hosts, workers=4).workers == 7
    plan = cctrawl.plan_run(urls, files=files, hosts=hosts)
    assert plan.workers is None
    assert "cores of each host are not known before it is asked" in plan.summary()


def test_what_is_measured_for_hosts(files: list[Path], tmp_path: Path) -> None:
    """One file is run here; the hours are those of all workers of the hosts, if their number is known."""
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("h1 3\nh2\n")
    plan = cctrawl.plan_run(urls, files=files, hosts=hosts, workers=4, measure=True)
    assert plan.cpu_s_per_gb is not None
    assert plan.hours == pytest.approx(plan.bytes / 1e9 * plan.cpu_s_per_gb / 7 / 3600)
    plan = cctrawl.plan_run(urls, files=files, hosts=hosts, measure=True)
    assert (plan.hours, plan.bound) == (None, "")
    assert "s per GB, by a core of this machine" in plan.summary()
