"""One rate budget over hosts whose clocks differ and whose answers take their time."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.clocks import clocks

from cctrawl.errors import AbortedError, CctrawlError
from cctrawl.runs.rates import RateDesk, RemoteRates
from cctrawl.settings import Settings
from cctrawl.store.rates import FILE_NAME, HostRate, RateBook
from cctrawl.transport import Admission, Policy, Reserve
from cctrawl.transport.entries import Absolve, Memory, NoteAnswer, NoteProbe, NoteRefusal
from cctrawl.transport.pacing import Limits

NUMBERS = count()
T0 = 1_700_000_000.0
POLICY = Policy()
LIMITS = Limits(10, 1)


class Line:
    """A made-up clock, and a driver to whom a question and its answer take made-up times."""

    def __init__(self, folder: Path) -> None:
        self.now = T0
        self.ahead_s = 0.0
        self.there_s = self.back_s = 0.0
        self.later_back_s: float | None = None  # after the next answer
        self.asked: list[object] = []
        self._is_at_driver = False
        self.desk = RateDesk(Settings.resolve(data_dir=folder), self._hear)
        self.rates = RemoteRates(self._ask)

    def time(self) -> float:
        """Return what the clock shows where the caller is."""
        return self.now + (0 if self._is_at_driver else self.ahead_s)

    @contextmanager
    def at_driver(self, *, yes: bool = True) -> Iterator[None]:
        """Be at the driver's, or back."""
        self._is_at_driver = yes
        yield
        self._is_at_driver = not yes

    def _hear(self, update: bytes) -> None:
        with self.at_driver(yes=False):
            self.rates.heard(update)

    def _ask(self, number: int, data: bytes) -> None:
        self.asked.append(pickle.loads(data)[1])  # noqa: S301 - our own
        self.now += self.there_s
        with self.at_driver():
            answer = self.desk.answer(data)
        self.now += self.back_s
        self.rates.answered(number, answer)
        self.back_s = self.later_back_s if self.later_back_s is not None else self.back_s


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """Have a driver elsewhere, whose clock and ours are made up."""
    line = Line(tmp_path_factory.mktemp("driver"))
    with pytest.MonkeyPatch.context() as patch:
        for module in ("cctrawl.runs.rates", "cctrawl.store.rates"):
            patch.setattr(f"{module}.time", clocks(time=line.time))
        yield line
    line.desk.close()


@pytest.fixture
def line(clock: Line) -> Line:
    """Have nothing asked yet."""
    clock.ahead_s = clock.there_s = clock.back_s = 0.0
    clock.later_back_s = None
    clock.asked.clear()
    clock.rates = RemoteRates(clock._ask)
    return clock


@pytest.fixture
def host() -> str:
    """Name a host of which nothing is known."""
    return f"https://host{next(NUMBERS)}.org"


def is_time(name: str) -> bool:
    """Tell whether a field of a row is a time, by its name."""
    return name.endswith(("_at", "_from", "_until"))


def moved(row: HostRate, by_s: float) -> dict[str, object]:
    """Return the fields of a row with its times moved."""
    return {name: value + by_s if is_time(name) and value else value for name, value in asdict(row).items()}


@dataclass(frozen=True)
class _Put:
    """Put a row in the place of what is there."""

    row: HostRate

    def __call__(self, row: HostRate, _now: float) -> None:
        vars(row).update(vars(self.row))


times = st.one_of(st.just(0.0), st.floats(T0 - 1e6, T0 + 1e6))
rows = st.builds(HostRate, **{name: times for name in vars(HostRate()) if is_time(name)})
limits = st.builds(Limits, st.just(10.0), st.just(5.0), st.booleans())
memories = st.builds(
    Memory, times, st.integers(0, 5), st.integers(0, 5), st.one_of(st.none(), st.integers(0, 3)), st.integers(0, 3)
)
paths = st.sampled_from(["/a", "/b"])
counts = st.integers(0, 3)
policy, pause_s = st.just(POLICY), st.just(60.0)
entries = st.one_of(
    st.builds(Reserve, counts, limits, policy),
    st.builds(NoteAnswer, counts, paths, st.booleans()),
    st.builds(NoteRefusal, counts, paths, memories, limits, policy, pause_s),
    st.builds(Absolve, paths),
    st.builds(NoteProbe, policy, st.booleans(), st.booleans()),
)


@given(row=rows, ahead_s=st.floats(-1e5, 1e5))
def test_a_row_is_read_in_the_readers_time(clock: Line, row: HostRate, ahead_s: float) -> None:
    """Every time in a row is moved by the difference of the clocks; 0 stays never; all else is as it is."""
    host = f"https://host{next(NUMBERS)}.org"
    clock.ahead_s = ahead_s
    clock.rates = RemoteRates(clock._ask)
    clock.rates.change(host, _Put(row))
    assert asdict(clock.rates.read(host)) == pytest.approx(moved(row, ahead_s), abs=1e-3)


@settings(max_examples=60)
@given(made=st.lists(st.tuples(st.floats(0, 30), entries), max_size=12), ahead_s=st.floats(-1e4, 1e4))
def test_an_entry_from_elsewhere_is_as_good_as_one_made_here(
    clock: Line, made: list[tuple[float, Callable[[HostRate, float], object]]], ahead_s: float
) -> None:
    """Whatever is entered, and however clocks differ: results and rows are those of the entry itself."""
    host, row = f"https://host{next(NUMBERS)}.org", HostRate()
    clock.ahead_s = ahead_s
    clock.rates = RemoteRates(clock._ask)
    for gap_s, entry in made:
        clock.now += gap_s
        here = entry(row, clock.now)
        there, there_row = clock.rates.change(host, entry)
        assert asdict(there_row) == pytest.approx(moved(row, ahead_s), abs=1e-3)
        assert asdict(clock.rates.read(host)) == pytest.approx(moved(row, ahead_s), abs=1e-3)
        if isinstance(here, Admission):
            assert isinstance(there, Admission)
            assert there.action == here.action
            assert there.at == pytest.approx(here.at + ahead_s, abs=1e-3)
        else:
            assert there == here


@pytest.mark.parametrize("ahead_s", [0.0, 30.0, -7.0])
def test_slots_are_kept_at_the_drivers_time(line: Line, host: str, ahead_s: float) -> None:
    """However unevenly questions and answers travel, once one was quick a slot is known to the millisecond."""
    line.ahead_s = ahead_s
    line.rates.read(host)
    line.there_s, line.back_s = 0.4, 0.05
    line.rates.change(host, Reserve(0, LIMITS, POLICY))
    for slot in range(5):
        admission, _ = line.rates.change(host, Reserve(0, LIMITS, POLICY))
        assert admission.at - ahead_s <= line.now + 0.1, slot


def test_a_clock_that_is_set_is_noticed(line: Line, host: str) -> None:
    """When the clock of a worker jumps, the next answer is right again, to the time it took."""
    line.there_s = line.back_s = 0.01
    for ahead_s in (0.0, 30.0, -3600.0):
        line.ahead_s = ahead_s
        line.rates.change(host, NoteAnswer(0, "", is_ramp=False))
        assert line.rates.read(host).answered_at == pytest.approx(line.now - 0.01 + ahead_s, abs=0.02)


def test_an_overdue_slot_is_given_up(line: Line, host: str) -> None:
    """A slot that was due long before its answer came is not used: one that lies ahead is, and is counted once."""
    line.there_s = line.back_s = 0.01
    line.rates.read(host)
    line.back_s = 2.0
    line.asked.clear()
    line.later_back_s = 0.01
    admission, _ = line.rates.change(host, Reserve(3, LIMITS, POLICY))
    assert line.asked == [Reserve(3, LIMITS, POLICY), Reserve(0, LIMITS, POLICY, lead_s=0.5)]
    assert admission.at >= line.now


def test_a_line_that_stays_slow_is_used(line: Line, host: str) -> None:
    """Where every answer takes two seconds, slots that are due when they come are taken: nobody asks for ever."""
    line.there_s = line.back_s = 1.0
    line.rates.read(host)
    line.asked.clear()
    for _ in range(5):
        line.rates.change(host, Reserve(0, LIMITS, POLICY))
    assert len(line.asked) == 5


def test_nothing_is_asked_for_what_is_known(line: Line, host: str) -> None:
    """A row is asked for once; then answers and updates keep it."""
    for _ in range(5):
        line.rates.read(host)
    assert line.asked == [None]


def asking(desk: RateDesk) -> RemoteRates:
    """Return the rates of a worker that is answered at once."""

    def ask(number: int, data: bytes) -> None:
        rates.answered(number, desk.answer(data))

    rates = RemoteRates(ask)
    return rates


def test_what_other_commands_meet_is_told(tmp_path: Path) -> None:
    """A refusal that another command of this machine notes in the book is told to all workers elsewhere."""
    told: SimpleQueue[bytes] = SimpleQueue()
    desk = RateDesk(Settings.resolve(data_dir=tmp_path), told.put)
    rates = asking(desk)
    assert rates.read("http://host").cuts == 0
    book = RateBook(tmp_path / FILE_NAME)
    book.change("http://host", NoteAnswer(0, "/a", is_ramp=False))
    book.change("http://host", NoteRefusal(0, "/b", Memory(), LIMITS, POLICY, pause_s=60))
    rates.heard(told.get(timeout=20))
    assert rates.read("http://host").cuts == 1
    assert rates.read("http://host").known_path == "/a"
    assert told.empty(), "an answer is no trouble"
    book.close()
    desk.close()


def test_what_one_worker_meets_is_told_to_all(tmp_path: Path) -> None:
    """A refusal is told at once, answers and slots are not; what comes late never replaces what is newer."""
    told: list[bytes] = []
    desk = RateDesk(Settings.resolve(data_dir=tmp_path), told.append)
    first, second = asking(desk), asking(desk)
    refusal = NoteRefusal(0, "/b", Memory(), LIMITS, replace(POLICY, halve_every_s=0), pause_s=60)
    second.change("http://host", NoteAnswer(0, "", is_ramp=False))
    first.change("http://host", refusal)
    first.change("http://host", Reserve(0, LIMITS, POLICY))
    (update,) = told
    second.heard(update)
    assert second.read("http://host").cuts == 1
    second.change("http://host", refusal)
    second.heard(update)
    assert second.read("http://host").cuts == 2
    desk.close()


def test_a_book_that_breaks_is_said(tmp_path: Path) -> None:
    """Where the driver cannot use its book, who asks elsewhere hears why, and what to do."""
    (tmp_path / "file").touch()
    line = Line(tmp_path / "file")
    with pytest.raises(CctrawlError, match="file") as caught:
        line.rates.read("http://host")
    assert caught.value.hint


def test_a_question_that_is_none_is_answered(tmp_path: Path) -> None:
    """Whatever comes, a worker waits for an answer: what cannot be done is told."""
    desk = RateDesk(Settings.resolve(data_dir=tmp_path), lambda _: None)
    answer = pickle.loads(desk.answer(b"nonsense"))  # noqa: S301 - our own
    assert isinstance(answer, AbortedError)
    assert "version" in (answer.hint or "")
    desk.close()
