"""One command's part in a run: open its ledger or go on with it, run what is left, name the output, report."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from cctrawl.errors import AbortedError, CctrawlError, InvalidInputError
from cctrawl.failures import ABORTED, DONE, INCOMPLETE, INTERRUPTED, RESUME_HINT, see_share
from cctrawl.output import format_of
from cctrawl.progress import Progress
from cctrawl.runs.conditions import NO_CONDITIONS, Conditions
from cctrawl.runs.engine import Engine, HostStatus
from cctrawl.runs.engines import engine_for, local_engine
from cctrawl.runs.history import RUNNING, RecordedProgress
from cctrawl.runs.inputs import Selection
from cctrawl.runs.jobs import Job, JobReference
from cctrawl.runs.ledger import Identity, RunFolder, check, ledger_in
from cctrawl.runs.measurement import Measurement, time_task
from cctrawl.runs.options import RunOptions
from cctrawl.runs.outputs import Output, place_of, refuse
from cctrawl.runs.picks import CaptureSelection
from cctrawl.runs.report import DamagedPlace, Effort, FailedInput, HostReport, RunReport
from cctrawl.runs.runner import Limits, Runner
from cctrawl.runs.sizes import Sizes
from cctrawl.runs.task import Setup
from cctrawl.runs.totals import Totals, has_totals
from cctrawl.settings import Settings
from cctrawl.store import FAILED, WAITING, HistoryRow, LedgerFile

ON_DAMAGE = ("skip", "raise")
_MANY_ROWS = 5_000_000  # adding up takes some seconds then


class Session:
    """One command's part in a run.

    Args:
        reference: how workers find the job.
        job: the job.
        selection: the inputs.
        output: as given with ``-o``.
        format: as given with ``-f``.
        on_damage: ``skip`` or ``raise``.
        options: how to go about it.
        settings: how to ask for bytes; ``None`` for the environment's.
        where: which records the job gets.

    Attributes:
        failure: what ended the run early, once `run` has returned: to be raised when the report is out.

    Raises:
        InvalidInputError: an option that cannot be.
    """

    def __init__(
        self,
        reference: JobReference,
        job: Job,
        selection: Selection | CaptureSelection,
        *,
        output: str,
        format: str | None,  # noqa: A002 - the option's name everywhere
        on_damage: str,
        options: RunOptions,
        settings: Settings | None,
        where: Conditions = NO_CONDITIONS,
    ) -> None:
        if on_damage not in ON_DAMAGE:
            raise InvalidInputError(f"no such --on-damage: {on_damage!r}", hint=f"choose {' or '.join(ON_DAMAGE)}")
        if options.workers is not None and options.workers < 1:
            raise InvalidInputError(f"--workers {options.workers} is too few", hint="give at least 1")
        see_share(options.max_failures)
        selection.check(where)
        self._reference = reference
        self._job = job
        self._selection = selection
        self._output = output
        self._settings = settings or Settings.resolve()
        self._place = place_of(output, self._settings)
        self._called_in = str(Path.cwd())
        self._format = format_of(output, format)
        self._totals = self._place.totals(self._format) if job.sums else None
        self._options = options
        self._on_damage = on_damage
        self._where = where
        self.failure: BaseException | None = None

    def run(self, progress: Progress) -> RunReport:
        """Run what is left and return the report; what ended the run early is in ``failure``.

        Raises:
            CctrawlError: the run could not begin; nothing was changed.
        """
        self._place.note = progress.note
        with self._folder() as folder, closing(self._selection):
            fresh = self._fresh_inputs(folder)
            with ExitStack() as engines:
                engine = self._engine(folder, fresh, progress)
                engines.callback(engine.stop)
                with _written():
                    goes_on = self._open(folder, fresh, progress)
                recorded = self._recorded(folder, progress, goes_on=goes_on)
                recorded.enter(RUNNING)
                with closing(self._place.open(folder, self._format)) as output:
                    with _written():
                        output.recover()
                    limits = Limits(self._settings.tries, self._options.max_failures)
                    runner = Runner(folder, output, engine, recorded, limits, ranges_of=self._selection.ranges_of)
                    try:
                        self._go_on(folder, output, runner, progress)
                    finally:
                        hosts = engine.hosts()
                        engines.close()
            state = self._state(folder)
            recorded.enter(state)
            return self._report(folder, state, runner.effort, hosts)

    def close(self) -> None:
        """Let go of what a plan has opened."""
        self._selection.close()

    def _go_on(self, folder: RunFolder, output: Output, runner: Runner, progress: Progress) -> None:
        """Do what waits and name the output; whatever ends that early becomes ``failure``."""
        try:
            if folder.ledger.totals().waiting:
                runner.run()
            elif folder.ledger.fact("finished"):  # else rows still wait for their place: the last command died
                progress.note(f"{self._output} is finished: nothing is left to do")
            output.finish()
            self._add_up(folder, output, progress)
        except BrokenPipeError:
            raise  # whoever read our stdout has enough
        except (OSError, EOFError) as error:
            self.failure = _unwritable(error)
        except (CctrawlError, KeyboardInterrupt) as error:
            self.failure = error
        if self._output == "-" and isinstance(self.failure, AbortedError):
            self.failure.hint = None  # stdout keeps nothing to go on with

    def _add_up(self, folder: RunFolder, output: Output, progress: Progress) -> None:
        """Make the totals of a job that declares sums, unless they are there already."""
        job = self._job
        if job.sums and self._totals is None:
            progress.note(f"no totals of {', '.join(job.sums)}: they need -o with a file or a folder")
        if self._totals is None or not job.columns:
            return
        totals = Totals(folder, self._totals, self._format, job.columns, job.sums)
        if not totals.are_made:
            rows = folder.ledger.totals().rows
            if rows > _MANY_ROWS:
                progress.note(f"adding up {', '.join(job.sums)} of {rows:,} rows")
            totals.make(output.results())

    def _shown_totals(self) -> str:
        try:
            return self._totals.shown if self._totals is not None and self._totals.exists() else ""
        except CctrawlError:
            return ""  # who cannot look says nothing; what ended the run says why

    def _state(self, folder: RunFolder) -> str:
        if self.failure is not None:
            return INTERRUPTED if isinstance(self.failure, KeyboardInterrupt) else ABORTED
        return INCOMPLETE if folder.ledger.totals().failed else DONE

    def _recorded(self, folder: RunFolder, progress: Progress, *, goes_on: bool) -> RecordedProgress:
        now = time.time()
        row = HistoryRow(
            output=self._place.location,
            folder=str(folder.path),
            job=self._reference.name,
            state=RUNNING,
            inputs=0,
            done=0,
            failed=0,
            rows=0,
            began_at=now,
            updated_at=now,
            working_folder=self._called_in,
            command=self._options.command,
        )
        return RecordedProgress(
            progress,
            self._settings.data_dir,
            folder.ledger,
            row,
            goes_on=goes_on,
            is_kept=self._place.state is not None,
        )

    @property
    def kind(self) -> str:
        """The kind of file that was asked for."""
        return self._selection.kind

    @property
    def files(self) -> list[Path]:
        """The files here that the run gives their names: none of them may be used for something else."""
        totals = [Path(self._totals.shown)] if self._totals is not None else []
        if self._output == "-" or self._place.is_folder:
            return totals
        output = Path(self._place.location)
        return [output, output.with_name(output.name + ".part"), *totals]

    def left(self) -> tuple[list[str], int]:
        """Return the inputs that the run would read now, in order, and how many are done. Changes nothing.

        Raises:
            InvalidInputError: another run began on this output.
            NotFoundError: no such crawl, or nothing is selected.
        """
        self._selection.prepare(None, self._where)
        state = None if self._options.restart else self._place.state
        ledger = ledger_in(state) if state is not None else None
        if ledger is None:
            return self._selection.resolve(self._settings), 0
        with closing(ledger):
            check(ledger, self._identity())
            return list(self._left_in(ledger)), ledger.totals().done

    def _left_in(self, ledger: LedgerFile) -> Iterator[str]:
        states = (WAITING, FAILED) if self._options.retry_failed else (WAITING,)
        return (row.location for row in ledger.inputs(*states))

    def sizes(self, inputs: Sequence[str]) -> Sizes:
        """Return what inputs bring with them: bytes, and requests and records where they are not read whole."""
        return self._selection.sizes(inputs, self._settings)

    def measured(self, location: str) -> Measurement:
        """Run the job over one input to nowhere and return what it took.

        Raises:
            JobError: the input failed.
        """
        return time_task(
            local_engine(self._setup(), self._options),
            location,
            self._job.columns,
            self._selection.ranges_of(location),
        )

    def _identity(self) -> Identity:
        return Identity(
            self._reference.name,
            self._reference.sha256,
            self._job.columns,
            self._selection.key,
            self._format,
            self._on_damage,
            self._where.key,
        )

    def _engine(self, folder: RunFolder, fresh: Sequence[str] | None, progress: Progress) -> Engine:
        """Open what does the tasks; hosts only if something is left to do, and before anything is changed."""
        left = self._left_in(folder.ledger) if fresh is None else fresh
        return engine_for(
            self._setup(), self._options, left, staged=folder.staged, place=self._place, note=progress.note
        )

    def _setup(self) -> Setup:
        return Setup(
            self._reference,
            self._format,
            self._place.is_folder and self._format == "csv",
            self._on_damage,
            self._settings,
            self._selection.asked_of_records(self._where),
        )

    def _report(self, folder: RunFolder, state: str, effort: Effort, hosts: Sequence[HostStatus]) -> RunReport:
        ledger = folder.ledger
        totals = ledger.totals()
        asked = self._place.counters
        failures = [FailedInput(row.location, row.tries, row.error or "") for row in ledger.inputs(FAILED)]
        damages = [DamagedPlace(*damage) for damage in ledger.damages()]
        lists = {}
        if self._place.shown_state is not None:
            written = folder.write_lists(failures=failures, damages=damages)
            lists = {name: str(self._place.shown_state / path.name) for name, path in written.items()}
        return RunReport(
            job=self._reference.name,
            output=self._output,
            state=state,
            inputs=totals.inputs,
            inputs_done=totals.done,
            rows=totals.rows,
            records=totals.records,
            source_bytes=totals.source_bytes,
            damaged=totals.damaged,
            tallies=ledger.tallies(),
            failures=failures,
            damages=damages,
            effort=replace(
                effort,
                requests=effort.requests + asked.requests,
                retries=effort.retries + asked.retries,
                refusals=effort.refusals + asked.refusals,
            ),
            lists=lists,
            totals=self._shown_totals(),
            hosts=[HostReport.of(host, effort.seconds) for host in hosts],
        )

    @contextmanager
    def _folder(self) -> Iterator[RunFolder]:
        """Open and lock the run's folder; one that never came to hold a run goes again."""
        with ExitStack() as stack:
            stack.callback(self._place.close)
            path = self._place.state
            if path is None:
                scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="cctrawl-"))
                path = Path(scratch) / "run"
            is_new = not path.parent.exists()
            folder = RunFolder(path, restart=self._options.restart)
            try:
                yield folder
            finally:
                folder.close()
                if is_new:
                    with suppress(OSError):  # it holds something by now
                        path.parent.rmdir()

    def _fresh_inputs(self, folder: RunFolder) -> list[str] | None:
        """Return the inputs of a run that shall begin; ``None`` if the run of the folder goes on.

        Raises:
            CctrawlError: it can do neither; nothing was changed.
        """
        self._selection.prepare(folder.path, self._where)
        if folder.begun and not self._options.restart:
            folder.check(self._identity())
            return None
        inputs = self._selection.resolve(self._settings)
        if not folder.begun and not folder.is_damaged:
            self._see_no_stranger()
        return inputs

    def _open(self, folder: RunFolder, fresh: Sequence[str] | None, progress: Progress) -> bool:
        """Go on with the run of the folder, or begin one; tell whether it goes on."""
        if fresh is None:
            self._resume(folder, progress)
        else:
            if self._options.restart:
                self._drop(folder)
                folder.restart()
            if self._selection.named:
                folder.keep_list(fresh)
            folder.begin(self._identity(), fresh)
        self._selection.keep()
        folder.drop_orphans()
        self._place.prepare()
        return fresh is None

    def _resume(self, folder: RunFolder, progress: Progress) -> None:
        if self._options.retry_failed:
            with folder.ledger.transaction():
                folder.ledger.release_failed()
        totals = folder.ledger.totals()
        if totals.waiting and totals.done:
            progress.note(f"going on: {totals.done:,} of {totals.inputs:,} files are done")

    def _see_no_stranger(self) -> None:
        """Refuse to overwrite what no run of ours has made."""
        self._place.see_no_stranger(restart=self._options.restart)
        if self._totals is not None and self._totals.exists() and not self._options.restart:
            refuse([self._totals.shown], "overwrite it with --restart")

    def _drop(self, folder: RunFolder) -> None:
        """Remove what the run before has made."""
        self._place.drop(folder)
        format_before = (folder.ledger.fact("identity") or {}).get("format", self._format)
        totals = self._place.totals(format_before) if has_totals(folder) else self._totals
        if totals is not None:
            totals.drop()


@contextmanager
def _written() -> Iterator[None]:
    """Say what a disk, a bucket or a folder that has vanished refuses, and how to go on."""
    try:
        yield
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError | EOFError) -> AbortedError:
    hints = (getattr(error, "hint", None), RESUME_HINT)  # S3 knows a step to take before
    return AbortedError(f"the output cannot be written: {error}", hint="; ".join(filter(None, hints)))
