"""The commands that list: crawls, files, jobs, runs."""

from __future__ import annotations

import click
from click.core import ParameterSource

from cctrawl.cli.options import (
    FILE_KINDS,
    chosen_format,
    data_dir_option,
    format_option,
    network_options,
    output_option,
    silent_option,
    verbose_option,
)
from cctrawl.settings import Settings


@click.command("crawls")
@format_option()
@output_option
@silent_option
@verbose_option
@network_options
def crawls_command(settings: Settings, format: str | None, output: str) -> None:  # noqa: A002 - the option's name
    """List the crawls there are, newest first.

    \b
    cctrawl crawls
    cctrawl crawls -f csv -o crawls.csv
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.listings import crawls  # noqa: PLC0415 - not needed for --help
    from cctrawl.output import Column, write_listing  # noqa: PLC0415 - not needed for --help

    rows = [(crawl.id, crawl.name, crawl.start, crawl.end) for crawl in crawls(settings=settings)]
    columns = [Column("crawl"), Column("name"), Column("from"), Column("to")]
    write_listing(rows, columns, format=chosen_format(format, output), output=output)


def _complete_kind(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:  # noqa: ARG001 - click's signature
    return [kind for kind in FILE_KINDS if kind.startswith(begun)]


@click.command("files")
@click.argument("kind", shell_complete=_complete_kind)
@click.option(
    "-c", "--crawl", required=True, metavar="CRAWL", help="An id, a year, latest, latest-N, all, or a list."
)
@click.option("--subset", metavar="NAME", help="Of cc-index-table: warc, robotstxt, crawldiagnostics, all. [warc]")
@click.option("--urls", is_flag=True, help="Whole URLs instead of paths.")
@format_option("paths")
@output_option
@silent_option
@verbose_option
@network_options
@click.pass_context
def files_command(
    context: click.Context,
    *,
    settings: Settings,
    kind: str,
    crawl: str,
    subset: str | None,
    urls: bool,
    format: str | None,  # noqa: A002 - the option's name
    output: str,
) -> None:
    """List the files of one KIND of a crawl, in the order of Common Crawl's own list.

    KIND is warc, wat, wet, robotstxt, non200responses, cc-index, cc-index-table or segment. `-f paths` prints bare
    lines, for other tools.

    \b
    cctrawl files warc -c CC-MAIN-2023-50 | head
    cctrawl files wet -c latest -f paths | shuf -n 20 | cctrawl run my_job.py:count --files - -o some.csv
    cctrawl files cc-index-table -c CC-MAIN-2020-24 --subset warc --urls
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.listings import files  # noqa: PLC0415 - not needed for --help
    from cctrawl.output import Column, write_listing  # noqa: PLC0415 - not needed for --help

    if kind != "cc-index-table" and context.get_parameter_source("subset") is not ParameterSource.COMMANDLINE:
        subset = None  # a standing one is for the files that have subsets
    prefix = settings.base_url if urls else ""
    rows = ((prefix + path,) for path in files(kind, crawl, subset=subset, settings=settings))
    column = Column("url" if urls else "path")
    write_listing(rows, [column], format=chosen_format(format, output), output=output)


@click.command("jobs")
@format_option()
@output_option
@silent_option
@verbose_option
def jobs_command(format: str | None, output: str) -> None:  # noqa: A002 - the option's name
    """List the jobs that come with cctrawl; your own is `my_job.py:function`."""
    from cctrawl.output import Column, write_listing  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs.jobs import shipped_jobs  # noqa: PLC0415 - not needed for --help

    rows = [(name, ", ".join(job.columns or ()), job.kind, job.summary) for name, job in shipped_jobs().items()]
    columns = [Column("job"), Column("columns"), Column("kind"), Column("what it yields")]
    write_listing(rows, columns, format=chosen_format(format, output), output=output)


@click.command("runs")
@click.option("--forget-gone", is_flag=True, help="Drop runs from the list whose output is gone.")
@format_option()
@output_option
@silent_option
@verbose_option
@data_dir_option
def runs_command(
    *,
    forget_gone: bool,
    format: str | None,  # noqa: A002 - the option's name
    output: str,
    data_dir: str | None,
) -> None:
    """List the runs there were, the latest first, and how to go on with each.

    One line per output. The state is done, incomplete (inputs are quarantined), aborted (it gave up), interrupted
    (Ctrl-C, or it died), running, or gone (somebody removed the output). Runs to stdout are not listed. A table
    shows the commands that go on below it, to be copied; the other formats have them in the column `resume`.

    \b
    cctrawl runs
    cctrawl runs -f jsonl | jq -r 'select(.state == "interrupted").resume'
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from dataclasses import astuple, fields  # noqa: PLC0415 - not needed for --help

    from cctrawl.output import Column, listing_format, write_listing  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs import PastRun, past_runs  # noqa: PLC0415 - not needed for --help

    runs = past_runs(forget_gone=forget_gone, settings=Settings.resolve_for("runs", {"data_dir": data_dir}))
    numbers = ("done", "inputs", "failed", "rows")
    columns = [Column(field.name, right=field.name in numbers) for field in fields(PastRun)]
    chosen = chosen_format(format, output)
    if listing_format(chosen, output) != "table":
        write_listing(map(astuple, runs), columns, format=chosen, output=output)
        return
    shown = [number for number, column in enumerate(columns) if column.name not in ("began", "resume")]
    rows = ([astuple(run)[number] for number in shown] for run in runs)
    write_listing(rows, [columns[number] for number in shown], format=chosen, output=output)
    for run in runs if output == "-" else ():
        if run.resume:
            click.echo(f"\n{run.output} is {run.state}; to go on:\n  {run.resume}")
