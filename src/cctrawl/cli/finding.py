"""The command that finds captures."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cctrawl.cli.options import (
    Quantity,
    chosen_format,
    complete_file,
    format_option,
    network_options,
    output_option,
    quiet_option,
    subset_option,
    verbose_option,
)
from cctrawl.settings import parse_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from cctrawl.captures import CrawlPlan, Search, SearchPlan

# Of the default columns, what a screen has room for.
_SHOWN = ("crawl", "url", "fetch_time", "fetch_status", "content_mime_detected")
_NUMBERS = {"fetch_status", "url_port", "warc_record_offset", "warc_record_length", "count"}
_ROWS_AT_ONCE = 4096  # in Python's hands
_EXIT_NOTHING, _EXIT_PARTIAL = 3, 4


@click.command("find")
@click.argument("targets", nargs=-1, metavar="[TARGET]…")
@click.option(
    "-c", "--crawl", required=True, metavar="CRAWL", help="An id, a year, latest, latest-N, all, or a comma list."
)
@click.option(
    "--hosts-file", metavar="FILE", shell_complete=complete_file, help="A file of targets, one a line; - is stdin."
)
@click.option("--where", metavar="EXPR", help="Only captures for which this holds, see below.")
@click.option("--status", multiple=True, metavar="STATUS", help="Only with HTTP status 200, 4xx, or 200,301.")
@click.option("--mime", multiple=True, metavar="MIME", help="Only of content_mime_detected text/html, or image/*.")
@click.option("--language", multiple=True, metavar="CODE", help="Only with this among content_languages: isl.")
@click.option("--from", "from_", metavar="TIME", help="Only fetched from 2020, 2020-06, 2020-06-01T12:00:00Z on.")
@click.option("--to", metavar="TIME", help="Only fetched before that: 2020-06 is until the end of May.")
@click.option("--columns", metavar="NAMES", help="Columns of the index, a comma list, or all. [those of a capture]")
@subset_option
@click.option(
    "--route",
    type=click.Choice(["auto", "columnar", "cdx"]),
    default="auto",
    help="By which of the two indexes. [the cheaper one]",
)
@click.option("--exact", is_flag=True, help="Compare whole URLs, not their keys.")
@click.option("--latest", is_flag=True, help="Keep the newest capture of each URL.")
@click.option("--unique", is_flag=True, help="Keep one capture of each digest.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="So many rows at most; reading stops there.")
@click.option("--count-by", metavar="COLUMN", help="Count captures by a column's values instead.")
@click.option("--plan", is_flag=True, help="Only tell the route, row groups, requests, bytes and time it takes.")
@click.option("--connections", type=click.IntRange(1, 128), default=32, metavar="N", help="Requests at once. [32]")
@click.option(
    "--cluster-cache",
    type=Quantity("size", parse_size),
    default="256MiB",
    metavar="SIZE",
    help="What may be kept of CDXJ's directories. [256MiB]",
)
@format_option("url", "cdxj")
@output_option
@quiet_option
@verbose_option
@network_options
@click.pass_context
def find_command(
    context: click.Context,
    /,
    format: str | None,  # noqa: A002 - the option's name
    output: str,
    *,
    plan: bool,
    quiet: bool,
    **options: Any,  # noqa: ANN401 - the options are those of `find`
) -> None:
    """Find the captures of TARGETs: where each page of a crawl is, and what the index tells of it.

    TARGET is a URL (`https://host/path` or `host/path`; scheme, www. and letter case do not count), `host/prefix*`,
    a `host` (on any port; `host:8080` on that one), `*.domain` with every host below it, or `surt:org,example)/`.

    EXPR compares columns: `column = value` (also != < <= > >=), `in (a, b)`, `like '%isl%'`, `is null`, joined by
    and, or, not and parentheses. Values are numbers, 'quoted' texts or bare words.

    Rows come by crawl (newest first), url_surtkey and fetch_time. A table leaves out some of what the other formats
    have; `-f url` prints bare URLs, `-f cdxj` lines of CDXJ.

    \b
    cctrawl find commoncrawl.org -c CC-MAIN-2020-24
    cctrawl find https://commoncrawl.org/terms-of-use/ -c all
    cctrawl find 'commoncrawl.org/2012/*' -c 2020 -f jsonl
    cctrawl find '*.is' -c latest --where 'content_languages = isl and content_mime_detected = application/pdf'
    cctrawl find --hosts-file hosts.txt -c latest-3 --columns url,fetch_time,fetch_status -o hosts.parquet
    cctrawl find '*.example.com' -c all --count-by fetch_status
    cctrawl find '*.example.com' -c all --plan
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.captures import find  # noqa: PLC0415 - not needed for --help
    from cctrawl.output import spare_pandas  # noqa: PLC0415 - not needed for --help

    spare_pandas()
    chosen = _format(context, format, output)
    columns = _columns(chosen, options.pop("columns"), count_by=options["count_by"])
    for name in ("status", "mime", "language"):
        options[name] = options[name] or None
    streams = _streams_to_screen(chosen, output)
    search = find(options.pop("targets"), columns=columns, quiet=quiet or streams, **options)
    if plan:
        _show_plan(search.plan(), format, quiet=quiet)
        return
    _write(search, chosen, output)
    _close(context, search, quiet=quiet)


def _format(context: click.Context, given: str | None, output: str) -> str:
    from cctrawl.output import listing_format  # noqa: PLC0415 - not needed for --help

    by_flag = context.get_parameter_source("format") is ParameterSource.COMMANDLINE
    if not by_flag and output.removesuffix(".gz").endswith(".cdxj"):
        return "cdxj"
    return listing_format(chosen_format(given, output), output)


def _columns(format: str, given: str | None, *, count_by: str | None) -> str | tuple[str, ...] | None:  # noqa: A002 - the option's name
    """The columns that a format needs, or that were asked for."""
    if format in ("url", "cdxj"):
        if given is not None or count_by is not None:
            raise click.UsageError(f"-f {format} has lines of its own: leave out --columns and --count-by")
        from cctrawl.captures import CDXJ_COLUMNS  # noqa: PLC0415 - not needed for --help

        return ("url",) if format == "url" else CDXJ_COLUMNS
    return _SHOWN if format == "table" and given is None and count_by is None else given


def _streams_to_screen(format: str, output: str) -> bool:  # noqa: A002 - the option's name
    """Whether rows appear on the terminal as they come: a live line would be in their way."""
    import sys  # noqa: PLC0415 - for this alone

    return output == "-" and format != "table" and sys.stdout.isatty()


def _write(search: Search, format: str, output: str) -> None:  # noqa: A002 - the option's name
    from cctrawl.output import Column, write_batches, write_listing  # noqa: PLC0415 - not needed for --help

    if format == "parquet":
        write_batches(search.batches(), search.schema, output)
        return
    columns = [Column(name, right=name in _NUMBERS) for name in search.columns]
    rows = _rows(search)
    if format == "cdxj":
        rows, columns = _lines(search), [Column("line")]
    write_listing(rows, columns, format="paths" if format in ("url", "cdxj") else format, output=output)


def _rows(search: Search) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples of plain values; ids as text."""
    from uuid import UUID  # noqa: PLC0415 - not needed for --help

    pieces = (
        batch.slice(at, _ROWS_AT_ONCE) for batch in search.batches() for at in range(0, len(batch), _ROWS_AT_ONCE)
    )
    for piece in pieces:
        columns = [_plain(column) for column in piece.columns]
        if "warc_record_id" in search.columns:
            at = search.columns.index("warc_record_id")
            columns[at] = [str(UUID(bytes=value)) if value and len(value) == 16 else value for value in columns[at]]
        yield from zip(*columns, strict=True)


def _plain(column: pa.Array) -> list[Any]:
    """The values of a column; times as text, all at once, where they are whole seconds, as they should be."""
    import pyarrow as pa  # noqa: PLC0415 - not needed for --help
    import pyarrow.compute as pc  # noqa: PLC0415 - not needed for --help

    if pa.types.is_timestamp(column.type):
        with suppress(pa.ArrowInvalid):
            column = pc.strftime(column.cast(pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%SZ")
    return column.to_pylist()  # type: ignore[no-any-return]  # pyarrow is untyped


def _lines(search: Search) -> Iterator[tuple[str]]:
    from cctrawl.captures import format_line  # noqa: PLC0415 - not needed for --help

    return ((format_line(capture),) for capture in search)


def _close(context: click.Context, search: Search, *, quiet: bool) -> None:
    """Say what was done, and end with the code that tells it."""
    from cctrawl.progress import format_count  # noqa: PLC0415 - not needed for --help

    report = search.report
    assert report is not None  # noqa: S101 - the answer was taken
    if not quiet:
        click.echo(report.summary() if report.rows else f"nothing found · {report.summary()}", err=True)
    if report.failures:
        parts = format_count(len(report.failures), "part")
        click.echo(f"partial: {parts} of the index could not be read, named above: captures are missing", err=True)
        click.echo("hint: the same command asks again", err=True)
        context.exit(_EXIT_PARTIAL)
    if not report.rows:
        context.exit(_EXIT_NOTHING)


def _show_plan(plan: SearchPlan, format: str | None, *, quiet: bool) -> None:  # noqa: A002 - the option's name
    from cctrawl.output import Column, listing_format, write_listing  # noqa: PLC0415 - not needed for --help

    chosen = listing_format(format if format in ("table", "csv", "jsonl") else None, "-")
    names = (
        "crawl",
        "route",
        "why",
        "files",
        "row_groups",
        "requests",
        "bytes",
        "is_upper_bound",
        "is_estimate",
        "seconds",
    )
    if chosen == "table":
        columns = [Column(name, right=number > 2) for number, name in enumerate(names) if name[:3] != "is_"]
        rows: Iterator[tuple[Any, ...]] = (_for_people(crawl, plan) for crawl in plan.crawls)
    else:
        columns = [Column(name) for name in names]
        rows = (_for_programs(crawl, plan) for crawl in plan.crawls)
    write_listing(rows, columns, format=chosen)
    if not quiet:
        click.echo(plan.summary(), err=True)


def _for_programs(crawl: CrawlPlan, plan: SearchPlan) -> tuple[Any, ...]:
    numbers = (crawl.files, crawl.row_groups, crawl.requests, crawl.bytes, crawl.is_upper_bound, crawl.is_estimate)
    return (crawl.crawl, crawl.route, crawl.why, *numbers, plan.wait_s(crawl.requests))


def _for_people(crawl: CrawlPlan, plan: SearchPlan) -> tuple[Any, ...]:
    from cctrawl.progress import format_bytes, format_duration  # noqa: PLC0415 - not needed for --help

    most = "~ " if crawl.is_estimate else "≤ " if crawl.is_upper_bound else ""
    wait = format_duration(plan.wait_s(crawl.requests))
    numbers = (crawl.files, crawl.row_groups, f"{most}{crawl.requests:,}", f"{most}{format_bytes(crawl.bytes)}")
    return (crawl.crawl, crawl.route, crawl.why, *numbers, wait)
