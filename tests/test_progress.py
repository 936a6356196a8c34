"""Progress: what a log gets, and how numbers are said."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from tests.clocks import clocks

from cctrawl.progress import Snapshot, format_bytes, format_duration, open_progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes when it is told to, from 0 on."""
    now = [0.0]
    monkeypatch.setattr("cctrawl.progress.time", clocks(monotonic=lambda: now[0]))
    return now


def snapshot(total: int, done: int = 0, source_bytes: int = 0, records: int = 0, **troubles: int) -> Snapshot:
    """Return a snapshot of a run."""
    return Snapshot(total, done, float(done), source_bytes, {"records": records}, {"rows": 7}, troubles)


def test_a_log_gets_a_line_a_minute(clock: list[float]) -> None:
    """However often numbers come, a log gets one line per interval, with totals, rates and the time left."""
    log = io.StringIO()
    shown = open_progress(stream=log)
    for second in range(181):
        clock[0] = float(second)
        shown.update(snapshot(total=10, done=second // 30, source_bytes=second * 2_000_000, records=second * 100))
    lines = log.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith("6/10 files · ")
    assert " · 2.0 MB/s · 100 records/s · 7 rows · ETA 2 min" in lines[-1]


def test_the_first_line_of_a_log_has_rates(clock: list[float]) -> None:
    """It comes after a minute, and tells what came of that minute and how long the rest takes."""
    log = io.StringIO()
    shown = open_progress(stream=log)
    shown.update(snapshot(total=10))
    clock[0] = 60.0
    shown.update(snapshot(total=10, done=2, source_bytes=120_000_000, records=600))
    assert log.getvalue() == "2/10 files · 2.0 MB/s · 10 records/s · 7 rows · ETA 4 min 00 s\n"


def test_where_nobody_knows_the_end(clock: list[float]) -> None:
    """Without a total there is none to be told, and no time left; what is counted has its name."""
    log = io.StringIO()
    shown = open_progress(stream=log)
    for clock[0], done in ((0.0, 0), (60.0, 600)):
        shown.update(Snapshot(None, done, float(done), 0, {"records": done}, {}, {}, noun="captures"))
    assert log.getvalue() == "600 captures · 0.0 MB/s · 10 records/s\n"


def test_a_line_counts_what_there_is_to_do(clock: list[float]) -> None:
    """A search counts crawls, and tells what everything waits for in the place of the time left."""
    log = io.StringIO()
    shown = open_progress(stream=log)
    clock[0] = 60.0
    shown.update(Snapshot(3, 1, 1.0, 0, {}, {"rows": 7}, {}, waiting="fetching footers", noun="crawls"))
    assert log.getvalue() == "1/3 crawls · 0.0 MB/s · 7 rows · fetching footers\n"


def test_quiet_keeps_what_must_be_said() -> None:
    """With quiet no numbers are shown, but notes are."""
    log = io.StringIO()
    shown = open_progress(quiet=True, stream=log)
    shown.update(snapshot(total=1))
    shown.note("failed: x")
    shown.close()
    assert log.getvalue() == "failed: x\n"


def test_trouble_is_in_the_line(clock: list[float]) -> None:
    """Failures, retries, refusals and damage appear as soon as there are any."""
    log = io.StringIO()
    shown = open_progress(stream=log)
    clock[0] = 61.0
    shown.update(snapshot(total=9, failed=1, retries=2, refusals=3, resumed=0, damaged=4))
    assert "1 failed · 2 retries · 3 refusals · 4 damaged" in log.getvalue()


@dataclass(frozen=True)
class Host:
    """What is shown of a host."""

    name: str
    state: str = "up"
    workers: int = 4
    files_done: int = 1
    source_bytes: int = 0
    last_error: str = ""


def of_hosts(*hosts: Host) -> Snapshot:
    """Return a snapshot of a run over hosts."""
    return Snapshot(9, 2, 2.0, 0, {}, {}, {}, hosts=hosts)


def test_hosts_have_a_line_each(clock: list[float]) -> None:
    """Below the line of the whole, a log tells of each host its state, workers, files, rate and last error."""
    log = io.StringIO()
    shown = open_progress(stream=log)
    shown.update(of_hosts(Host("h1", source_bytes=10**7)))
    clock[0] = 60.0
    shown.update(
        of_hosts(Host("h1", source_bytes=7 * 10**7), Host("node-2", "lost", 1, 0, 0, "no\nanswer \x1b[2J"))
    )
    assert log.getvalue().splitlines()[1:] == [
        "  h1     up       4 workers · 1 file · 1.0 MB/s",
        "  node-2 lost     1 worker · 0 files · 0.0 MB/s · last error: no answer �[2J",
    ]


def test_of_many_hosts_those_in_trouble_are_shown(clock: list[float]) -> None:
    """Twenty hosts have a line, those that are not up first; the others are counted."""
    log = io.StringIO()
    shown = open_progress(stream=log)
    clock[0] = 61.0
    shown.update(of_hosts(*(Host(f"h{n}", "silent" if n == 40 else "up") for n in range(50))))
    _, *hosts, rest = log.getvalue().splitlines()
    assert [line.split()[0] for line in hosts] == ["h40", *(f"h{n}" for n in range(19))]
    assert rest == "  … and 30 more"


def test_hosts_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live line has those of the hosts below it, cut to the width."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "24")
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]  # a terminal
    shown = open_progress(stream=screen)
    shown.update(of_hosts(Host("h1"), Host("h2", "lost", last_error="x" * 90)))
    shown.note("h2: lost")
    shown.close()
    lines = screen.getvalue().split("\n")
    assert lines[1] == "  h1 up       4 workers · 1 file · 0.0 MB/s"
    assert lines[2].startswith("  h2 lost     4 workers · 1 file · 0.0 MB/s · last error: x…\r\x1b[2K")
    assert lines[2].endswith("h2: lost")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.84, "0.8 s"),
        (42, "42 s"),
        (200, "3 min 20 s"),
        (18120, "5 h 02 min"),
        (273600, "3 d 4 h"),
        (59.6, "1 min 00 s"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    """Durations have the two units that matter."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1_234_000, "1.2 MB"), (7.2e13, "72.0 TB")]
)
def test_sizes_for_people(number: float, text: str) -> None:
    """Sizes are in powers of ten."""
    assert format_bytes(number) == text
