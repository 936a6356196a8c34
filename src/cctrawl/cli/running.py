"""The commands that run a job: run and try."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cctrawl.cli.completion import complete_job
from cctrawl.cli.options import (
    ON_DAMAGE,
    RUN_FORMATS,
    RUN_KINDS,
    FormatOption,
    ManyValues,
    Quantity,
    Share,
    complete_file,
    elsewhere_options,
    max_failures_option,
    network_options,
    quiet_option,
    see_elsewhere,
    verbose_option,
    where_options,
)
from cctrawl.cli.plans import show_plan
from cctrawl.settings import Settings, parse_duration, parse_size

if TYPE_CHECKING:
    from cctrawl.runs import RunReport

_LINE_CHARACTERS = 1 << 16  # what is no list of files may have no end of line either


@click.command("run", cls=ManyValues)
@click.argument("job", shell_complete=complete_job)
@click.option("-c", "--crawl", metavar="CRAWL", help="An id, a year, latest, latest-N, all, or a comma list.")
@click.option(
    "--kind",
    type=click.Choice(RUN_KINDS),
    metavar="KIND",
    help="warc, wat, wet, robotstxt or non200responses. [the job's own]",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N files only.")
@click.option(
    "--sample",
    type=Share(above_0=True),
    metavar="SHARE",
    help="A share of the files, by a hash of the path: 0.01, 1%.",
)
@click.option(
    "--files",
    multiple=True,
    metavar="FILE…",
    shell_complete=complete_file,
    help="Files, URLs or listed paths instead; - reads a list.",
)
@click.option(
    "--captures",
    metavar="FOUND",
    shell_complete=complete_file,
    help="Just these records: what `find` wrote; - reads it from a pipe.",
)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    shell_complete=complete_file,
    help="A file, a folder (ends in /; s3://… too), or - for stdout.",
)
@click.option(
    "-f",
    "--format",
    cls=FormatOption,
    type=click.Choice(RUN_FORMATS),
    metavar="FORMAT",
    help="csv, jsonl or parquet. [by the ending; folder: parquet]",
)
@where_options
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Worker processes; with --hosts on each. [one per core]"
)
@click.option(
    "--timeout",
    type=Quantity("time", parse_duration),
    default="30m",
    metavar="TIME",
    help="End a worker without a further record for so long. [30m]",
)
@click.option(
    "--max-memory",
    type=Quantity("size", parse_size),
    default="0",
    metavar="SIZE",
    help="End a worker that holds more; 0: no limit. [0]",
)
@click.option(
    "--on-damage",
    type=click.Choice(ON_DAMAGE),
    default="skip",
    help="Skip damaged records, or fail their file. [skip]",
)
@max_failures_option
@elsewhere_options
@click.option("--retry-failed", is_flag=True, help="Try quarantined files again.")
@click.option("--restart", is_flag=True, help="Drop what was done on this output and begin anew.")
@click.option("--plan", is_flag=True, help="Only tell the files, bytes, requests and hours that are left.")
@click.option("--measure", is_flag=True, help="With --plan: run one file to nowhere first, for the hours.")
@click.option("--report", metavar="FILE", shell_complete=complete_file, help="Write a report as JSON.")
@quiet_option
@verbose_option
@network_options
@click.pass_context
def run_command(context: click.Context, /, files: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401 - the options are those of `run`
    """Run JOB over the files of a crawl, or over captures, and write its rows.

    JOB is a shipped job (see `cctrawl jobs`), `my_job.py:function` or `package.module:function`. The function takes
    an iterator of records and yields rows. The same command goes on where it stopped, whatever it died of.

    \b
    cctrawl run themes -c CC-MAIN-2016-07 --limit 4 -o themes.csv
    cctrawl run my_job.py:count -c latest --kind wat --sample 0.1% -o out/ -f parquet
    cctrawl run text -c latest --where-language isl,dan -o texts/
    cctrawl run themes -c CC-MAIN-2016-07 --plan
    cctrawl run themes -c CC-MAIN-2016-07 --hosts hosts.txt -o themes.csv
    cctrawl run themes --files local.warc.gz more/*.warc.gz -o - -f jsonl
    cctrawl files warc -c latest | shuf -n 20 | cctrawl run themes --files - -o some.csv
    cctrawl find '*.is' -c latest | cctrawl run themes --captures - -o themes.csv
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.runs import run  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs.inputs import read_list  # noqa: PLC0415 - not needed for --help

    if "" in files or ("-" in files and len(files) > 1):
        raise click.BadParameter("give names of files, or - alone to read a list", param_hint="--files")
    is_named = bool(files) or options["captures"] is not None
    if is_named and context.get_parameter_source("crawl") is not ParameterSource.COMMANDLINE:
        options["crawl"] = None  # what the command says wins
    if options["captures"] == "-":
        options["captures"] = sys.stdin.buffer
    if files == ("-",):
        options["files"] = read_list(iter(partial(sys.stdin.readline, _LINE_CHARACTERS), ""))
    elif files:
        options["files"] = list(files)
    see_elsewhere(context, options)
    measure = options.pop("measure")
    if options.pop("plan"):
        _plan(measure=measure, **options)
        return
    if measure:
        raise click.UsageError("--measure goes with --plan", context)
    if options["output"] is None:
        raise click.MissingParameter(ctx=context, param_type="option", param_hint="'-o' / '--output'")
    words = ["cctrawl", *context.obj["arguments"]]
    report = run(options.pop("job"), on_report=_tell, command=words, **options)
    if report.exit_code:
        context.exit(report.exit_code)


# What a plan does not depend on.
_NOT_PLANNED = (
    *("timeout", "max_memory", "max_failures", "report", "quiet"),
    *("tunnel", "python", "workdir", "require_all", "dashboard", "lease"),
)


def _plan(*, measure: bool, **options: Any) -> None:  # noqa: ANN401 - the options are those of `run`
    from cctrawl.runs import plan_run  # noqa: PLC0415 - not needed for --help

    chosen = {name: value for name, value in options.items() if name not in _NOT_PLANNED}
    show_plan(plan_run(chosen.pop("job"), measure=measure, **chosen), quiet=options["quiet"])


def _tell(report: RunReport) -> None:
    click.echo(report.summary(), err=True)
    if report.output == "-":  # nothing is kept, so nothing can go on
        return
    if report.state == "incomplete":
        click.echo("hint: the same command with --retry-failed tries the failed files again", err=True)
    elif report.state == "interrupted":
        click.echo("hint: everything done so far is kept: the same command goes on", err=True)


@click.command("try")
@click.argument("job", shell_complete=complete_job)
@click.argument("file", shell_complete=complete_file)
@click.option(
    "-n", "rows", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="So many rows."
)
@click.option(
    "-f",
    "--format",
    cls=FormatOption,
    type=click.Choice(["table", "csv", "jsonl"]),
    help="[table on a terminal, else jsonl]",
)
@where_options
@click.option(
    "--on-damage", type=click.Choice(ON_DAMAGE), default="skip", help="Skip damaged records, or stop. [skip]"
)
@quiet_option
@verbose_option
@network_options
def try_command(
    *,
    settings: Settings,
    job: str,
    file: str,
    rows: int,
    format: str | None,  # noqa: A002 - the option's name
    on_damage: str,
    quiet: bool,
    where_host: tuple[str, ...],
    where_status: tuple[str, ...],
    where_type: tuple[str, ...],
    where_language: tuple[str, ...],
) -> None:
    """Run JOB over one FILE (a path, a URL or a listed path) and show the first rows. Nothing is kept.

    \b
    cctrawl try themes local.warc.gz
    cctrawl try my_job.py:count https://data.commoncrawl.org/crawl-data/….warc.gz -n 5
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.output import Column, write_listing  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs.conditions import conditions  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs.trial import Trial  # noqa: PLC0415 - not needed for --help

    where = conditions(where_host, where_status, where_type, where_language)
    with Trial(job, file, on_damage=on_damage, settings=settings, where=where) as trial:
        shown: Iterator[tuple[Any, ...]] = islice(trial.rows(), rows)
        first = next(shown, None)
        if first is not None:
            columns = [Column(name) for name in trial.columns]
            write_listing(_with_first(first, shown), columns, format=format)
        if not quiet:
            click.echo(trial.summary(), err=True)


def _with_first(first: tuple[Any, ...], rest: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    yield first
    yield from rest
