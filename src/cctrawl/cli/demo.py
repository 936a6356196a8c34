"""The demonstration: the main job over a fake Common Crawl whose server misbehaves, and a look at the result."""

from __future__ import annotations

import csv
import shlex
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cctrawl.cli.options import complete_file, quiet_option, verbose_option

if TYPE_CHECKING:
    from cctrawl.testing import FakeCrawls, Fault

_CRAWL = "CC-MAIN-2024-22"


@click.command("demo")
@click.option(
    "-o", "--output", metavar="FILE", shell_complete=complete_file, help="Keep the rows: themes.csv. [thrown away]"
)
@click.option(
    "--keep", metavar="FOLDER", shell_complete=complete_file, help="Keep the fake Common Crawl, to play with."
)
@click.option("--hosts", is_flag=True, help="Over three hosts made on the spot, one of which is lost on the way.")
@quiet_option
@verbose_option
def demo_command(*, output: str | None, keep: str | None, hosts: bool, quiet: bool) -> None:
    """Run the main job on a small fake Common Crawl made on the spot; needs no network.

    It is served on this machine by a server that drops connections and refuses requests, as the real one does at
    times. The rows are then compared with what the fake pages are known to hold.
    """
    with tempfile.TemporaryDirectory(prefix="cctrawl-demo-") as scratch:
        folder = Path(keep) if keep else Path(scratch) / "crawl"
        rows = Path(output) if output else Path(scratch) / "themes.csv"
        click.echo("1. Building a small Common Crawl: pages in many languages, some of them WordPress.", err=True)
        fake = _build(folder)
        if hosts:
            _run_over_hosts(fake, rows, Path(scratch), quiet=quiet)
        else:
            _run_here(fake, rows, Path(scratch) / "data", quiet=quiet)
        _show(rows, fake.expected_themes(fake.files(_CRAWL)))
        if keep:
            click.echo(
                f"\nThe fake Common Crawl is in {keep}: cctrawl files warc -c latest --base-url {keep}", err=True
            )


def _build(folder: Path) -> FakeCrawls:
    from cctrawl.testing import Size, build  # noqa: PLC0415 - not needed for --help

    fake = build(folder, seed=22, size=Size(crawls=(_CRAWL,), arc=(), news=(), segments=3, pages_per_file=60))
    click.echo(f"   {_CRAWL} has {len(fake.files(_CRAWL))} WARC files.", err=True)
    return fake


def _faults() -> list[Fault]:
    from cctrawl.testing import CutBody, Refuse  # noqa: PLC0415 - not needed for --help

    return [
        CutBody(path="*/warc/*2.warc.gz", after_bytes=20_000, times=2),
        Refuse(path="*/warc/*1.warc.gz", status=503, retry_after=1, times=1),
    ]


def _run_here(fake: FakeCrawls, rows: Path, data_dir: Path, *, quiet: bool) -> None:
    from cctrawl.runs import run  # noqa: PLC0415 - not needed for --help
    from cctrawl.settings import Settings  # noqa: PLC0415 - not needed for --help
    from cctrawl.testing import FakeServer  # noqa: PLC0415 - not needed for --help

    click.echo("2. Serving it on this machine: connections break, requests are refused.", err=True)
    with FakeServer(fake.root, faults=_faults()) as server:
        click.echo(f"3. cctrawl run themes -c {_CRAWL} -o {rows.name} --base-url {server.url}", err=True)
        settings = Settings.resolve(base_url=server.url, data_dir=data_dir)
        report = run("themes", crawl=_CRAWL, output=rows, restart=True, quiet=quiet, settings=settings)
    click.echo("   " + report.summary().replace("\n", "\n   "), err=True)


def _run_over_hosts(fake: FakeCrawls, rows: Path, scratch: Path, *, quiet: bool) -> None:
    from cctrawl.cli.demo_hosts import run_and_lose_one, slowed, stage  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs import run  # noqa: PLC0415 - not needed for --help
    from cctrawl.settings import Settings  # noqa: PLC0415 - not needed for --help
    from cctrawl.testing import FakeServer  # noqa: PLC0415 - not needed for --help

    click.echo("2. Serving it, slowly; connections break, requests are refused.", err=True)
    with stage(scratch) as on:
        with on.network():
            server = FakeServer(fake.root, faults=slowed(_faults()), address=on.address)
        with server:
            words = ["cctrawl", "run", "themes", "-c", _CRAWL, "--hosts", str(on.hosts_file), *on.options]
            words += ["-o", str(rows), "--base-url", server.url]
            click.echo(f"3. {shlex.join(words)}", err=True)
            words += ["--restart", "--data-dir", str(scratch / "data"), *(["--quiet"] if quiet else [])]
            run_and_lose_one(on, server, words)
    settings = Settings.resolve(base_url=str(fake.root), data_dir=scratch / "data")
    alone = scratch / "alone.csv"
    run("themes", crawl=_CRAWL, output=alone, quiet=True, settings=settings)
    if rows.read_bytes() != alone.read_bytes():
        raise click.ClickException("these are not the bytes that one machine writes: this is a defect")
    click.echo("   The very bytes that one machine writes, without hosts and faults.", err=True)


def _show(rows: Path, expected: list[tuple[str, str]]) -> None:
    with rows.open(newline="", encoding="utf-8") as file:
        found = [(row["domain"], row["theme"]) for row in csv.DictReader(file)]
    themes = Counter(theme for _, theme in found)
    click.echo("4. What the rows say, the most frequent themes:", err=True)
    for theme, pages in themes.most_common(5):
        click.echo(f"{pages:6}  {theme}")
    if found != expected:
        raise click.ClickException(f"{len(found)} rows, but the pages hold {len(expected)}: this is a defect")
    click.echo(f"   All {len(expected):,} rows the pages hold are there, once each, in order.", err=True)
    click.echo("   The real thing: cctrawl run themes -c latest --limit 2 -o themes.csv", err=True)
    click.echo("   And where is a page? cctrawl find commoncrawl.org -c latest", err=True)
