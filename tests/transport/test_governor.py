from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import AbortedError, AccessDeniedError, TransportError
from cctrawl.settings import Settings
from cctrawl.store.rates import FILE_NAME
from cctrawl.testing.faults import Refuse, RefuseAboveRate
from cctrawl.testing.server import FakeServer
from cctrawl.transport import Counters, CountersSnapshot, Policy, Transport
from cctrawl.transport.governor import Governor
from cctrawl.transport.pacing import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.transport.conftest import Bench

Outcome = tuple[list[int], CountersSnapshot]

DATA = "https://data.commoncrawl.org"
INDEX = "https://index.commoncrawl.org"
REQUESTS = 2000  # ten seconds' worth; benchmarks/limited_server.py asks for more, and beside its peers


def in_threads(count: int, work: Callable[[int], object]) -> None:
    """Call ``work`` with 0, 1, ... in so many threads and wait for all."""
    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def govern(tmp_path: Path) -> Iterator[Callable[..., Governor]]:
    """Make governors that probe nobody."""
    made: list[Governor] = []

    def make(*, ramp: bool = False, **settings: object) -> Governor:
        governor = Governor(
            Settings.resolve(data_dir=tmp_path, **settings),
            ramp=ramp,
            policy=Policy(),
            counters=Counters(),
            on_event=lambda _: None,
            probe=lambda _: True,
        )
        made.append(governor)
        return governor

    yield make
    for governor in made:
        governor.close()


def test_default_limits(govern: Callable[..., Governor]) -> None:
    """Common Crawl's hosts and bucket have their defaults, others none."""
    governor = govern()
    assert governor.limits(DATA) == Limits(10, 300)
    assert governor.limits("s3://commoncrawl") == Limits(10, 300)
    assert governor.limits(DATA.replace("https:", "http:")) == Limits(10, 300)
    assert governor.limits("s3://mine") == Limits()
    assert governor.limits(INDEX) == Limits(1, 5)
    assert governor.limits("http://127.0.0.1:8000") == Limits()


def test_an_explicit_rate_is_for_the_base_url(govern: Callable[..., Governor]) -> None:
    """``--rate`` and ``--burst`` hold for the base URL's host alone, ``--rate 0`` lifts its limit."""
    governor = govern(rate=50, burst=7)
    assert governor.limits(DATA) == Limits(50, 7)
    assert governor.limits(INDEX) == Limits(1, 5)
    assert govern(rate=0).limits(DATA).rate_per_s == Limits().rate_per_s
    mirror = govern(rate=4, base_url="http://mirror.org/cc/")
    assert mirror.limits("http://mirror.org") == Limits(4, 4)
    assert mirror.limits(DATA) == Limits(10, 300)


def test_a_rate_of_nought_leaves_out_the_ramp_elsewhere(govern: Callable[..., Governor]) -> None:
    """``--rate 0`` at another base URL asks at full speed at once; Common Crawl's hosts are ramped anyway."""
    here = "http://127.0.0.1:8000"
    assert govern(ramp=True, base_url=here).limits(here).ramp
    freed = govern(ramp=True, rate=0, base_url=here)
    assert not freed.limits(here).ramp
    assert freed.limits(DATA).ramp
    assert govern(ramp=True, rate=0).limits(DATA).ramp


def test_a_shared_state_that_breaks_is_no_fault_of_the_location(bench: Bench) -> None:
    """When requests can no longer be counted together, nothing more is asked, and that is no try of any file."""
    transport = bench.transport(rate=1000)
    transport.size(bench.url())
    with closing(sqlite3.connect(bench.state / FILE_NAME)) as database:
        database.execute("DROP TABLE host_rate")
    with pytest.raises(AbortedError, match="the shared rate budget"):
        transport.size(bench.url())
    assert bench.server.count() == 1


def test_what_a_403_means(govern: Callable[..., Governor]) -> None:
    """A 403 is a refusal below the base URL, and on Common Crawl's index server when we use Common Crawl."""
    governor = govern()
    assert governor.is_ours(f"{DATA}/crawl-data/x")
    assert governor.is_ours(f"{INDEX}/collinfo.json")
    assert not governor.is_ours("https://example.org/x")
    mirror = govern(base_url="http://mirror.org/cc/")
    assert mirror.is_ours("http://mirror.org/cc/x")
    assert not mirror.is_ours("http://mirror.org/other/x")
    assert not mirror.is_ours(f"{INDEX}/collinfo.json")


def test_refusals_cost_no_tries(bench: Bench) -> None:
    """A request that is refused more often than ``tries`` still gets through."""
    transport = bench.transport(tries=1)
    bench.faults(Refuse(status=429, times=2))
    assert transport.read_range(bench.url(), 0, 5) == bench.body[:5]
    counted = transport.counters.snapshot()
    assert (counted.refusals, counted.retries) == (2, 0)
    assert bench.kinds() == ["refused"]


@pytest.mark.parametrize("retry_after", [0.3, "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"])
def test_retry_after_is_honoured(bench: Bench, retry_after: float | str) -> None:
    """A refused request waits as long as the server wishes, and at least the least time."""
    bench.faults(Refuse(times=1, retry_after=retry_after))
    bench.transport().size(bench.url())
    first, second = bench.server.requests
    least_s = retry_after if isinstance(retry_after, float) else 0.02
    assert second.time_s - first.time_s >= least_s


def test_the_rate_holds_across_transports(bench: Bench) -> None:
    """Two transports of one user share one budget: beyond the burst, requests keep their distance."""
    transports = [bench.transport(rate=100, burst=5) for _ in range(2)]
    in_threads(8, lambda i: [transports[i % 2].size(bench.url()) for _ in range(5)])
    times = [request.time_s for request in bench.server.requests]
    assert len(times) == 40
    assert times[-1] - times[0] >= (40 - 5) / 100 / 2  # half of it, for late arrivals


def test_a_ramp_begins_slowly(bench: Bench) -> None:
    """A ramping transport does not burst, though nothing limits it."""
    transport = bench.transport(ramp=True)
    in_threads(4, lambda _: [transport.size(bench.url()) for _ in range(10)])
    times = [request.time_s for request in bench.server.requests]
    assert times[-1] - times[0] >= (40 - 20) / 200  # 200/s, less what late waiters may catch up


def test_a_block_pauses_probes_and_goes_on(bench: Bench) -> None:
    """Refused by everything, all wait, one probe finds the end of the block, and every request arrives."""
    transport = bench.transport(block_pause="200ms")
    transport.size(bench.url("b.warc.gz"))
    bench.faults(Refuse(status=403, for_s=0.6))
    got: list[bytes] = []
    in_threads(4, lambda i: got.append(transport.read_range(bench.url(), i, i + 9)))
    assert sorted(got) == sorted(bench.body[i : i + 9] for i in range(4))
    assert [kind for kind in bench.kinds() if kind != "refused"][-2:] == ["probing", "resumed"]
    assert "paused" in bench.kinds()
    probes = [r for r in bench.server.requests if (r.path, r.range) == ("b.warc.gz", "bytes=0-0")]
    assert probes, "the file that was answered before decides"


def test_patience_ends(bench: Bench) -> None:
    """A block that never ends costs ``patience`` in all, then the run is told to stop, resumably."""
    transport = bench.transport(block_pause="100ms", patience="500ms")
    bench.faults(Refuse())
    errors: list[AbortedError] = []

    def ask(_: int) -> None:
        with pytest.raises(AbortedError, match="refused everything") as caught:
            transport.size(bench.url())
        errors.append(caught.value)

    in_threads(4, ask)
    assert len(errors) == 4
    assert all(error.hint and "later" in error.hint for error in errors)


def test_workers_spend_one_patience(bench: Bench) -> None:
    """What one process waited on a block, another of the same run has not to wait again."""
    first, second = (bench.transport(block_pause="100ms", patience="500ms") for _ in range(2))
    first.size(bench.url())
    second.size(bench.url())
    bench.faults(Refuse())
    with pytest.raises(AbortedError):
        first.size(bench.url())
    waited_s = second.counters.snapshot().waited_s
    with pytest.raises(AbortedError):
        second.size(bench.url("b.warc.gz"))
    assert second.counters.snapshot().waited_s == waited_s


def test_pauses_of_the_past_try_no_patience(bench: Bench) -> None:
    """A command that comes while a block is on has its whole patience before it."""
    bench.faults(Refuse())
    with pytest.raises(AbortedError):
        bench.transport(block_pause="100ms", patience="300ms").size(bench.url())
    bench.faults()
    assert bench.transport(block_pause="100ms", patience="1s").size(bench.url()) == len(bench.body)


@pytest.mark.parametrize(("status", "error"), [(403, AccessDeniedError), (503, TransportError)])
def test_a_path_refused_alone_is_the_trouble(bench: Bench, status: int, error: type[TransportError]) -> None:
    """While others are answered, a path that goes on being refused is given up, without a block."""
    transport = bench.transport()
    bench.faults(Refuse(path="a*", status=status))
    done = threading.Event()

    def others(i: int) -> None:
        while i == 0 and not done.is_set():
            transport.size(bench.url("b.warc.gz"))

    def ask(i: int) -> None:
        others(i)
        if i == 1:
            with pytest.raises(error, match="while others are answered"):
                transport.size(bench.url())
            done.set()

    in_threads(2, ask)
    assert "paused" not in bench.kinds()


def test_a_path_refused_before_and_after_a_probe_is_the_trouble(bench: Bench) -> None:
    """Where nothing else is asked for, the probe decides: it answers, the path does not."""
    transport = bench.transport(block_pause="50ms")
    bench.faults(Refuse(path="a*", status=403))
    with pytest.raises(AccessDeniedError, match=r"a\.warc\.gz is refused"):
        transport.size(bench.url())
    assert bench.server.count("collinfo.json") == 1
    assert "resumed" in bench.kinds()
    transport.size(bench.url("b.warc.gz"))


def test_the_next_command_knows_of_the_block(bench: Bench) -> None:
    """A block is remembered in the data folder: another transport waits for its end and asks nothing."""
    first = bench.transport(block_pause="300ms", patience=0)
    bench.faults(Refuse())
    with pytest.raises(AbortedError):
        first.size(bench.url())
    bench.faults()
    second = bench.transport()
    assert second.size(bench.url()) == len(bench.body)
    assert bench.server.requests[0].range == "bytes=0-0"


def _read_names(url: str, state: str, first: int, results: multiprocessing.Queue[Outcome]) -> None:
    settings = Settings.resolve(base_url=url, data_dir=state)
    missing: list[int] = []
    with Transport(settings, ramp=True) as transport:

        def read(thread: int) -> None:
            own = range(first + thread, first + REQUESTS // 2, 8)
            missing.extend(i for i in own if transport.read_range(f"{url}{i}.warc", 0, 5) != b"%05d" % i)

        in_threads(8, read)
        results.put((missing, transport.counters.snapshot()))


@pytest.mark.slow
@pytest.mark.parametrize("status", [403, 503])
def test_a_limited_server_gives_everything_with_few_refusals(tmp_path: Path, status: int) -> None:
    """Against 200 requests/s, two processes of eight threads get all they ask for with under 8 % refusals."""
    folder = tmp_path / "served"
    folder.mkdir()
    for i in range(REQUESTS):
        (folder / f"{i}.warc").write_bytes(b"%05d" % i)
    context = multiprocessing.get_context("spawn")
    with FakeServer(folder, [RefuseAboveRate(per_s=200, status=status)]) as server:
        results: multiprocessing.Queue[Outcome] = context.Queue()
        state = str(tmp_path / "state")
        workers = [
            context.Process(target=_read_names, args=(server.url, state, first, results))
            for first in (0, REQUESTS // 2)
        ]
        for worker in workers:
            worker.start()
        outcomes = [results.get() for _ in workers]
        for worker in workers:
            worker.join()
    total = CountersSnapshot()
    for missing, counted in outcomes:
        assert missing == []
        total += counted
    assert total.refusals == server.count(status=status) < 0.08 * REQUESTS
