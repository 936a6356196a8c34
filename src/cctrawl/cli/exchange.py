"""The commands that pass the row-group table on: index export, import and rebuild."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cctrawl.cli.options import (
    RUN_FORMATS,
    FormatOption,
    chosen_format,
    complete_file,
    crawl_option,
    format_option,
    held_options,
    output_option,
    quiet_option,
    subset_option,
    verbose_option,
)

if TYPE_CHECKING:
    from cctrawl.settings import Settings
    from cctrawl.store import HoldingRow

_EXIT_INCOMPLETE = 4


def lacking(row: HoldingRow) -> str:
    """Return what an answer lacks, and the command that goes on."""
    missing = (row.listed or 0) - row.files - row.imported
    facts = [f"{missing} of {row.listed} files are not held"] if missing > 0 else []
    facts += [f"{row.undecodable} footers cannot be decoded"] if row.undecodable else []
    command = f"cctrawl harvest -c {row.crawl} --subset {row.subset}" if missing > 0 else "cctrawl index rebuild"
    return f"{row.crawl} {row.subset}: {', '.join(facts)}; hint: {command}"


@click.command("export")
@click.argument("output", metavar="FILE", shell_complete=complete_file)
@crawl_option
@subset_option
@click.option("--columns", metavar="NAMES", help="Bounds of these columns too: all, or a comma list.")
@click.option(
    "-f",
    "--format",
    cls=FormatOption,
    type=click.Choice(RUN_FORMATS),
    metavar="FORMAT",
    help="parquet, csv or jsonl. [by the ending]",
)
@quiet_option
@verbose_option
@held_options
@click.pass_context
def export_command(
    context: click.Context,
    *,
    settings: Settings,
    output: str,
    crawl: str | None,
    subset: str,
    columns: str | None,
    format: str | None,  # noqa: A002 - the option's name
    quiet: bool,
) -> None:
    """Write the row-group table to FILE, for `cctrawl index import` or other tools; - is stdout.

    Its columns are path, crawl, subset, row_group, num_rows, byte_size (not compressed), min_url_surtkey,
    max_url_surtkey and statistics: of which kind the bounds are. With --columns each further column X has min_X and
    max_X, decoded from the held footers when they are first asked for. It ends with 4 if a crawl is held in part.

    \b
    cctrawl index export row_groups.parquet --subset all
    cctrawl index export row_groups.csv.gz -c 2024 --columns url_host_name,fetch_time
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.index import export_row_groups  # noqa: PLC0415 - not needed for --help

    chosen = chosen_format(format, output) or "jsonl"
    report = export_row_groups(output, chosen, crawls=crawl, columns=columns, subset=subset, settings=settings)
    if not quiet:
        size = f", {report.size_bytes / 1e6:,.1f} MB -> {output}" if report.size_bytes else ""
        click.echo(f"{report.rows:,} row groups{size}", err=True)
        if report.left_out:
            click.echo(f"left out: {report.left_out:,} files of other subsets; hint: --subset all", err=True)
    for row in report.incomplete:
        click.echo(lacking(row), err=True)
    if report.incomplete:
        context.exit(_EXIT_INCOMPLETE)


@click.command("import")
@click.argument("file", shell_complete=complete_file)
@quiet_option
@verbose_option
@held_options
def import_command(*, settings: Settings, file: str, quiet: bool) -> None:
    """Take in the row-group table of FILE, which `cctrawl index export` wrote: all of it or nothing.

    Questions are answered from it at once; a harvest fetches the footers. Of files whose footers are held nothing
    is taken.

    \b
    cctrawl index import row_groups.parquet
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.index import import_row_groups  # noqa: PLC0415 - not needed for --help

    counts = import_row_groups(file, settings=settings)
    if not quiet:
        held = f"; {counts.held:,} files passed over, their footers are held" if counts.held else ""
        click.echo(f"{counts.row_groups:,} row groups of {counts.files:,} files came in{held}", err=True)


@click.command("rebuild")
@format_option()
@output_option
@quiet_option
@verbose_option
@held_options
@click.pass_context
def rebuild_command(
    context: click.Context,
    *,
    settings: Settings,
    format: str | None,  # noqa: A002 - the option's name
    output: str,
    quiet: bool,
) -> None:
    """Make the row-group table anew from the held footers, without a request, and list those that resist.

    Questions that are asked meanwhile get the old answers. Imported row groups stay. It ends with 4 if some footers
    cannot be decoded.

    \b
    cctrawl index rebuild
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.index import rebuild_row_groups  # noqa: PLC0415 - not needed for --help
    from cctrawl.output import Column, write_listing  # noqa: PLC0415 - not needed for --help

    report = rebuild_row_groups(settings=settings)
    if report.undecodable:
        columns = [Column("path"), Column("error")]
        write_listing(report.undecodable, columns, format=chosen_format(format, output), output=output)
    if not quiet:
        wrong = f"; {len(report.undecodable):,} cannot be decoded" if report.undecodable else ""
        click.echo(f"{report.row_groups:,} row groups of {report.files:,} footers{wrong}", err=True)
    if report.undecodable:
        context.exit(_EXIT_INCOMPLETE)
