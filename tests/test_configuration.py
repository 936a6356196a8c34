"""config.toml: where it is looked for, what it says, and how its mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from platformdirs import user_config_path

from cctrawl.configuration import configuration_path, read_configuration
from cctrawl.errors import InvalidInputError
from cctrawl.settings import Settings


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a config.toml that a test may write."""
    path = tmp_path / "config.toml"
    path.touch()
    monkeypatch.setenv("CCTRAWL_CONFIG", str(path))
    return path


def test_it_lies_in_the_platforms_config_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without CCTRAWL_CONFIG the platform's folder counts, and no file there means no configuration."""
    monkeypatch.delenv("CCTRAWL_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert configuration_path() == user_config_path("cctrawl", appauthor=False) / "config.toml"
    assert read_configuration().values == {}


def test_flag_over_environment_over_table_over_top(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given wins, then the environment, then the command's table, then the top of the file."""
    config.write_text(
        "rate = 1\ntries = 1\nblock-pause = '1m'\nrefresh = true\n[run]\nrate = 2\ntries = 2\nburst = 2\n"
    )
    monkeypatch.setenv("CCTRAWL_TRIES", "3")
    monkeypatch.setenv("CCTRAWL_BURST", "3")
    settings = Settings.resolve_for("run", {"burst": 4})
    assert (settings.burst, settings.tries, settings.rate, settings.block_pause) == (4, 3, 2, 60)
    assert settings.refresh
    assert Settings.resolve().rate == 1


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("ratte = 5", "ratte: there is no such setting", "did you mean rate?"),
        ("workers = 5", "workers: there is no such setting", "[run]"),
        ("rate = 'fast'", "rate: --rate must be a number", ""),
        ("tries = true", "tries: --tries must be a number", ""),
        ("contact = 5", "contact: --contact must be text", "quotes"),
        ("block-pause = 1\nblock_pause = 2", "block-pause stands there twice", "the same key"),
        ("patience = [1]", "patience: no duration", ""),
        ("refresh = 'perhaps'", "true or false", ""),
        ("base-url = ''", "base-url: --base-url is empty", "leave it out"),
        ("rate = ", "is no TOML", "rate = 5"),
    ],
)
def test_mistakes_are_named_with_file_and_key(config: Path, text: str, words: str, hint: str) -> None:
    """What nobody knows or no setting takes is an error with the file, the key and what to do."""
    config.write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        Settings.resolve()
    assert str(caught.value).startswith(str(config))
    assert words in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_a_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that does not fit is named as such."""
    monkeypatch.setenv("CCTRAWL_REFRESH", "perhaps")
    with pytest.raises(InvalidInputError, match="CCTRAWL_REFRESH"):
        Settings.resolve()


def test_a_byte_order_mark_is_passed_over(config: Path) -> None:
    """A file as some editors save it is read like any other."""
    config.write_bytes(b"\xef\xbb\xbfrate = 5\n")
    assert Settings.resolve().rate == 5


def test_files_that_cannot_be_read_are_named(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named but missing, a folder, and bytes that are no text are errors with a hint."""
    config.write_bytes(b"contact = '\xff'")
    for path in (config, tmp_path, tmp_path / "none.toml"):
        monkeypatch.setenv("CCTRAWL_CONFIG", str(path))
        with pytest.raises(InvalidInputError, match=str(path)) as caught:
            Settings.resolve()
        assert caught.value.hint
