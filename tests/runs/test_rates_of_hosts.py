"""Two hosts, with clocks of their own and a line that takes its time, ask one server on one budget."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import dropwhile, takewhile
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from cctrawl.runs.rates import RateDesk, RemoteRates
from cctrawl.settings import Settings
from cctrawl.testing import FakeServer, Refuse
from cctrawl.testing.server import LoggedRequest
from cctrawl.transport import Policy, Transport, share_rates

RATE = 40
THREADS = 12  # on each host
PAUSE_S = 1.0
DELAY_S = 0.02
CLOCKS = {"first": 30.0, "second": -7.0}
# One refusal makes a block, so that what one host meets stops the other; the ramp begins where it ends.
POLICY = Policy(block_refusals=1, block_after_s=0, floor_per_s=20, ramp_start_per_s=RATE, block_recover_s=1)


def _host(name: str, url: str, state: str, connection: Connection) -> None:
    """Ask for a file of its own with many threads, until told to stop; the budget is at the end of a line."""
    time.time = partial(_ahead, time.time, CLOCKS[name])  # the clock of this machine
    sending = threading.Lock()

    def ask(number: int, data: bytes) -> None:
        with sending:
            connection.send((number, data))

    rates = RemoteRates(ask)
    settings = Settings.resolve(base_url=url, data_dir=state, rate=RATE, block_pause=PAUSE_S, contact=name)
    share_rates(rates)
    transport = Transport(settings, ramp=True, policy=POLICY)

    def work() -> None:
        while True:
            transport.size(f"{url}{name}.gz")

    for _ in range(THREADS):
        threading.Thread(target=work, daemon=True).start()
    while (heard := connection.recv()) is not None:
        number, data = heard
        if number:
            rates.answered(number, data)
        else:
            rates.heard(data)


def _ahead(clock: Callable[[], float], by_s: float) -> float:
    return clock() + by_s


def even() -> float:
    """Take 20 ms, always."""
    return DELAY_S


def stalling() -> float:
    """Let nothing through for one second in three; then all of it at once."""
    within_s = time.monotonic() % 3
    return DELAY_S + (3 - within_s if within_s > 2 else 0)


def uneven() -> float:
    """Take up to 0.3 s."""
    return random.uniform(0, 0.3)


class Driver:
    """Keeps the book, at the other end of lines that take 20 ms there, and their time back."""

    def __init__(self, data_dir: Path, back_s: Callable[[], float]) -> None:
        self._back_s = back_s
        self._desk = RateDesk(Settings.resolve(data_dir=data_dir), self._tell_all)
        self._lines: list[Connection] = []
        self._sending = threading.Lock()

    def serve(self, line: Connection) -> None:
        """Answer what comes from a host, until it is gone."""
        self._lines.append(line)
        while True:
            try:
                number, data = line.recv()
            except (EOFError, OSError):
                return
            self._later(DELAY_S, self._answer, line, number, data)

    def _answer(self, line: Connection, number: int, data: bytes) -> None:
        self._later(self._back_s(), self._send, line, (number, self._desk.answer(data)))

    def _tell_all(self, data: bytes) -> None:
        for line in self._lines:
            self._later(self._back_s(), self._send, line, (0, data))

    def _send(self, line: Connection, message: object) -> None:
        with self._sending, suppress(OSError):  # the host is gone
            line.send(message)

    def _later(self, delay_s: float, do: Callable[..., None], *arguments: object) -> None:
        threading.Timer(delay_s, do, arguments).start()

    def stop(self) -> None:
        """Tell all hosts to stop."""
        for line in self._lines:
            with self._sending:
                line.send(None)
        self._desk.close()


@contextmanager
def hosts_asking(url: str, folder: Path, back_s: Callable[[], float]) -> Iterator[None]:
    """Have two hosts ask a server as hard as they may."""
    driver = Driver(folder / "driver", back_s)
    context = multiprocessing.get_context("spawn")
    (folder / "none").touch()  # hosts have no data folder
    ends: list[Connection] = []
    processes, threads = [], []
    for name in CLOCKS:
        ours, theirs = context.Pipe()
        processes.append(context.Process(target=_host, args=(name, url, str(folder / "none"), theirs)))
        processes[-1].start()
        theirs.close()
        threads.append(threading.Thread(target=driver.serve, args=(ours,)))
        threads[-1].start()
        ends.append(ours)
    try:
        yield
    finally:
        driver.stop()
        for process in processes:
            process.join(20)
        for thread in threads:
            thread.join()
        for end in ends:
            end.close()
    assert [process.exitcode for process in processes] == [0, 0]


def in_one_second(requests: Sequence[LoggedRequest]) -> int:
    """Return how many requests came within a second, at most."""
    times = [request.time_s for request in requests]
    return max(bisect_left(times, begin_s + 1) - at for at, begin_s in enumerate(times))


def names(requests: Sequence[LoggedRequest]) -> set[str]:
    """Return which hosts asked."""
    return {name for name in CLOCKS for request in requests if name in request.user_agent}


def wait(until: Callable[[], bool]) -> None:
    """Wait for something that happens soon."""
    deadline = time.monotonic() + 30
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_probe(request: LoggedRequest) -> bool:
    """Tell whether a request asks for one byte."""
    return request.range == "bytes=0-0"


def since_probe(requests: Sequence[LoggedRequest]) -> list[LoggedRequest]:
    """Return the requests from the probe on."""
    return [*dropwhile(lambda request: not is_probe(request), requests)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeServer]:
    """Serve a file for each host."""
    (tmp_path / "served").mkdir()
    for name in CLOCKS:
        (tmp_path / "served" / f"{name}.gz").write_bytes(b"x" * 100)
    with FakeServer(tmp_path / "served") as server:
        yield server


def test_hosts_share_one_rate_and_one_trouble(server: FakeServer, tmp_path: Path) -> None:
    """Two hosts never exceed the rate in sum; a 403 met by one stops both, and one probe lets both go on."""
    with hosts_asking(server.url, tmp_path, even):
        wait(lambda: len(server.requests) > 2 * RATE and names(list(server.requests)) == set(CLOCKS))
        calm = list(server.requests)
        server.requests.clear()
        server.set_faults([Refuse(path="first*", status=403, times=1)])
        wait(lambda: any(map(is_probe, list(server.requests))))
        wait(
            lambda: names([*dropwhile(lambda request: not is_probe(request), list(server.requests))]) == set(CLOCKS)
        )
        trouble = list(server.requests)
    assert in_one_second(calm) <= RATE * (1 + POLICY.slack_s + 2 * DELAY_S) + 1
    after = [*dropwhile(lambda request: request.status != 403, trouble)][1:]
    stopped = [*takewhile(lambda request: not is_probe(request), after)]
    assert len(stopped) <= RATE * 0.2, "what comes in 0.1 s, and as much again for a busy machine"
    assert [is_probe(request) for request in after].count(True) == 1
    assert after[len(stopped)].time_s - after[0].time_s > PAUSE_S - 0.5


@pytest.mark.exhaustive
@pytest.mark.parametrize("back_s", [stalling, uneven])
def test_what_was_held_up_is_not_caught_up(server: FakeServer, tmp_path: Path, back_s: Callable[[], float]) -> None:
    """However unevenly answers come, many at once after a stall among them, the rate is never exceeded."""
    with hosts_asking(server.url, tmp_path, back_s):
        wait(lambda: len(server.requests) > 8 * RATE)
        requests = list(server.requests)
    assert in_one_second(requests) <= RATE * (1 + POLICY.slack_s + 2 * DELAY_S) + 1
