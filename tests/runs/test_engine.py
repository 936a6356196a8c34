"""The engine of this machine, with real worker processes."""

from __future__ import annotations

import ctypes
import importlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import cctrawl
from cctrawl.errors import EngineError
from cctrawl.failures import RETRY, STOP
from cctrawl.runs.engine import (
    Event,
    Failed,
    Finished,
    LocalEngine,
    Progressed,
    RateAnswer,
    RateQuestion,
    RateUpdate,
    Said,
    WorkerLost,
)
from cctrawl.runs.jobs import JobReference, load_job
from cctrawl.runs.rates import RateDesk
from cctrawl.runs.task import Setup, Task
from cctrawl.settings import Settings
from cctrawl.store.rates import FILE_NAME, RateBook
from cctrawl.testing import FakeServer, Refuse, WarcWriter
from cctrawl.transport import Transport

EngineMaker = Callable[..., LocalEngine]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[EngineMaker]:
    """Make engines for a job, stopped in the end."""
    engines = []

    def maker(job: Callable[..., object] | JobReference, **options: float) -> LocalEngine:
        reference = job if isinstance(job, JobReference) else load_job(job)[0]
        setup = Setup(reference, "jsonl", header=False, on_damage="skip", settings=Settings.resolve())
        engines.append(LocalEngine(setup, 2, **{"timeout_s": 60.0, **options}))  # type: ignore[arg-type]  # by name
        return engines[-1]

    with WarcWriter(tmp_path / "in.warc.gz") as writer:
        writer.write_response("http://a.org/", b"x")
    yield maker
    for engine in engines:
        engine.stop()


def task(tmp_path: Path, position: int = 0) -> Task:
    """Return a task over the one file there is."""
    return Task(position, str(tmp_path / "in.warc.gz"), tmp_path / f"part{position}", ("url",))


def events_until(engine: LocalEngine, *kinds: type) -> list[Event]:
    """Return what happens up to the first event of these kinds."""
    seen: list[Event] = []
    deadline = time.monotonic() + 30
    while not any(isinstance(event, kinds) for event in seen):
        assert time.monotonic() < deadline, seen
        seen += engine.events(0.2)
    return seen


def urls(records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Return one row per record."""
    return [(record.url,) for record in records]


def test_a_task_becomes_a_part(make: EngineMaker, tmp_path: Path) -> None:
    """A task that is done has told its numbers, and its part is on disk."""
    engine = make(urls)
    assert engine.free() == 2
    engine.submit(task(tmp_path))
    assert engine.free() == 1
    seen = events_until(engine, Finished)
    assert any(isinstance(event, Progressed) and event.records == 1 for event in seen)
    assert (tmp_path / "part0").read_text() == '{"url": "http://a.org/"}\n'
    assert engine.free() == 2


def raises(records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Raise what no other process knows."""

    class Unpicklable(Exception):  # noqa: N818 - it is one
        def __reduce__(self) -> tuple[object, ...]:
            raise TypeError("not me")

    raise Unpicklable("boom " + next(records).url)


def test_any_exception_comes_back_as_words(make: EngineMaker, tmp_path: Path) -> None:
    """An exception that cannot be pickled is told with its type, text and line, and leaves no part."""
    engine = make(raises)
    engine.submit(task(tmp_path))
    failed = next(event for event in events_until(engine, Failed) if isinstance(event, Failed))
    assert failed.failure.verdict == RETRY
    assert "Unpicklable: boom http://a.org/" in failed.failure.message
    assert "test_engine.py" in failed.failure.details
    assert not (tmp_path / "part0").exists()


def talks(records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Print much, and a last line without an end."""
    for number in range(5000):
        print("line", number)  # noqa: T201 - the point
    os.write(2, b"x" * 200_000)
    return urls(records)


def test_what_a_job_prints_is_told_and_blocks_nothing(make: EngineMaker, tmp_path: Path) -> None:
    """Thousands of lines, and one that never ends, come out as lines while the task goes on."""
    engine = make(talks)
    engine.submit(task(tmp_path))
    seen = events_until(engine, Finished) + engine.events(0.2)
    lines = [event.message for event in seen if isinstance(event, Said)]
    assert lines[:2] == ["line 0", "line 1"]
    assert max(map(len, lines)) < 200_000


def dies(_records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Take the process along."""
    os.abort()


def test_a_worker_that_dies_is_replaced(make: EngineMaker, tmp_path: Path) -> None:
    """The death is told with its task and signal; the next task runs in a new process."""
    engine = make(dies)
    for position in range(2):
        engine.submit(task(tmp_path, position))
        lost = next(event for event in events_until(engine, WorkerLost) if isinstance(event, WorkerLost))
        assert lost.position == position
        assert "SIGABRT" in lost.reason
        assert not lost.is_innocent
        assert engine.free() == 2


def hoards(_records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Hold more and more memory."""
    held = []
    while True:
        held.append(bytearray(os.urandom(1) * 4_000_000))
        time.sleep(0.01)


def hoards_in_c(_records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Hold much memory, and let no other thread of this process say so."""
    held = os.urandom(1) * 400_000_000
    ctypes.PyDLL(None).sleep(600)
    return [(str(len(held)),)]


@pytest.mark.parametrize(
    "job",
    [
        hoards,
        pytest.param(hoards_in_c, marks=pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")),
    ],
)
def test_a_worker_that_holds_too_much_is_ended(
    make: EngineMaker, tmp_path: Path, job: Callable[..., list[tuple[str]]]
) -> None:
    """A leaking job is ended and named before it takes the machine, also one that lets nobody tell."""
    engine = make(job, max_memory_bytes=200 << 20)
    engine.submit(task(tmp_path))
    lost = next(event for event in events_until(engine, WorkerLost) if isinstance(event, WorkerLost))
    assert "--max-memory" in lost.reason


def test_workers_that_cannot_start_are_an_error(make: EngineMaker, tmp_path: Path) -> None:
    """When worker after worker dies before it is ready the engine gives up, with their last words."""
    (tmp_path / "ends.py").write_text("import os\nos.write(1, b'no more\\n')\nos._exit(7)\n")
    engine = make(JobReference("ends", f"{tmp_path}/ends.py:job", b"", ""))

    def submit_and_wait() -> None:
        for position in range(9):
            engine.submit(task(tmp_path, position))
            seen = events_until(engine, WorkerLost)
            assert all(event.is_innocent for event in seen if isinstance(event, WorkerLost))

    with pytest.raises(EngineError, match="exit code 7\nno more"):
        submit_and_wait()


class Unloadable:
    """What another process cannot load."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return importlib.import_module, ("no_such_module_anywhere",)


@pytest.mark.parametrize(
    "reference",
    [
        JobReference("gone", "no_such_module_anywhere:job", b"", ""),
        JobReference("gone", "", pickle.dumps(Unloadable()), ""),
    ],
    ids=["by name", "by value"],
)
def test_a_job_that_cannot_be_loaded_is_the_tasks_failure(
    make: EngineMaker, tmp_path: Path, reference: JobReference
) -> None:
    """Each task says why the job is not there and what to do; no worker dies of it."""
    engine = make(reference)
    for position in range(2):
        engine.submit(task(tmp_path, position))
        (failed,) = [event for event in events_until(engine, Failed) if not isinstance(event, Said)]
        assert isinstance(failed, Failed)
        assert failed.failure.verdict == RETRY
        assert "cannot be imported: ModuleNotFoundError: No module named 'no_such_module" in failed.failure.message
        assert failed.failure.details.startswith("Traceback")
        assert failed.failure.hint == "install it where this worker runs"


def test_a_disk_that_refuses_is_this_machines_trouble(make: EngineMaker, tmp_path: Path) -> None:
    """Where a part cannot be written everything stops, unless there are other machines."""
    engine = make(urls)
    engine.submit(replace(task(tmp_path), part=tmp_path / "gone" / "part"))
    failed = next(event for event in events_until(engine, Failed) if isinstance(event, Failed))
    assert (failed.failure.verdict, failed.failure.is_local) == (STOP, True)


def starts_another(records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Start a process that outlives its starter, say which, and follow the orders of the input's name."""
    record = next(records)
    child = subprocess.Popen(["sleep", "600"])
    Path(os.environ["CHILD_FILE"]).write_text(str(child.pid))
    if "aborts" in record.url:
        os.abort()
    while True:
        time.sleep(1)


def is_alive(process: int) -> bool:
    """Tell whether a process runs, and is no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Tell the process that `starts_another` starts, once it has."""
    file = tmp_path / "child"
    monkeypatch.setenv("CHILD_FILE", str(file))

    def wait() -> int:
        deadline = time.monotonic() + 30
        while not (file.exists() and file.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return int(file.read_text())

    return wait


def assert_ends(process: int) -> None:
    """Wait for the end of a process."""
    deadline = time.monotonic() + 5
    while is_alive(process):
        assert time.monotonic() < deadline, f"process {process} is still there"
        time.sleep(0.01)


def forks(_records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Die, and leave a copy of the process behind that holds all that was open."""
    if child := os.fork():
        Path(os.environ["CHILD_FILE"]).write_text(str(child))
        os.abort()
    while True:
        time.sleep(1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_death_is_noticed_though_a_copy_lives(
    make: EngineMaker, tmp_path: Path, child: Callable[[], int]
) -> None:
    """A worker that dies is missed at once, also if a process that its job forked keeps the connection open."""
    engine = make(forks)
    engine.submit(task(tmp_path))
    lost = next(event for event in events_until(engine, WorkerLost) if isinstance(event, WorkerLost))
    assert "SIGABRT" in lost.reason
    assert_ends(child())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", ["late", "aborts", "stopped"])
def test_what_a_job_started_ends_with_its_worker(
    make: EngineMaker, tmp_path: Path, child: Callable[[], int], how: str
) -> None:
    """Whether a worker is ended by --timeout, dies by itself or is stopped, no process of its job is left."""
    with WarcWriter(tmp_path / "in.warc.gz") as writer:
        writer.write_response(f"http://{how}.org/", b"x")
    engine = make(starts_another, timeout_s=1.5 if how == "late" else 60.0)
    engine.submit(task(tmp_path))
    if how == "stopped":
        process = child()
        engine.stop()
    else:
        lost = next(event for event in events_until(engine, WorkerLost) if isinstance(event, WorkerLost))
        assert ("--timeout" if how == "late" else "SIGABRT") in lost.reason
        process = child()
    assert_ends(process)


def test_a_wake_ends_the_waiting(make: EngineMaker) -> None:
    """Another thread makes a waiting engine return at once, once."""
    engine = make(urls)
    began_s = time.monotonic()
    threading.Timer(0.1, engine.wake).start()
    assert engine.events(20) == []
    assert time.monotonic() - began_s < 15
    engine.wake()
    assert engine.events(20) == []
    began_s = time.monotonic()
    assert engine.events(0.2) == []
    assert time.monotonic() - began_s > 0.1


def test_this_machine_has_no_hosts(make: EngineMaker) -> None:
    """The engine of one machine tells of no hosts."""
    assert make(urls).hosts() == ()


def hangs_in_c(_records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Say so, and keep the interpreter's lock."""
    Path(os.environ["HANGS_FILE"]).touch()
    ctypes.PyDLL(None).sleep(600)
    return []


def test_updates_do_not_wait_for_a_worker_that_hangs(
    make: EngineMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that lets no other thread of its worker read holds up nobody who informs all workers."""
    monkeypatch.setenv("HANGS_FILE", str(tmp_path / "hangs"))
    engine = make(hangs_in_c)
    engine.submit(task(tmp_path))
    deadline = time.monotonic() + 30
    while not (tmp_path / "hangs").exists():
        assert time.monotonic() < deadline
        engine.events(0.05)
    for _ in range(3000):
        engine.update_rates(RateUpdate(bytes(1000)))
    engine.events(0)


def asks_by_itself(records: Iterator[cctrawl.Record]) -> list[tuple[str]]:
    """Ask the server of the input for more than the input, as jobs may."""
    with Transport(Settings.resolve(data_dir=os.environ["NO_FOLDER"])) as transport:
        return [(f"{transport.size(os.environ['MORE'])} bytes",) for _ in records]


def test_rates_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers whose budget is elsewhere ask for each slot, hear of trouble, and keep no book, nor do their jobs."""
    (tmp_path / "served").mkdir()
    (tmp_path / "no folder").touch()
    with WarcWriter(tmp_path / "served" / "in.warc.gz") as writer:
        writer.write_response("http://a.org/", b"x")
    with FakeServer(tmp_path / "served", [Refuse(times=1, retry_after=0)]) as server:
        here = Settings.resolve(data_dir=tmp_path / "driver", base_url=server.url, rate=5)
        monkeypatch.setenv("NO_FOLDER", str(tmp_path / "no folder"))
        monkeypatch.setenv("MORE", server.url + "in.warc.gz")
        reference = load_job(asks_by_itself)[0]
        elsewhere = Settings.resolve(data_dir=tmp_path / "no folder", base_url=server.url, rate=5)
        setup = Setup(reference, "jsonl", False, "skip", elsewhere, asks_for_rates=True)
        engines: list[LocalEngine] = []
        asked: list[RateQuestion] = []
        desk = RateDesk(here, lambda update: engines[0].update_rates(RateUpdate(update)))

        def answer(question: RateQuestion) -> None:
            asked.append(question)
            answered = RateAnswer(question.worker, question.number, desk.answer(question.data))
            threading.Timer(0.02, engines[0].answer, [answered]).start()

        engines.append(LocalEngine(setup, 1, timeout_s=60, on_question=answer))
        engines[0].submit(replace(task(tmp_path), location=server.url + "in.warc.gz"))
        seen = events_until(engines[0], Finished, Failed)
        engines[0].stop()
        desk.close()
    assert isinstance(seen[-1], Finished), seen
    assert "bytes" in (tmp_path / "part0").read_text()
    assert "refused" in {event.topic for event in seen if isinstance(event, Said)}
    assert len(asked) >= 4  # what is known, a slot, a refusal, another slot
    book = RateBook(tmp_path / "driver" / FILE_NAME)
    assert book.read(server.url.rstrip("/")).cuts == 1
    book.close()
