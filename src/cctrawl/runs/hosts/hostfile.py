"""The hosts file: a host a line, as SCOOP, MPI and many others have it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cctrawl.errors import InvalidInputError

# A word; what stands in quotes may hold blanks and ``#``. A ``#`` that begins a word begins a comment.
_PIECE = r"""[^\s"']|"[^"]*"|'[^']*'"""
_WORD = re.compile(rf"(?!\#)(?:{_PIECE})+(?=\s|$)")
_ADDRESS = re.compile(
    r"(?:(?P<user>\S+)@)?"
    r"(?:\[(?P<bracketed>[^\]\s]+)\](?::(?P<port>[0-9]+))?"
    r"|(?P<bare>[^:@\[\]\s]+)(?::(?P<bare_port>[0-9]+))?"
    r"|(?P<v6>[0-9A-Fa-f:.]+(?:%\w+)?))"
)
_SETTINGS = ("python", "workdir")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_FORM = "write [user@]host[:port] [workers], and behind it python=PATH or workdir=FOLDER if need be"


@dataclass(frozen=True)
class Host:
    """A line of the hosts file.

    Attributes:
        name: what messages and the report call it: the line's host; a second line of the same host has ``#2``.
        target: whom ssh is asked for: ``[user@]host``.
        port: the port of its sshd; ``None`` for what ssh's configuration says.
        workers: how many processes work there; ``None`` for the command's default.
        python: the interpreter there; ``None`` for the command's default.
        workdir: the folder for what is kept there during a run; ``None`` for the command's default.
        is_local: whether it is this machine, which needs no ssh.
    """

    name: str
    target: str
    port: int | None = None
    workers: int | None = None
    python: str | None = None
    workdir: str | None = None
    is_local: bool = False


def read_hosts(path: str | os.PathLike[str]) -> list[Host]:
    """Return the hosts of a hosts file, in its order.

    Args:
        path: a text file with a line for each host: ``[user@]host[:port] [workers]``, behind it ``python=`` and
            ``workdir=``, whose values may stand in quotes; ``#`` begins a comment. An address of IPv6 with a port
            stands in brackets. ``localhost``, without user and port, is this machine.

    Raises:
        InvalidInputError: the file cannot be read, names no host, or has a line that is none; with its number.
    """
    name = os.fspath(path)
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InvalidInputError(f"there is no hosts file {name!r}", hint=f"a host a line: {_FORM}") from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"the hosts file {name!r} cannot be read: {error}", hint=_FORM) from error
    hosts = list(_hosts(text, name))
    if not hosts:
        raise InvalidInputError(f"the hosts file {name!r} names no host", hint=_FORM)
    return hosts


def _hosts(text: str, file: str) -> Iterator[Host]:
    seen: Counter[str] = Counter()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            words = _words(line)
            if not words:
                continue
            host = _host(words)
        except InvalidInputError as error:
            raise InvalidInputError(f"{file}, line {number}: {error}: {line.strip()!r}", hint=error.hint) from None
        seen[host.name] += 1
        if seen[host.name] > 1:
            host = Host(**{**vars(host), "name": f"{host.name}#{seen[host.name]}"})
        yield host


def _words(line: str) -> list[str]:
    words: list[str] = []
    rest = line.lstrip()
    while rest and not rest.startswith("#"):
        match = _WORD.match(rest)
        if match is None:
            raise InvalidInputError("a quote that does not end", hint="close it, or leave it out")
        words.append(match[0])
        rest = rest[match.end() :].lstrip()
    return words


def _host(words: list[str]) -> Host:
    address, *more = words
    user, name, port = _address(address)
    workers: int | None = None
    if more and "=" not in more[0]:
        workers = _workers(more.pop(0))
    given = _settings(more)
    is_local = name in _LOCAL and user is None and port is None
    target = name if user is None else f"{user}@{name}"
    return Host(name, target, port, workers, given.get("python"), given.get("workdir"), is_local)


def _address(text: str) -> tuple[str | None, str, int | None]:
    match = _ADDRESS.fullmatch(text)
    if match is None or text.startswith("-") or "=" in text:
        raise InvalidInputError("this names no host", hint=_FORM)
    name = match["bracketed"] or match["bare"] or match["v6"]
    if name.startswith("-"):
        raise InvalidInputError("this names no host", hint=_FORM)
    port = match["port"] or match["bare_port"]
    if port is not None and not 1 <= int(port) <= 65535:
        raise InvalidInputError(f"{port} is no port", hint="a port is 1 to 65535")
    return match["user"], name, None if port is None else int(port)


def _workers(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word)):
        raise InvalidInputError(f"{word!r} is no number of workers", hint=_FORM)
    return int(word)


def _settings(words: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in _SETTINGS:
            raise InvalidInputError(f"{word!r} has no meaning here", hint=_FORM)
        if key in given:
            raise InvalidInputError(f"{key}= twice", hint="leave one of them out")
        given[key] = re.sub(_PIECE, lambda piece: piece[0][1:-1] if len(piece[0]) > 1 else piece[0], value)
        if not given[key]:
            raise InvalidInputError(f"{key}= without a value", hint=f"write the path behind {key}=")
    return given
