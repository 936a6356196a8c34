"""One input, from its stream to a durable part. This is all that a worker does, on whatever engine it lives."""

from __future__ import annotations

import os
import secrets
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING

from cctrawl.errors import AbortedError, CctrawlError, JobError
from cctrawl.failures import RETRY, STOP, verdict_of
from cctrawl.output import PartSummary, PartWriter, open_part
from cctrawl.runs.conditions import NO_CONDITIONS, Conditions
from cctrawl.runs.jobs import Job, JobReference, take_tallies
from cctrawl.runs.picked import PickedRecords
from cctrawl.settings import Settings
from cctrawl.store import ranges_of
from cctrawl.transport import Transport, locate
from cctrawl.warc import RecordReader, read_records

if TYPE_CHECKING:
    from cctrawl.transport import Stream
    from cctrawl.warc import Damage, Record

# All damage is counted; this much of one input is named. A file that is noise from end to end names enough.
NAMED_DAMAGES = 1000

# Set while a job's file is imported, and in workers: a run that begins then is a mistake.
IMPORTING = "CCTRAWL_IMPORTING_JOB"


@dataclass(frozen=True)
class Setup:
    """What all tasks of a run share; sent to each worker once.

    Attributes:
        job: where the job is found.
        format: the format of the parts.
        header: whether a CSV part begins with its column names.
        on_damage: ``skip`` or ``raise``.
        settings: how to ask for bytes.
        where: which records the job gets.
        asks_for_rates: the shared rate budget is not on this machine: workers ask the engine's owner for it.
        parts_url: where workers upload their parts, ``s3://bucket/folder/``; empty: parts stay files.
    """

    job: JobReference
    format: str
    header: bool
    on_damage: str
    settings: Settings
    where: Conditions = NO_CONDITIONS
    asks_for_rates: bool = False
    parts_url: str = ""


@dataclass(frozen=True)
class Task:
    """One try at one input.

    Attributes:
        position: the input's position in the input list.
        location: the input: a listed path, a URL or a file.
        part: the file its rows go to.
        columns: the run's columns, if they are known by now.
        ranges: which of its records are read, packed as `store.ranges_of` reads them; ``None`` for all.
    """

    position: int
    location: str
    part: Path
    columns: tuple[str, ...] | None
    ranges: bytes | None = None


@dataclass(frozen=True)
class TaskResult:
    """What became of an input whose part is durable.

    Attributes:
        part: what the part holds.
        records: records read, wanted or not.
        source_bytes: bytes read from the source.
        damaged: number of damaged places.
        damages: the first of them, as ``(offset, skipped_bytes, reason)``.
        tallies: what the job counted.
        uploaded: where the part is, if its worker has uploaded it; then there is no file.
    """

    part: PartSummary
    records: int
    source_bytes: int
    damaged: int
    damages: tuple[tuple[int, int, str], ...]
    tallies: dict[str, int]
    uploaded: str = ""


@dataclass(frozen=True)
class TaskFailure:
    """Why an input was not done.

    Attributes:
        verdict: ``retry`` (may go better next time), ``give up`` (will not), or ``stop`` (the whole run cannot
            go on: the disk is full, this machine is set up wrongly, or patience with the server is spent).
        message: what happened.
        details: the traceback in the user's code, if it was the job.
        hint: what to do next.
        is_local: with ``stop``, the trouble is this machine's own: others may go on without it.
    """

    verdict: str
    message: str
    details: str = ""
    hint: str | None = None
    is_local: bool = False


class _DiskError(Exception):
    """Writing the part failed; not the job's fault, nor the input's."""


class _MachineError(Exception):
    """This machine is set up wrongly for the input, and for all that lie where it does."""


@dataclass
class TaskProgress:
    """How far the task under way is; read by another thread, so it holds no more than references.

    Attributes:
        stream: the input's stream, once it is open.
        reader: the reader of its records, once it is open.
        writer: the writer of its part, once there is one.
        is_uploading: whether it is about uploading just now, which no timeout is for: the transport has its own.
    """

    stream: Stream | PickedRecords | None = None
    reader: RecordReader | PickedRecords | None = None
    writer: PartWriter | None = None
    is_uploading: bool = False
    damages: list[tuple[int, int, str]] = field(default_factory=list)

    def note(self, damage: Damage) -> None:
        """Keep a damage, unless there are many already: the readers count them all."""
        if len(self.damages) < NAMED_DAMAGES:
            self.damages.append((damage.offset, damage.skipped_bytes, damage.reason))

    def numbers(self) -> tuple[int, int, int, float]:
        """Return source bytes, records, rows, and the fraction of the input that was read (0 if unknown)."""
        stream, reader, writer = self.stream, self.reader, self.writer
        position = stream.position if stream is not None else 0
        size = stream.size_bytes if stream is not None else None
        records = reader.records_read if reader is not None else 0
        rows = writer.rows if writer is not None else 0
        return position, records, rows, position / size if size else 0.0


def run_task(
    task: Task, setup: Setup, job: Job, transport: Transport, progress: TaskProgress
) -> TaskResult | TaskFailure:
    """Run the job over one input and return what became of it; never raises for what an input or a job does.

    When it returns a result, the part is there for good, on disk or uploaded. When it does not, there is no file.

    Args:
        task: the input and where its rows go.
        setup: what all tasks share.
        job: the job that ``setup.job`` names.
        transport: opens the input.
        progress: filled in as the task goes on.
    """
    take_tallies()  # whatever an earlier try counted is void
    try:
        return _run(task, setup, job, transport, progress)
    except _DiskError as error:
        hint = "is the disk full, or the output folder gone? Everything so far is kept: the same command goes on"
        return TaskFailure(STOP, f"{task.part.parent}: {error}", hint=hint, is_local=True)
    except _MachineError as error:
        return TaskFailure(STOP, str(error), hint=getattr(error.__cause__, "hint", None), is_local=True)
    except CctrawlError as error:
        return TaskFailure(verdict_of(error), str(error), getattr(error, "details", ""), error.hint)
    except Exception as error:  # noqa: BLE001 - a worker outlives whatever one input does
        details = "".join(traceback.format_exception(error))
        return TaskFailure(RETRY, f"{type(error).__name__}: {error!s:.500}", details)


def _run(task: Task, setup: Setup, job: Job, transport: Transport, progress: TaskProgress) -> TaskResult:
    if setup.parts_url:
        progress.is_uploading = True
        _see_upload(setup.parts_url, transport)
        progress.is_uploading = False
    with _opened(task, setup, job, transport, progress) as (stream, reader):
        writer = progress.writer = open_part(
            task.part, setup.format, task.columns, header=setup.header, numeric=job.sums
        )
        try:
            _write_rows(job, _Records(setup.where.met(reader)), writer)
            summary = _durable(writer)
        finally:
            _let_go(writer)
    progress.is_uploading = bool(setup.parts_url)
    return TaskResult(
        summary,
        reader.records_read,
        stream.position,
        reader.damaged_count,
        tuple(progress.damages),
        take_tallies(),
        _uploaded(task.part, setup.parts_url, transport) if setup.parts_url else "",
    )


@contextmanager
def _opened(
    task: Task, setup: Setup, job: Job, transport: Transport, progress: TaskProgress
) -> Iterator[tuple[Stream | PickedRecords, RecordReader | PickedRecords]]:
    """Open the input's stream and its reader, or the one thing that is both where records are picked."""
    location = locate(task.location, setup.settings.base_url)
    _prepare(transport, location)
    want = setup.where.want(job.want)
    on_damage = None if setup.on_damage == "raise" else progress.note
    if task.ranges is not None:
        picked = PickedRecords(location, ranges_of(task.ranges), transport, want, on_damage)
        progress.stream = progress.reader = picked
        yield picked, picked
        return
    with transport.open_stream(location) as stream:
        progress.stream = stream
        progress.reader = reader = read_records(stream, want=want, on_damage=on_damage or "raise")
        yield stream, reader


def _prepare(transport: Transport, location: str) -> None:
    try:
        transport.prepare(location)
    except CctrawlError as error:  # of this machine, not of the input
        raise _MachineError(str(error)) from error


def _write_rows(job: Job, records: _Records, writer: PartWriter) -> None:
    for row in _rows(job, records):
        _write(writer, row)
    # A job may catch what it should not. Then its rows look whole, but are not.
    if records.failure is not None:
        raise records.failure


def _write(writer: PartWriter, row: object) -> None:
    try:
        writer.write(row)
    except OSError as error:
        raise _DiskError(error) from error


def _rows(job: Job, records: _Records) -> Iterator[object]:
    try:
        yield from called(job, records)
    except Exception as error:
        if error is records.failure or isinstance(error, JobError):
            raise
        raise job_error(job, error) from error


def called(job: Job, records: Iterator[Record]) -> Iterable[object]:
    """Call a job and return its rows, lazily if it yields them.

    Raises:
        JobError: it returned nothing, or what cannot be iterated.
    """
    rows: object = job(records)
    if not isinstance(rows, Iterable) or isinstance(rows, (str, bytes)):
        what = "nothing" if rows is None else f"{rows!r:.80}"
        raise JobError(f"the job {job.name} returned {what}", hint="yield rows: yield domain, theme")
    return rows


def job_error(job: Job, error: Exception) -> JobError:
    """Return what the user should see of an exception in their job: its line, without our frames."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = list(dropwhile(_is_ours, frames)) or frames
    place = f" (line {theirs[-1].lineno} of {Path(theirs[-1].filename).name})"
    details = "".join(traceback.format_list(theirs)) + "".join(traceback.format_exception_only(error))
    return JobError(
        f"the job {job.name} raised {type(error).__name__}: {_text(error):.500}{place}", details=details
    )


def _text(error: Exception) -> str:
    try:
        return str(error) or "no message"
    except Exception:  # noqa: BLE001 - a class of the user's may do anything
        return "a message that cannot be shown"


def _is_ours(frame: traceback.FrameSummary) -> bool:
    file = Path(frame.filename)
    return file.parent == Path(__file__).parent or file == Path(__file__).parent / "jobs" / "job.py"


class _Records(Iterator["Record"]):
    """The records of an input; remembers that reading failed, whatever the job makes of the exception."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._next = records.__next__
        self.failure: CctrawlError | None = None

    def __next__(self) -> Record:
        try:
            return self._next()
        except CctrawlError as error:
            self.failure = error
            raise


def _durable(writer: PartWriter) -> PartSummary:
    try:
        return writer.finish()
    except OSError as error:
        raise _DiskError(error) from error


@cache
def _see_upload(parts_url: str, transport: Transport) -> None:
    """See that this machine can upload parts, before it reads an input for nothing; once is enough.

    What is uploaded for that is removed with what other tries have left.
    """
    _upload(Path(os.devnull), f"{parts_url}trial.{secrets.token_hex(4)}", transport)


def _uploaded(part: Path, parts_url: str, transport: Transport) -> str:
    """Upload a part, and return where it is then; the file goes."""
    location = parts_url + part.name
    try:
        _upload(part, location, transport)
    finally:
        part.unlink(missing_ok=True)
    return location


def _upload(file: Path, location: str, transport: Transport) -> None:
    try:
        transport.put(file, location)
    except AbortedError:  # patience is spent
        raise
    except CctrawlError as error:  # no credentials, no network: never the input's fault, and others may have them
        raise _MachineError(f"parts cannot be uploaded: {error}") from error
    except OSError as error:
        raise _DiskError(error) from error


def _let_go(writer: PartWriter) -> None:
    try:
        writer.close()
    except OSError as error:
        raise _DiskError(error) from error
