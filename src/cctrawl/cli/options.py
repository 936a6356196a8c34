"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from cctrawl.errors import InvalidInputError
from cctrawl.settings import Settings, parse_duration

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Function = TypeVar("Function", bound=Callable[..., Any])


def complete_file(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001 - click's signature
    """Let the shell complete a file or folder."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - not needed for --help

    return [CompletionItem(begun, type="file")]


data_dir_option = click.option(
    "--data-dir",
    metavar="FOLDER",
    shell_complete=complete_file,
    help="Where cached lists, footers, the shared rate budget and the list of runs are kept.",
)
_WHERE_THINGS_ARE = (
    click.option(
        "--base-url",
        metavar="URL|FOLDER",
        shell_complete=complete_file,
        help="Root of what data.commoncrawl.org serves; s3:// too.",
    ),
    data_dir_option,
)
_NETWORK = (
    *_WHERE_THINGS_ARE,
    click.option("--contact", metavar="TEXT", help="How to reach you; goes into the user agent."),
    click.option("--rate", metavar="N", help="Requests per second, 0 for no limit. [Common Crawl: 10, else none]"),
    click.option("--burst", metavar="N", help="Requests at once before the rate binds. [Common Crawl: 300]"),
    click.option("--tries", metavar="N", help="Tries per file or request that fails intermittently. [3]"),
    click.option(
        "--request-timeout", metavar="TIME", help="A connection without a byte for so long is dead. [60s]"
    ),
    click.option("--block-pause", metavar="TIME", help="Pause when the server blocks us; doubles. [60s]"),
    click.option("--patience", metavar="TIME", help="Time waited on blocks in total before giving up. [30m]"),
    click.option("--refresh", is_flag=True, default=None, help="Ask for lists anew although they are cached."),
)
# What `cctrawl.output`, `cctrawl.runs` and `cctrawl.listings` know; they are not imported for --help.
RUN_FORMATS = ("csv", "jsonl", "parquet")
RUN_KINDS = ("warc", "wat", "wet", "robotstxt", "non200responses")
FILE_KINDS = (*RUN_KINDS, "cc-index", "cc-index-table", "segment")
SUBSETS = ("warc", "robotstxt", "crawldiagnostics")
ON_DAMAGE = ("skip", "raise")
SETTING_NAMES = tuple(field.name for field in fields(Settings))


def network_options(function: Function) -> Function:
    """Add the options on how to ask for bytes; the command gets them as one argument, ``settings``."""
    return _with_settings(function, _NETWORK)


def held_options(function: Function) -> Function:
    """Add the options of commands that ask nothing of the network; they get ``settings`` too."""
    return _with_settings(function, _WHERE_THINGS_ARE)


def _with_settings(function: Function, options: Sequence[Callable[[Function], Function]]) -> Function:
    @functools.wraps(function)
    def wrapped(**given: Any) -> Any:  # noqa: ANN401 - click hands over whatever its options hold
        fields = {name: given.pop(name) for name in SETTING_NAMES if name in given}
        return function(settings=Settings.resolve_for(_command_name(), fields), **given)

    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]  # the same


def _command_name() -> str:
    """The name behind ``cctrawl``, of a group's command the group's: so its table in config.toml is called."""
    context = click.get_current_context()
    while context.parent is not None and context.parent.parent is not None:
        context = context.parent
    return context.info_name or ""


quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress on stderr; warnings and errors stay.")


# Where there is no progress; scripts may pass the same options to every command.
silent_option = click.option("-q", "--quiet", is_flag=True, expose_value=False, help="Say nothing but errors.")


def _tell_verbose(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if isinstance(context.obj, dict):  # `cli.app` gave it
        context.obj["verbose"] = value


verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_verbose,
    help="Say more: also what lies behind an error.",
)


class Quantity(click.ParamType[str]):
    """A time or a size, checked here so that the error names the option, or its variable, and handed on as text."""

    def __init__(self, name: str, parse: Callable[[str], float]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Return the text as it was given."""
        try:
            self._parse(str(value))
        except InvalidInputError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)
        return str(value)


class Share(click.ParamType[float]):
    """A share between 0 and 1: ``0.05`` or ``5%``.

    Args:
        above_0: whether 0 is none.
    """

    name = "share"

    def __init__(self, *, above_0: bool = False) -> None:
        self._above_0 = above_0

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Return the share as a fraction."""
        text = str(value).strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1 or (self._above_0 and not share):  # nan is none, either
            least = "above 0, up to 1" if self._above_0 else "from 0 to 1"
            self.fail(f"{text!r} is no share; write one {least}, for example 0.05 or 5%", param, ctx)
        return share


max_failures_option = click.option(
    "--max-failures",
    type=Share(),
    default="5%",
    metavar="SHARE",
    help="Stop if more of the last 200 files fail. [5%]",
)


class Condition(click.ParamType[str]):
    """A value of a ``--where-…`` option, checked here so that the error names the option, or its variable.

    Args:
        name: ``host``, ``status``, ``type`` or ``language``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Return the text as it was given."""
        from cctrawl.runs.conditions import conditions  # noqa: PLC0415 - not needed for --help

        try:
            conditions(**{self.name: str(value)})
        except InvalidInputError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)
        return str(value)


def _where_option(name: str, metavar: str, meaning: str) -> Callable[[Function], Function]:
    return click.option(f"--where-{name}", type=Condition(name), multiple=True, metavar=metavar, help=meaning)


_WHERE = (
    _where_option("host", "HOST", "Only records of this host, or of *.example.org."),
    _where_option("status", "STATUS", "Only answers with status 200, or 2xx."),
    _where_option("type", "MIME", "Only answers of text/html, or text/*."),
    _where_option("language", "CODE", "Only pages in this language (ISO 639-3); on WET."),
)


def where_options(function: Function) -> Function:
    """Add the conditions on records; each may be a comma list, and given more than once."""
    for option in reversed(_WHERE):
        function = option(function)
    return function


_ON_HOSTS = (
    click.option("--tunnel", is_flag=True, help="All through the ssh connections; no port is opened on a network."),
    click.option(
        "--python",
        metavar="PATH",
        help="The interpreter on hosts whose line names none. [what `hosts install` made, else python3]",
    ),
    click.option("--workdir", metavar="FOLDER", help="A folder on hosts whose line names none, for scratch files."),
)
_ELSEWHERE = (
    click.option(
        "--hosts",
        metavar="FILE",
        shell_complete=complete_file,
        help="Run on these hosts: [user@]host[:port] [workers] a line.",
    ),
    *_ON_HOSTS,
    click.option("--require-all", is_flag=True, help="Begin only if every host of --hosts can be used."),
    click.option("--scheduler", metavar="URL", help="Run on the Dask cluster of this scheduler: tcp://…, tls://…."),
    click.option(
        "--scheduler-file",
        metavar="FILE",
        shell_complete=complete_file,
        help="The same, by the file in which it tells its address.",
    ),
    click.option("--dashboard", is_flag=True, help="Print the address of Dask's live page."),
    click.option(
        "--lease",
        type=Quantity("time", parse_duration),
        default="20s",
        metavar="TIME",
        help="Hosts that hear nothing of us for so long end their work. [20s]",
    ),
)
# Where the workers are, and what goes with that, each with what stands for nothing.
_PLACES = {"hosts": None, "scheduler": None, "scheduler_file": None}
_WITH_HOSTS = {"tunnel": False, "python": None, "workdir": None, "require_all": False}
_WITH_ANY = {"dashboard": False}


def host_options(function: Function) -> Function:
    """Add what every command has that takes a hosts file: ``tunnel``, ``python``, ``workdir``."""
    for option in reversed(_ON_HOSTS):
        function = option(function)
    return function


def elsewhere_options(function: Function) -> Function:
    """Add what sends a run to other machines; see `see_elsewhere`."""
    for option in reversed(_ELSEWHERE):
        function = option(function)
    return function


def see_elsewhere(context: click.Context, options: dict[str, Any]) -> None:
    """Pass over standing wishes of variables and ``config.toml`` that do not fit what the command line says."""
    said = {name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    places = {name for name in _PLACES if options[name]}
    places = places & said or places
    fitting = said | places
    if places:
        fitting |= _WITH_ANY.keys()
    if "hosts" in places:
        fitting |= _WITH_HOSTS.keys()
    others = {**_PLACES, **_WITH_HOSTS, **_WITH_ANY}
    options.update({name: nothing for name, nothing in others.items() if name not in fitting})


class FormatOption(click.Option):
    """A ``--format``, of which a variable or ``config.toml`` may hold a standing wish.

    A variable that names a format of other commands is none for this one: it is passed over. So is any wish where
    the name of the output, which is of the moment, tells another format by its ending.
    """

    _formats = ("table", "jsonl", "csv", "parquet", "paths", "url", "cdxj")

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value of the variable, if this command knows the format, or nobody does."""
        value = super().resolve_envvar_value(ctx)
        known = self.type.choices if isinstance(self.type, click.Choice) else RUN_FORMATS
        return None if value in self._formats and value not in known else value

    def consume_value(self, ctx: click.Context, opts: Mapping[str, click.Parameter]) -> tuple[Any, ParameterSource]:
        """Return the format and where it comes from."""
        value, source = super().consume_value(ctx, opts)
        if value in self._formats and source is not ParameterSource.COMMANDLINE and "output" in opts:
            from cctrawl.output import ending_format  # noqa: PLC0415 - not needed for --help

            if ending_format(str(opts["output"])) is not None:
                return None, ParameterSource.DEFAULT
        return value, source


output_option = click.option(
    "-o", "--output", default="-", metavar="FILE", shell_complete=complete_file, help="Write to a file. [stdout]"
)


def format_option(*more: str) -> Callable[[Function], Function]:
    """Return the ``--format`` of commands that list; more formats than all of them have may be named."""
    return click.option(
        "-f",
        "--format",
        cls=FormatOption,
        type=click.Choice(["table", "jsonl", "csv", "parquet", *more]),
        help="[table on a terminal, jsonl in a pipe, else by the file's ending]",
    )


def chosen_format(given: str | None, output: str) -> str | None:
    """Return the format of a listing that the options tell; ``None`` for stdout without a format."""
    if given is not None or output == "-":
        return given
    from cctrawl.output import format_of  # noqa: PLC0415 - not needed for --help

    return format_of(output.removesuffix(".gz"))


crawl_option = click.option(
    "-c", "--crawl", metavar="CRAWL", help="Of held crawls: an id, a year, latest, latest-N, or a list. [all]"
)
held_crawl_option = click.option(
    "-c",
    "--crawl",
    required=True,
    metavar="CRAWL",
    help="Of held crawls: an id, a year, latest, latest-N, all, or a list.",
)
subset_option = click.option(
    "--subset",
    type=click.Choice([*SUBSETS, "all"]),
    default="warc",
    metavar="NAME",
    help="warc, robotstxt, crawldiagnostics, all. [warc]",
)


class ManyValues(click.Command):
    """A command whose ``--files`` takes all values up to the next option, as shells expand ``*.warc.gz``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its values, which is what click understands."""
        return super().parse_args(ctx, spread_values(args, "--files"))


def spread_values(words: list[str], option: str) -> list[str]:
    """Return the words with the option's name before each value that follows it, up to the next option.

    A lone ``-`` is a value, ``--`` ends the values.
    """
    spread: list[str] = []
    taking = False
    for word in words:
        if word == option:
            taking = True
            continue
        if word.startswith("-") and word != "-":
            taking = False
        spread += [option, word] if taking else [word]
    return spread
