"""How this run of cctrawl behaves: argument over environment over config.toml, for Python and the command.

``Settings.resolve()`` gives the settings in force; every field can be set by ``CCTRAWL_<FIELD>`` and in
``config.toml``. The command's options carry the same names.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cctrawl.configuration import read_configuration
from cctrawl.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from urllib.parse import SplitResult

    from cctrawl.configuration import Configuration

COMMON_CRAWL = "https://data.commoncrawl.org/"
COLLINFO = "https://index.commoncrawl.org/collinfo.json"
# One tree under several names: what was learned under one is true under the others.
OWN_BASE_URLS = (COMMON_CRAWL, COMMON_CRAWL.replace("https:", "http:"), "s3://commoncrawl/")

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_DURATION_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE_UNITS = {
    "": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "K": 2**10, "M": 2**20, "G": 2**30, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


def parse_duration(text: str | float) -> float:
    """Return seconds for ``300``, ``1.5``, ``90s``, ``30m``, ``2h``, ``1d`` or ``200ms``.

    Raises:
        InvalidInputError: the text is no duration.
    """
    value, unit = _split_quantity(text, "duration", "300, 90s, 30m, 2h")
    if unit not in _DURATION_UNITS:
        raise InvalidInputError(f"no duration: {text!r}", hint="write seconds or a unit: 300, 90s, 30m, 2h")
    return value * _DURATION_UNITS[unit]


def parse_size(text: str | float) -> int:
    """Return bytes for ``1048576``, ``256MiB``, ``1GB`` or ``512k``-like sizes.

    Raises:
        InvalidInputError: the text is no size.
    """
    value, unit = _split_quantity(text, "size", "1048576, 256MiB, 1GB")
    if unit not in _SIZE_UNITS:
        raise InvalidInputError(f"no size: {text!r}", hint="write bytes or a unit: 1048576, 256MiB, 1GB")
    return int(value * _SIZE_UNITS[unit])


def _split_quantity(text: str | float, what: str, examples: str) -> tuple[float, str]:
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\s*", str(text))
    if match is None:
        raise InvalidInputError(f"no {what}: {text!r}", hint=f"for example: {examples}")
    return float(match[1]), match[2]


@dataclass(frozen=True)
class Settings:
    """The settings in force. Durations are seconds, rates requests per second.

    Attributes:
        base_url: root of the tree that ``https://data.commoncrawl.org/`` serves; ends in ``/``.
        data_dir: folder of cached listings and of the shared rate budget.
        contact: a way to reach the user, for the user agent; may be empty.
        rate: sustained requests per second; 0 for no limit; ``None`` for the host's default.
        burst: requests at once before the rate binds; ``None`` for the host's default.
        tries: how often an input or a request is tried when it fails intermittently.
        request_timeout: seconds without a byte after which a connection counts as dead.
        block_pause: seconds everything pauses when the server blocks us; doubles.
        patience: seconds waited on blocks in total before giving up.
        refresh: ask for listings anew although they are cached.
    """

    base_url: str = COMMON_CRAWL
    data_dir: Path = Path()
    contact: str = ""
    rate: float | None = None
    burst: int | None = None
    tries: int = 3
    request_timeout: float = 60.0
    block_pause: float = 60.0
    patience: float = 1800.0
    refresh: bool = False

    @classmethod
    def resolve(cls, **given: Any) -> Settings:  # noqa: ANN401 - any field, as text or as its own type
        """Return the settings in force: what is given, else the environment, ``config.toml``, the default.

        ``None`` counts as not given, and so does a variable that is empty.

        Raises:
            InvalidInputError: an unknown name, a value that does not fit, or a ``config.toml`` that cannot be read.
        """
        return cls.resolve_for("", given)

    @classmethod
    def resolve_for(cls, command: str, given: Mapping[str, object]) -> Settings:
        """Return the settings in force for a command, whose table in ``config.toml`` comes before that file's top.

        Args:
            command: its name; empty for none.
            given: what flags or arguments say, by field.

        Raises:
            InvalidInputError: as `resolve`.
        """
        names = [field.name for field in fields(cls)]
        unknown = set(given) - set(names)
        if unknown:
            hint = f"one of {', '.join(names)}"
            raise InvalidInputError(f"no such setting: {', '.join(sorted(unknown))}", hint=hint)
        configuration = read_configuration()
        configuration.check_keys(names)
        values: dict[str, object] = {}
        for name in names:
            for value, place in _sources(name, given, configuration, command):
                if value is not None:
                    values[name] = _converted(name, value, place)
                    break
        if "data_dir" not in values:
            values["data_dir"] = default_data_dir()
        return cls(**values)  # type: ignore[arg-type]  # _converted gave each its type


def _sources(
    name: str, given: Mapping[str, object], configuration: Configuration, command: str
) -> Iterator[tuple[object, str]]:
    """Yield what each source has for a setting, the strongest first, with what errors call the place."""
    yield given.get(name), ""
    variable = f"CCTRAWL_{name.upper()}"
    yield os.environ.get(variable) or None, variable
    yield configuration.lookup(name, command)


def default_data_dir() -> Path:
    """Return the platform's folder for cctrawl's state, for example ``~/.local/share/cctrawl``."""
    from platformdirs import user_data_path  # noqa: PLC0415 - not needed when a folder is given

    return user_data_path("cctrawl", appauthor=False)


def _converted(name: str, value: object, place: str) -> object:
    """Return a value as its field has it; errors begin with the place, if it is no argument."""
    try:
        return _fitting(name, value)
    except InvalidInputError as error:
        if not place:
            raise
        raise InvalidInputError(f"{place}: {error}", hint=error.hint) from error


def _fitting(name: str, value: object) -> object:
    flag = "--" + name.replace("_", "-")
    text = path_text(value) if isinstance(value, os.PathLike) else str(value)
    if name in ("base_url", "data_dir", "contact") and not isinstance(value, (str, os.PathLike)):
        raise InvalidInputError(f"{flag} must be text, not {value!r}", hint='write it in quotes: "…"')
    if name in ("base_url", "data_dir") and not text.strip():
        raise InvalidInputError(f"{flag} is empty", hint="leave it out for the default")
    if name == "base_url":
        return normalize_base_url(text)
    if name == "data_dir":
        return local_path(text)
    if name == "request_timeout" and not parse_duration(text):
        raise InvalidInputError("--request-timeout 0 gives no connection a chance", hint="for example 60s")
    if name in ("request_timeout", "block_pause", "patience"):
        return parse_duration(text)
    if name == "refresh":
        return _truth(flag, text)
    if name == "contact":
        return " ".join(text.split())
    return _number(name, text)


def _truth(flag: str, text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise InvalidInputError(f"{flag} is true or false, not {text!r}", hint="write true or false")
    return text.lower() in _TRUE


def _number(name: str, text: str) -> float | int:
    least = 1 if name in ("tries", "burst") else 0
    hint = f"a number from {least} on, for example {'2.5' if name == 'rate' else '3'}"
    try:
        number: float | int = float(text) if name == "rate" else int(text)
    except ValueError:
        raise InvalidInputError(f"--{name} must be a number, not {text!r}", hint=hint) from None
    if not least <= number < float("inf"):  # nan is neither
        raise InvalidInputError(f"--{name} must be at least {least}, not {text}", hint=hint)
    return number


def normalize_base_url(text: str) -> str:
    """Return a base URL or folder ending in ``/``: a folder absolute, a host lower case without default port.

    Raises:
        InvalidInputError: a scheme that is not http, https, s3 or file, or text that can be neither URL nor path.
    """
    if "://" not in text:
        return str(local_path(text).absolute()).rstrip("/") + "/"
    parts = split_url(text)
    if parts.scheme == "file":
        return str(local_path(parts.path or "/")).rstrip("/") + "/"
    if parts.scheme not in ("http", "https", "s3") or not parts.netloc:
        raise InvalidInputError(f"no base URL: {text!r}", hint="use https://…, http://…, s3://bucket/… or a folder")
    root = re.split("[/?#]", text.partition("://")[2], maxsplit=1)[0]
    user, at, host = root.rpartition("@")
    if parts.scheme != "s3":  # the same host is one origin, however it is written
        host = host.lower().removesuffix({"http": ":80", "https": ":443"}[parts.scheme])
    path = text.partition("://")[2][len(root) :]
    return f"{parts.scheme}://{user}{at}{host}{path}".rstrip("/") + "/"


def split_url(text: str) -> SplitResult:
    """Return the parts of a URL; its ``port`` can be asked for without an error.

    Raises:
        InvalidInputError: its host or port cannot be.
    """
    from urllib.parse import urlsplit  # noqa: PLC0415 - not needed for --help

    try:
        text.encode()  # argv may hold bytes that are no text
        parts = urlsplit(text)
        _ = parts.port  # parsed only when asked for
    except ValueError as error:
        raise InvalidInputError(f"no URL: {text!r}: {error}", hint="check its host and port") from error
    return parts


def is_text(text: str) -> bool:
    """Tell whether a text can be encoded: names from argv or a folder may hold bytes that are none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def path_text(path: str | os.PathLike[str]) -> str:
    """Return a path as text.

    Raises:
        InvalidInputError: it is of bytes, or no path at all.
    """
    try:
        text = os.fspath(path)
    except TypeError as error:
        raise InvalidInputError(f"no path: {path!r:.80}", hint="give a text or a pathlib.Path") from error
    if not isinstance(text, str):
        raise InvalidInputError(f"no path: {path!r:.80} is of bytes", hint="os.fsdecode makes text of it")
    return text


def local_path(text: str) -> Path:
    """Return a local path with ``~`` replaced by the home folder.

    Raises:
        InvalidInputError: a NUL in it, or the home folder of nobody known.
    """
    if "\0" in text:
        raise InvalidInputError(f"no path: {text!r}", hint="a path has no NUL character")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidInputError(
            f"no path: {text!r}: {error}", hint="write ./~… for a name that begins so"
        ) from error


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
