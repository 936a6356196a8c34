"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

from cctrawl.errors import InvalidInputError
from cctrawl.settings import Settings

Function = TypeVar("Function", bound=Callable[..., Any])

data_dir_option = click.option(
    "--data-dir", metavar="FOLDER", help="Where cached lists, the shared rate budget and the list of runs are kept."
)
_NETWORK = (
    click.option("--base-url", metavar="URL|FOLDER", help="Root of what data.commoncrawl.org serves; s3:// too."),
    data_dir_option,
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
RUN_FORMATS = ("csv", "jsonl", "parquet")  # what `cctrawl.output` writes; not imported for --help
SETTING_NAMES = tuple(field.name for field in fields(Settings))


def network_options(function: Function) -> Function:
    """Add the options on how to ask for bytes; the command gets them as one argument, ``settings``."""

    @functools.wraps(function)
    def wrapped(**options: Any) -> Any:  # noqa: ANN401 - click hands over whatever its options hold
        given = {name: options.pop(name) for name in SETTING_NAMES}
        command = click.get_current_context().info_name or ""
        return function(settings=Settings.resolve_for(command, given), **options)

    for option in reversed(_NETWORK):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]  # the same command, as click sees it


_WHERE = (
    click.option(
        "--where-host", multiple=True, metavar="HOST", help="Only records of this host, or of *.example.org."
    ),
    click.option("--where-status", multiple=True, metavar="STATUS", help="Only answers with status 200, or 2xx."),
    click.option("--where-type", multiple=True, metavar="MIME", help="Only answers of text/html, or text/*."),
    click.option(
        "--where-language", multiple=True, metavar="CODE", help="Only pages in this language (ISO 639-3); on WET."
    ),
)


def where_options(function: Function) -> Function:
    """Add the conditions on records; each may be a comma list, and given more than once."""
    for option in reversed(_WHERE):
        function = option(function)
    return function


quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress on stderr; warnings and errors stay.")


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
    """A share between 0 and 1: ``0.05`` or ``5%``."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Return the share as a fraction."""
        text = str(value).strip()
        try:
            return float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            self.fail(f"{text!r} is no share; write 0.05 or 5%", param, ctx)


class FormatOption(click.Option):
    """A ``--format``. A variable that names a format of other commands is none for this one: it is passed over."""

    _formats = ("table", "jsonl", "csv", "parquet", "paths", "url", "cdxj")

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value of the variable, if this command knows the format, or nobody does."""
        value = super().resolve_envvar_value(ctx)
        known = self.type.choices if isinstance(self.type, click.Choice) else RUN_FORMATS
        return None if value in self._formats and value not in known else value


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
