"""Settings: an argument over the environment over the default."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctrawl.errors import InvalidInputError
from cctrawl.settings import Settings, normalize_base_url, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300", 300), ("1.5", 1.5), (90, 90), ("30m", 1800), ("2h", 7200), ("200ms", 0.2), ("1 d", 86400)],
)
def test_durations(text: str | float, seconds: float) -> None:
    """Seconds, or a number with a unit."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("17", 17), ("256MiB", 2**28), ("1GB", 10**9), ("2G", 2**31), ("1.5 KiB", 1536), (5, 5)]
)
def test_sizes(text: str | float, size: int) -> None:
    """Bytes, or a number with a decimal or binary unit."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "-3", "3 weeks", "1e3", "٣x"])
def test_what_is_no_quantity_is_named(text: str) -> None:
    """Neither a duration nor a size: a usage error with examples."""
    for parse in (parse_duration, parse_size):
        with pytest.raises(InvalidInputError) as caught:
            parse(text)
        assert caught.value.hint


@given(st.integers(0, 2**62))
def test_plain_numbers_stay(number: int) -> None:
    """A size of plain digits is that many bytes, up to the precision of a float."""
    assert parse_size(str(number)) == int(float(number))


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is given wins, then CCTRAWL_<FIELD>, then the default."""
    monkeypatch.setenv("CCTRAWL_RATE", "7")
    monkeypatch.setenv("CCTRAWL_PATIENCE", "5m")
    monkeypatch.setenv("CCTRAWL_DATA_DIR", str(tmp_path))
    settings = Settings.resolve(rate=3)
    assert (settings.rate, settings.patience, settings.data_dir, settings.tries) == (3, 300, tmp_path, 3)


def test_settings_cross_processes(tmp_path: Path) -> None:
    """Workers get the driver's settings."""
    settings = Settings.resolve(base_url=str(tmp_path), rate="2.5", refresh=True)
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rate": "fast"}, "--rate"),
        ({"tries": 0}, "at least 1"),
        ({"speed": 1}, "no such setting"),
        ({"rate": -1}, "at least"),
        ({"rate": "nan"}, "at least"),
        ({"rate": "inf"}, "at least"),
        ({"request_timeout": 0}, "--request-timeout"),
    ],
)
def test_values_that_cannot_be_are_refused(given: dict[str, object], words: str) -> None:
    """A wrong value is a usage error that names the option."""
    with pytest.raises(InvalidInputError, match=words):
        Settings.resolve(**given)


def test_base_urls() -> None:
    """A base URL ends in a slash; a folder is absolute; other schemes are refused."""
    assert normalize_base_url("https://data.commoncrawl.org") == "https://data.commoncrawl.org/"
    for other in ("HTTPS://Data.CommonCrawl.org/", "https://data.commoncrawl.org:443"):
        assert normalize_base_url(other) == "https://data.commoncrawl.org/"
    assert normalize_base_url("http://Me:Pw@[::1]:80/Some/Path//") == "http://Me:Pw@[::1]/Some/Path/"
    assert normalize_base_url("http://host:8080/?q=A") == "http://host:8080/?q=A/"
    assert normalize_base_url("file:///srv/crawl") == "/srv/crawl/"
    assert normalize_base_url("some/folder") == f"{Path.cwd()}/some/folder/"
    for text in ("ftp://host/", "https:///path"):
        with pytest.raises(InvalidInputError):
            normalize_base_url(text)


@pytest.mark.parametrize(
    "text", ["http://[::1", "http://127.0.0.1:abc/", "file:///a\0", "a\0b", "~nobody-knows-this-user/x"]
)
def test_a_malformed_base_url_is_named(text: str) -> None:
    """A base URL whose host or port cannot be, or a folder that cannot, is a usage error with a hint."""
    with pytest.raises(InvalidInputError) as caught:
        Settings.resolve(base_url=text)
    assert caught.value.hint
