"""The commands that look after the machines of a hosts file: check, install."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cctrawl.cli.options import (
    chosen_format,
    complete_file,
    format_option,
    host_options,
    network_options,
    output_option,
    silent_option,
    verbose_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cctrawl.runs.hosts import Finding, Host, Installation, Problem
    from cctrawl.settings import Settings

_EXIT_UNFIT = 1
_CHECKED = (
    "host", "reachable", "python", "cctrawl", "distributed", "cores", "memory_bytes", "clock_s", "workdir",
    "writable", "data", "fit",
)  # fmt: skip
_NUMBERS = ("cores", "memory_bytes", "clock_s")


@click.group("hosts")
def hosts_command() -> None:
    """Check the machines of a hosts file, and install cctrawl there. `cctrawl run --hosts FILE` uses them.

    \b
    cctrawl hosts check hosts.txt
    cctrawl hosts install hosts.txt --python /opt/cctrawl/bin/python

    A line of FILE is [user@]host[:port] [workers], behind it python=PATH or workdir=FOLDER if need be; # begins a
    comment; localhost is this machine. Hosts are reached by OpenSSH as ~/.ssh/config has it, without a password.
    """  # noqa: D301 - \b is the character that keeps click from wrapping


@hosts_command.command("check")
@click.argument("file", shell_complete=complete_file)
@host_options
@format_option()
@output_option
@silent_option
@verbose_option
@network_options
def check_command(
    settings: Settings,
    *,
    file: str,
    tunnel: bool,
    python: str | None,
    workdir: str | None,
    format: str | None,  # noqa: A002 - the option's name
    output: str,
) -> int:
    """Look at each host of FILE as a run would, and list what is found; exit code 1 if one is not fit.

    Reachable, Python and the versions that must be those of this machine, cores, memory, by how many seconds the
    clock is ahead, the folder for scratch files, whether it reaches what lies below --base-url, and this machine.
    What is wrong is told on stderr, with a hint.

    \b
    cctrawl hosts check hosts.txt
    cctrawl hosts check hosts.txt --tunnel --python /opt/cctrawl/bin/python --workdir /tmp/cctrawl
    cctrawl hosts check hosts.txt -f csv -o found.csv
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.output import Column, listing_format, write_listing  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs.cluster import see_extra  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs.hosts import check_hosts, read_hosts  # noqa: PLC0415 - the same

    see_extra("distributed", "cluster")
    hosts = read_hosts(file)
    findings = check_hosts(
        hosts,
        settings,
        ssh=_ssh_for(hosts),
        python=python,
        workdir=workdir,
        tunnel=tunnel,
    )
    format = chosen_format(format, output)  # noqa: A001 - the option's name
    is_table = listing_format(format, output) == "table"
    problems: list[Problem] = []
    rows = (_row(finding, problems, is_table=is_table) for finding in findings)
    columns = [Column(name, right=name in _NUMBERS) for name in _CHECKED]
    write_listing(rows, columns, format=format, output=output)
    _tell_problems(problems)
    return _EXIT_UNFIT if problems else 0


def _row(finding: Finding, problems: list[Problem], *, is_table: bool) -> Sequence[Any]:
    problems += finding.problems
    facts = finding.facts
    row: list[Any] = [finding.host.name, finding.is_reached, None if facts is None else facts.python]
    if facts is None or not facts.is_whole:
        row += [None] * (len(_CHECKED) - len(row) - 1)
    else:
        row += [facts.versions.get("cctrawl"), facts.versions.get("distributed"), facts.cores, facts.memory_bytes]
        row += [round(facts.clock_s, 1) + 0.0, facts.workdir, not facts.workdir_error, finding.reaches_data]
    row.append(not finding.problems)
    return [_shown(cell) for cell in row] if is_table else row


def _shown(cell: object) -> object:
    """Return what a table has room for."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int) and cell > 10**6:
        return f"{cell / 1e9:.1f} GB"
    return "" if cell is None else cell


@hosts_command.command("install")
@click.argument("file", shell_complete=complete_file)
@host_options
@format_option()
@output_option
@silent_option
@verbose_option
def install_command(
    *,
    file: str,
    tunnel: bool,  # noqa: ARG001 - scripts may give the same options to all commands with hosts
    python: str | None,
    workdir: str | None,  # noqa: ARG001 - the same
    format: str | None,  # noqa: A002 - the option's name
    output: str,
) -> int:
    """Give each host of FILE an environment with this very cctrawl; exit code 1 if one does not get it.

    What was done is listed. The environment is FOLDER of --python FOLDER/bin/python (~/.cctrawl/venv if none is
    named, where `run` and `check` look first), made by a Python there of this one's minor version. Installed are
    the code that runs here, with its extras, and the same versions of Dask; pip there needs an index it can reach.
    Where all of this is so already, there is nothing to do. A line localhost without python= is this very Python.

    \b
    cctrawl hosts install hosts.txt
    cctrawl hosts install hosts.txt --python /opt/cctrawl/bin/python
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    from cctrawl.output import Column, write_listing  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs.cluster import see_extra  # noqa: PLC0415 - not needed for --help
    from cctrawl.runs.hosts import install_on, read_hosts  # noqa: PLC0415 - not needed for --help

    see_extra("distributed", "cluster")
    hosts = read_hosts(file)
    problems: list[Problem] = []
    rows = (_done(each, problems) for each in install_on(hosts, ssh=_ssh_for(hosts), python=python))
    columns = [Column(name) for name in ("host", "did", "python", "cctrawl")]
    write_listing(rows, columns, format=chosen_format(format, output), output=output)
    _tell_problems(problems)
    return _EXIT_UNFIT if problems else 0


def _done(installation: Installation, problems: list[Problem]) -> Sequence[Any]:
    problems += installation.problems
    did = ", ".join(installation.did) or ("failed" if installation.problems else "nothing to do")
    facts = installation.facts
    if facts is None:
        return [installation.host.name, did, None, None]
    return [installation.host.name, did, facts.executable, facts.versions.get("cctrawl")]


def _ssh_for(hosts: Sequence[Host]) -> str:
    from cctrawl.runs.hosts import find_ssh  # noqa: PLC0415 - not needed for --help

    return "" if all(host.is_local for host in hosts) else find_ssh()


def _tell_problems(problems: Iterable[Problem]) -> None:
    """Say what is wrong with which hosts, and what to do about it."""
    hosts: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        hosts.setdefault((problem.what, problem.hint), []).append(problem.host)
    for (what, hint), names in hosts.items():
        click.echo(f"{', '.join(names)}: {what}", err=True)
        click.echo(f"hint: {hint}", err=True)
