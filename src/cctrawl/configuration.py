"""The file ``config.toml``: what holds for a user unless a flag or the environment says otherwise.

It lies in the platform's config folder (``~/.config/cctrawl`` on Linux), or where ``CCTRAWL_CONFIG`` says. Keys at
its top are settings; a table such as ``[run]`` holds options of that command. This module reads the file and names
its places in errors; what the keys mean is the business of ``settings`` and of the command line.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cctrawl.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

VARIABLE = "CCTRAWL_CONFIG"


@dataclass(frozen=True)
class Configuration:
    """What ``config.toml`` says; dashes in its keys are underscores here.

    Attributes:
        path: the file.
        values: the keys at its top.
        sections: its tables by name; each holds options of the command of that name.
    """

    path: Path
    values: Mapping[str, object] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def lookup(self, name: str, section: str) -> tuple[object, str]:
        """Return a value and the place where it stands: the section's before that at the top, else ``None``."""
        if name in self.sections.get(section, {}):
            return self.sections[section][name], self.place(name, section)
        return self.values.get(name), self.place(name)

    def place(self, key: str, section: str = "") -> str:
        """Return what errors call a key: file, table and key."""
        table = f"[{section}] " if section else ""
        return f"{self.path}: {table}{key.replace('_', '-')}"

    def check_keys(self, known: Collection[str], section: str = "") -> None:
        """Refuse keys that nobody knows.

        Args:
            known: the keys there are, with underscores.
            section: the table; empty for the top of the file.

        Raises:
            InvalidInputError: one is not among them; the hint names the nearest that is.
        """
        for key in self.sections.get(section, {}) if section else self.values:
            if key not in known:
                there = f"in [{section}]" if section else "at the top of the file"
                other = "" if section else "; options of one command stand in its table, for example [run]"
                hint = _nearest(key.replace("_", "-"), [name.replace("_", "-") for name in known]) + other
                raise InvalidInputError(f"{self.place(key, section)}: there is no such setting {there}", hint=hint)

    def check_sections(self, known: Collection[str]) -> None:
        """Refuse tables that belong to no command.

        Raises:
            InvalidInputError: one is named as none of ``known``; the hint names the nearest that is.
        """
        for section in self.sections:
            if section not in known:
                hint = _nearest(section, known)
                raise InvalidInputError(f"{self.path}: [{section}]: there is no such command", hint=hint)


def configuration_path() -> Path:
    """Return where ``config.toml`` is looked for; it need not be there."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_config_path  # noqa: PLC0415 - not needed when a file is named

    return user_config_path("cctrawl", appauthor=False) / "config.toml"


def read_configuration() -> Configuration:
    """Return what ``config.toml`` says; empty when there is none.

    Raises:
        InvalidInputError: it cannot be read, is no TOML, has a key twice, or ``CCTRAWL_CONFIG`` names no file.
    """
    path = configuration_path()
    try:
        text = path.read_bytes().decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except FileNotFoundError:
        if not os.environ.get(VARIABLE):
            return Configuration(path)
        raise InvalidInputError(
            f"there is no {path}, which {VARIABLE} names", hint=f"make the file, or unset {VARIABLE}"
        ) from None
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read: {error.strerror}", hint="check its owner and mode"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path} is no TOML: {error}", hint="save it as UTF-8") from error
    return _parsed(path, text) if text.strip() else Configuration(path)


def _parsed(path: Path, text: str) -> Configuration:
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - only where there is a file
    else:
        import tomli as tomllib  # noqa: PLC0415 - the same

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = 'for example: rate = 5, or contact = "you@example.org"'
        raise InvalidInputError(f"{path} is no TOML: {error}", hint=hint) from error
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    sections = {key: _spelled(path, value) for key, value in table.items() if isinstance(value, dict)}
    return Configuration(path, _spelled(path, values), sections)


def _spelled(path: Path, table: Mapping[str, object]) -> dict[str, object]:
    """Return the table with underscores in its keys."""
    spelled: dict[str, object] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name in spelled:
            flag = name.replace("_", "-")
            raise InvalidInputError(
                f"{path}: {flag} stands there twice", hint="with - and with _ it is the same key"
            )
        spelled[name] = value
    return spelled


def _nearest(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for errors

    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
