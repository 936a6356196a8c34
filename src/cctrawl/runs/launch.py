"""`cctrawl.run` and `cctrawl.plan_run`: arguments in; a session run to its end, or planned; what came of it out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cctrawl.errors import InvalidInputError
from cctrawl.progress import open_progress
from cctrawl.runs.cluster import LEASE, cluster_options
from cctrawl.runs.conditions import Conditions, conditions
from cctrawl.runs.history import resumable
from cctrawl.runs.inputs import Selection, named_files, select
from cctrawl.runs.jobs import load_job
from cctrawl.runs.options import RunOptions
from cctrawl.runs.picks import CaptureSelection, pick
from cctrawl.runs.plan import Crew, Plan, planned
from cctrawl.runs.report import RunReport
from cctrawl.runs.session import Session
from cctrawl.runs.task import IMPORTING
from cctrawl.settings import Settings, parse_duration, parse_size, path_text, usable_cores

if TYPE_CHECKING:
    from cctrawl.runs.picks import Captures


def run(
    job: str | Callable[..., Any],
    *,
    output: str | os.PathLike[str],
    crawl: str | None = None,
    kind: str | None = None,
    limit: int | None = None,
    sample: float | None = None,
    files: Iterable[str | os.PathLike[str]] | None = None,
    captures: Captures | None = None,
    format: str | None = None,  # noqa: A002 - the option's name everywhere
    where_host: str | Iterable[str] | None = None,
    where_status: int | str | Iterable[int | str] | None = None,
    where_type: str | Iterable[str] | None = None,
    where_language: str | Iterable[str] | None = None,
    on_damage: str = "skip",
    workers: int | None = None,
    timeout: float | str = "30m",
    max_memory: int | str = 0,
    max_failures: float = 0.05,
    hosts: str | os.PathLike[str] | None = None,
    tunnel: bool = False,
    python: str | None = None,
    workdir: str | None = None,
    require_all: bool = False,
    scheduler: str | None = None,
    scheduler_file: str | os.PathLike[str] | None = None,
    client: Any | None = None,  # noqa: ANN401 - Dask has no types, and is an extra
    dashboard: bool = False,
    lease: float | str = LEASE,
    retry_failed: bool = False,
    restart: bool = False,
    report: str | os.PathLike[str] | None = None,
    on_report: Callable[[RunReport], None] | None = None,
    quiet: bool = False,
    command: Sequence[str] = (),
    settings: Settings | None = None,
) -> RunReport:
    """Run a job over every file of a crawl, over files, or over the records of captures, and write its rows.

    The rows of an input are contiguous, inputs stand in list order, and each input's rows appear all or not at
    all, once: two runs give equal bytes, and so does a run that was killed and called again, any number of times.

    Args:
        job: a function, a `Job`, or a name: ``"themes"``, ``"my_job.py:count"``, ``"package.module:count"``.
        output: a file, a folder (ends in ``/`` or exists; one part per input), ``"s3://bucket/folder/"`` (the same
            there; the run's state is in the data folder), or ``"-"`` for stdout.
        crawl: which crawls, as ``-c`` takes them: ``"CC-MAIN-2024-22"``, ``"2020"``, ``"latest"``, ``"latest-3"``.
        kind: the kind of file; else the job's own, ``"warc"`` for most.
        limit: at most so many files.
        sample: the share of the files to take, chosen by a hash of the path.
        files: paths, URLs or listed paths, instead of a crawl.
        captures: only these records, instead of a crawl: what `find` wrote (a file's path, or a stream of bytes),
            or captures. Inputs are the files they lie in, by first appearance; of each the job gets these records
            by ascending offset, each once.
        format: ``"csv"``, ``"jsonl"`` or ``"parquet"``; else by the file's ending, Parquet for a folder.
        where_host: only records of these hosts: ``"example.org"`` on any port, ``"*.example.org"`` for it and every
            host below it; like the others, one value, a comma list, or a list of these.
        where_status: only HTTP answers with one of these statuses: ``200``, ``"2xx"``.
        where_type: only HTTP answers of these MIME types: ``"text/html"``, ``"text/*"``.
        where_language: only WET records, or captures, in one of these languages, by ISO 639-3: ``"isl"``.
        on_damage: ``"skip"`` damaged records and report them, or ``"raise"``: the file counts as failed.
        workers: worker processes; one per core unless given. Over hosts those of each one whose line in the hosts
            file says nothing else.
        timeout: seconds, or a text like ``"30m"``, without a further record after which a worker is ended.
        max_memory: bytes, or a text like ``"2GiB"``, above which a worker is ended; 0 for no limit.
        max_failures: the share of the last 200 inputs (and at least 20) that may fail before the run stops.
        hosts: a hosts file: the workers are there, not on this machine. This and the next ones need the extra
            ``cctrawl[cluster]``. None of them changes the rows: a run may go on with others, or without.
        tunnel: everything goes through the ssh connections; no port is opened but on loopback.
        python: the interpreter on hosts whose line names none; else the one that ``cctrawl hosts install`` made, or
            ``python3``.
        workdir: the folder on hosts whose line names none, for what is only there while the run goes on.
        require_all: begin only if every host of the file can be used; else those that can go on.
        scheduler: the address of a Dask scheduler, ``"tcp://scheduler:8786"``, instead of a hosts file.
        scheduler_file: the file in which a Dask scheduler tells its address.
        client: a ``dask.distributed.Client`` of your own; it stays open.
        dashboard: print the address of Dask's live page.
        lease: seconds, or a text like ``"20s"``, after which hosts that hear nothing of us end what they do for
            us; so long their inputs are not done elsewhere.
        retry_failed: try quarantined inputs again.
        restart: drop what was done on this output and begin anew.
        report: a file for the report as JSON.
        on_report: called with the report when the run is over, also when it ends early.
        quiet: no progress on stderr.
        command: the words of the command line behind this call, for `cctrawl runs`.
        settings: how to ask for bytes; else the environment's.

    Returns:
        What the run did. Its ``state`` is ``done``, or ``incomplete`` if inputs are quarantined.

    Raises:
        InvalidInputError: an option that cannot be, or another run's output.
        NotFoundError: no such crawl.
        TransportError: the file lists cannot be had.
        AbortedError: too much failed, the disk refuses, or patience is spent; calling again goes on.
        EngineError: workers cannot start, or no host can be used.
    """
    _refuse_recursion()
    cluster = cluster_options(
        hosts=hosts,
        tunnel=tunnel,
        python=python,
        workdir=workdir,
        require_all=require_all,
        scheduler=scheduler,
        scheduler_file=scheduler_file,
        client=client,
        dashboard=dashboard,
        lease=lease,
    )
    session = _session(
        job,
        output=output,
        crawl=crawl,
        kind=kind,
        limit=limit,
        sample=sample,
        files=files,
        captures=captures,
        format=format,
        where=conditions(where_host, where_status, where_type, where_language),
        on_damage=on_damage,
        options=RunOptions(
            workers=usable_cores() if workers is None and cluster is None else workers,
            cluster=cluster,
            timeout_s=parse_duration(timeout),
            max_memory_bytes=parse_size(max_memory),
            max_failures=max_failures,
            retry_failed=retry_failed,
            restart=restart,
            command=resumable(command),
        ),
        settings=settings,
    )
    _see_report_place(report, session.files)
    progress = open_progress(quiet=quiet)
    try:
        result = session.run(progress)
    finally:
        progress.close()
    if on_report is not None:
        on_report(result)
    try:
        if report is not None:
            result.write(Path(report))
    finally:
        if session.failure is not None:
            raise session.failure
    return result


def plan_run(
    job: str | Callable[..., Any],
    *,
    output: str | os.PathLike[str] | None = None,
    crawl: str | None = None,
    kind: str | None = None,
    limit: int | None = None,
    sample: float | None = None,
    files: Iterable[str | os.PathLike[str]] | None = None,
    captures: Captures | None = None,
    format: str | None = None,  # noqa: A002 - the option's name everywhere
    where_host: str | Iterable[str] | None = None,
    where_status: int | str | Iterable[int | str] | None = None,
    where_type: str | Iterable[str] | None = None,
    where_language: str | Iterable[str] | None = None,
    on_damage: str = "skip",
    workers: int | None = None,
    hosts: str | os.PathLike[str] | None = None,
    scheduler: str | None = None,
    scheduler_file: str | os.PathLike[str] | None = None,
    client: Any | None = None,  # noqa: ANN401 - Dask has no types, and is an extra
    retry_failed: bool = False,
    restart: bool = False,
    measure: bool = False,
    settings: Settings | None = None,
) -> Plan:
    """Return what `run` would take with the same arguments, without running it: inputs, bytes, requests, hours.

    Sizes are asked of 16 files at most. With an output that a run has begun, what is left of it is planned.

    Args:
        job: as for `run`.
        output: where the rows would go; none for a run that has not begun.
        crawl: as for `run`.
        kind: as for `run`.
        limit: as for `run`.
        sample: as for `run`.
        files: as for `run`.
        captures: as for `run`.
        format: as for `run`.
        where_host: as for `run`.
        where_status: as for `run`.
        where_type: as for `run`.
        where_language: as for `run`.
        on_damage: as for `run`.
        workers: as for `run`.
        hosts: as for `run`; no host is asked.
        scheduler: as for `run`; it is not asked.
        scheduler_file: as for `run`.
        client: as for `run`.
        retry_failed: as for `run`.
        restart: as for `run`.
        measure: run the job over one file, to nowhere, and listen to the network for 3 s: the hours at the rate
            of CPU and network come from that.
        settings: as for `run`.

    Raises:
        InvalidInputError: an option that cannot be, or another run's output.
        NotFoundError: no such crawl.
        TransportError: the file lists cannot be had.
        JobError: the file that is measured fails.
    """
    _refuse_recursion()
    cluster = cluster_options(hosts=hosts, scheduler=scheduler, scheduler_file=scheduler_file, client=client)
    in_force = settings or Settings.resolve()
    session = _session(
        job,
        output="-" if output is None else output,
        crawl=crawl,
        kind=kind,
        limit=limit,
        sample=sample,
        files=files,
        captures=captures,
        format=None if output is None and format == "parquet" else format,
        where=conditions(where_host, where_status, where_type, where_language),
        on_damage=on_damage,
        options=RunOptions(workers=workers, cluster=cluster, retry_failed=retry_failed, restart=restart),
        settings=in_force,
    )
    crew = Crew.elsewhere(workers, cluster) if cluster else Crew.here(workers)
    return planned(session, crew=crew, settings=in_force, measure=measure)


def _session(
    job: str | Callable[..., Any],
    *,
    output: str | os.PathLike[str],
    crawl: str | None,
    kind: str | None,
    limit: int | None,
    sample: float | None,
    files: Iterable[str | os.PathLike[str]] | None,
    captures: Captures | None,
    format: str | None,  # noqa: A002 - the option's name everywhere
    where: Conditions,
    on_damage: str,
    options: RunOptions,
    settings: Settings | None,
) -> Session:
    with _loading():
        reference, loaded = load_job(job)
    named = None if files is None else named_files(files)
    given = kind or loaded.kind
    selection: Selection | CaptureSelection
    if captures is not None:
        selection = pick(captures, kind=given, limit=limit, sample=sample, others=(crawl, named))
    else:
        selection = select(crawl=crawl, kind=given, limit=limit, sample=sample, named=named)
    return Session(
        reference,
        loaded,
        selection,
        output=path_text(output),
        format=format,
        on_damage=on_damage,
        options=options,
        settings=settings,
        where=where,
    )


@contextmanager
def _loading() -> Iterator[None]:
    os.environ[IMPORTING] = "1"
    try:
        yield
    finally:
        del os.environ[IMPORTING]


def _refuse_recursion() -> None:
    """A job's file that calls `run` when it is imported would begin a run within a run, in each worker."""
    if os.environ.get(IMPORTING):
        raise InvalidInputError(
            "run() was called while the job's file was imported",
            hint='put the call under: if __name__ == "__main__":',
        )


def _see_report_place(report: str | os.PathLike[str] | None, taken: Iterable[Path]) -> None:
    if report is None:
        return
    path = Path(path_text(report)).absolute()
    is_file = bool(path_text(report)) and path.parent.is_dir() and (path.is_file() or not path.exists())
    if not is_file or path.resolve() in {file.resolve() for file in taken}:
        raise InvalidInputError(
            f"no place for the report: {os.fspath(report)!r}",
            hint="give a file of its own in a folder that is there",
        )
