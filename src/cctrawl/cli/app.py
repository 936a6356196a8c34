"""The program: its commands, each loaded only when it is called, and what users see of an error."""

from __future__ import annotations

import errno
import importlib
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cctrawl import __version__
from cctrawl.cli.defaults import add_variables, configured_defaults
from cctrawl.errors import CctrawlError, JobError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

# name -> (module, one line for --help). The line stands here so that --help loads none of the modules.
_COMMANDS = {
    "completion": ("cctrawl.cli.completion", "Print the script that completes commands and options in your shell."),
    "crawls": ("cctrawl.cli.listing", "List the crawls there are, newest first."),
    "demo": ("cctrawl.cli.demo", "Run the main job on a small fake Common Crawl; needs no network."),
    "fetch": ("cctrawl.cli.fetching", "Fetch the records of captures: WARC files, pages or their text."),
    "files": ("cctrawl.cli.listing", "List the files of one kind of a crawl."),
    "find": ("cctrawl.cli.finding", "Find captures in any crawl: by URL, host, domain, filter."),
    "index": ("cctrawl.cli.index", "Ask what is held of the index: row groups, bounds, footers."),
    "hosts": ("cctrawl.cli.hosts", "Check the machines of a hosts file, and install cctrawl there."),
    "harvest": ("cctrawl.cli.harvesting", "Fetch the footers of index files, so that questions need no request."),
    "jobs": ("cctrawl.cli.listing", "List the jobs that come with cctrawl."),
    "run": ("cctrawl.cli.running", "Run a job over the files of a crawl and write its rows."),
    "runs": ("cctrawl.cli.listing", "List the runs there were, and how to go on with each."),
    "try": ("cctrawl.cli.running", "Run a job over one file and show the first rows."),
}
_FULL = "the disk is full, or its quota spent: make room, and give the same command again"
_HINTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: "choose another place: this one can only be read",
}
_EXIT_INTERRUPTED = 130
_EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE

_HELP = """Ask Common Crawl anything from a laptop, and run your function over all of it.

\b
  cctrawl demo                                              see the main job work, offline
  cctrawl run themes -c latest --limit 2 -o themes.csv      a shipped job over two files
  cctrawl try my_job.py:count page.warc.gz                  your own job, first rows
  cctrawl run my_job.py:count -c latest -o out/ -f parquet  ... over a whole crawl

Rows go to stdout or the output, everything else to stderr. Exit codes: 0 done, 1 error, 2 usage, 3 nothing
found, 4 incomplete and resumable, 5 network, 130 interrupted.
"""


class _ReaderGoneError(Exception):
    """Whoever read us has enough. Click would end with 1 if it saw the broken pipe itself."""


class _Commands(click.Group):
    """A group whose commands live in modules that are loaded when they are called."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's signature
    ) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)  # it prints --help and --version
        except BrokenPipeError as error:
            raise _ReaderGoneError from error

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        found = getattr(module, f"{cmd_name}_command")
        assert isinstance(found, click.Command)  # noqa: S101 - the table above is ours
        add_variables(found)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and its defaults; help and completion do without them, whatever the file says."""
        name, command, rest = super().resolve_command(ctx, args)
        if name and command and not ctx.resilient_parsing and not {"-h", "--help"} & set(rest):
            ctx.default_map = {name: configured_defaults(command, name, _COMMANDS)}
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in sorted(_COMMANDS.items())])


@click.group(
    cls=_Commands,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(__version__, "--version", message="%(prog)s %(version)s")
def program() -> None:
    """Hold the commands."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its code.

    Args:
        arguments: the words behind ``cctrawl``; ``None`` for those of the process.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    _open_streams()
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _open_streams() -> None:
    """Make the standard streams take any text, and open those that the shell closed (`>&-`).

    Their numbers would else go to the next files that are opened. Writing to a closed stdout stays an error.
    """
    for name, flags in (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8"))
        stream = getattr(sys, name)
        if name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """Let nothing be written any more, not even by the interpreter at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    told: dict[str, Any] = {"arguments": arguments}  # for the commands; they tell whether to be --verbose
    try:
        code = program.main(arguments, prog_name="cctrawl", standalone_mode=False, obj=told)
        sys.stdout.flush()
    except (_ReaderGoneError, BrokenPipeError):
        _silence_stdout()
        return _EXIT_BROKEN_PIPE
    except (CctrawlError, OSError) as error:
        if not isinstance(error, CctrawlError):
            _silence_stdout()  # it may be stdout that refused
        return _explain(error, verbose=told.get("verbose", False))
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("interrupted", err=True)
        return _EXIT_INTERRUPTED
    return code if isinstance(code, int) else 0


def _explain(error: CctrawlError | OSError, *, verbose: bool) -> int:
    if isinstance(error, JobError) and error.details:
        click.echo(error.details.rstrip(), err=True)
    click.echo(f"error: {error}", err=True)
    hint = error.hint if isinstance(error, CctrawlError) else _HINTS.get(error.errno or 0)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    if verbose and error.__cause__ is not None:
        click.echo(f"cause: {type(error.__cause__).__name__}: {error.__cause__}", err=True)
    return error.exit_code if isinstance(error, CctrawlError) else 1


def _interrupt(number: int, frame: FrameType | None) -> Any:  # noqa: ARG001, ANN401 - a signal handler's signature
    raise KeyboardInterrupt
