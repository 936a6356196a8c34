from __future__ import annotations

from pathlib import Path

import pytest

from cctrawl.errors import InvalidInputError
from cctrawl.transport import locate
from cctrawl.transport.location import host_of

BASE = "https://data.commoncrawl.org/"
LISTED = "crawl-data/CC-MAIN-2020-24/warc.paths.gz"


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("url", ["https://x.org/a b", "http://127.0.0.1:80/x", "s3://commoncrawl/crawl-data/a"])
def test_urls_stay(url: str) -> None:
    """A URL of a known scheme is a location as it is."""
    assert locate(url, BASE) == url


@pytest.mark.parametrize("prefix", ["crawl-data", "cc-index", "contrib", "projects"])
def test_listed_paths_go_below_the_base(prefix: str) -> None:
    """What listings name is below the base URL, or the base folder."""
    assert locate(f"{prefix}/a.gz", BASE) == f"{BASE}{prefix}/a.gz"
    assert locate(f"{prefix}/a.gz", "/mirror/") == f"/mirror/{prefix}/a.gz"
    assert locate(Path(prefix) / "a.gz", BASE) == f"{BASE}{prefix}/a.gz"


def test_odd_characters_of_listed_paths_are_quoted_in_urls() -> None:
    """A path is quoted when it becomes part of a URL, and only then; ``=`` stays as the index has it."""
    assert locate("cc-index/crawl=C/a b#c?.gz", BASE) == f"{BASE}cc-index/crawl=C/a%20b%23c%3F.gz"
    assert locate("cc-index/a b", "/mirror/") == "/mirror/cc-index/a b"
    assert locate("cc-index/a b+c", "s3://mirror/") == "s3://mirror/cc-index/a b+c"


def test_local_files_win(tmp_path: Path) -> None:
    """A path that exists here is a local file, even if it looks like a listed one."""
    (tmp_path / LISTED).parent.mkdir(parents=True)
    (tmp_path / LISTED).touch()
    assert locate(LISTED, BASE) == str(tmp_path / LISTED)


def test_everything_else_is_local(tmp_path: Path) -> None:
    """Other names are local paths, made absolute, whether they exist or not; ``file://`` is one too."""
    assert locate("a.warc", BASE) == str(tmp_path / "a.warc")
    assert locate("/x/a.warc", BASE) == "/x/a.warc"
    assert locate("file:///x/a%20b.warc", BASE) == "/x/a b.warc"
    assert locate("~/a", BASE) == str(Path.home() / "a")


@pytest.mark.parametrize(
    "bad", ["http://[::1/x", "http://127.0.0.1:abc/x", "http://h:99999/x", "a\0b", "file:///a%00b"]
)
def test_malformed_names_are_the_callers_mistake(bad: str) -> None:
    """A URL whose host or port cannot be, or a path with a NUL, is named, and the hint says what to check."""
    with pytest.raises(InvalidInputError) as caught:
        locate(bad, BASE)
    assert caught.value.hint


def test_the_home_folder_of_nobody() -> None:
    """A name that begins like a home folder, but of a user who is not there, is the caller's mistake."""
    with pytest.raises(InvalidInputError, match="~nobody-knows-this-user"):
        locate("~nobody-knows-this-user/a.warc", BASE)


def test_text_that_no_file_system_takes_is_no_listed_path_here() -> None:
    """A listed path that cannot be a local one goes below the base, as every other."""
    assert locate("cc-index/a\ud800", "/mirror/") == "/mirror/cc-index/a\ud800"
    assert locate("cc-index/a\ud800", BASE) == f"{BASE}cc-index/a%3F"


@pytest.mark.parametrize("bad", ["ftp://x.org/a", "https:///a", "", "s3:///a", "s3://UPPER/a", "s3://bucket/./a"])
def test_what_is_no_location(bad: str) -> None:
    """Unknown schemes, URLs without host and empty names are the caller's mistake."""
    with pytest.raises(InvalidInputError):
        locate(bad, BASE)


def test_hosts_are_compared_without_default_port_and_case() -> None:
    """The same server has one name in the rate budget."""
    assert host_of("https://Data.CommonCrawl.org:443/x") == "https://data.commoncrawl.org"
    assert host_of("http://h:8080/x") == "http://h:8080"
    assert host_of("s3://commoncrawl/x") == "s3://commoncrawl"


def test_paths_of_bytes_are_the_callers_mistake() -> None:
    """A path-like object whose path is of bytes is refused as what it is."""

    class Odd:
        def __fspath__(self) -> bytes:
            return b"a.warc"

    with pytest.raises(InvalidInputError, match="of bytes"):
        locate(Odd(), "/base/")  # type: ignore[arg-type]  # that is the point
