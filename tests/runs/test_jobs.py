"""The shipped jobs, and how a function becomes a job."""

from __future__ import annotations

import functools
import io
from collections import Counter
from collections.abc import Iterator

import pytest

import cctrawl
from cctrawl.errors import InvalidInputError
from cctrawl.runs.jobs import load_job, reference_to, shipped_jobs, take_tallies
from cctrawl.runs.jobs.languages import languages
from cctrawl.runs.jobs.servers import servers
from cctrawl.runs.jobs.text import text
from cctrawl.runs.jobs.themes import themes
from cctrawl.testing import FakeCrawls, FakePage, WarcWriter, http_message


def rows_of(job: cctrawl.Job, *pages: bytes, url: str = "https://user@a.org:8080/x") -> list[tuple[object, ...]]:
    """Return the rows of a job over these pages."""
    file = io.BytesIO()
    with WarcWriter(file) as writer:
        for page in pages:
            writer.write_response(url, page, http_headers=[("Link", "</wp-content/themes/in-a-header/x.css>")])
    file.seek(0)
    rows = job(cctrawl.read_records(file, want=job.want))
    return list(rows or ())


@pytest.mark.parametrize(
    ("page", "names"),
    [
        (b'<link href="/wp-content/themes/astra/style.css">', ["astra"]),
        (b"x/wp-content/themes/b/1 x/wp-content/themes/a/2 wp-content/themes/b/3", ["b", "a"]),
        (b"wp-content/themes//style.css", []),
        (b"wp-content/themes/no-slash", []),
        (b'wp-content/themes/ends"here/', []),
        (b"wp-content/themes/a b/", []),
        (b"wp-content/themes/<b>/", []),
        (b"wp-content/themes/a'b/", []),
        (b"wp-content/themes/a\\/b/", []),
        (b"wp-content/themes/new\nline/", []),
        (b"wp-content/themes/wp-content/themes/inner/", ["wp-content", "inner"]),
        (b"wp-content/themes/\xe3\x83\x86\xe3\x83\xbc\xe3\x83\x9e/", ["\u30c6\u30fc\u30de"]),
        (b"wp-content/themes/caf\xe9/ wp-content/themes/ok/", ["ok"]),
        (b"WP-CONTENT/THEMES/upper/", []),
        (b"no theme", []),
    ],
)
def test_themes_of_a_page(page: bytes, names: list[str]) -> None:
    """The names between the folder and the next slash, each once per page, in order; never from HTTP headers."""
    assert rows_of(themes, page) == [("user@a.org:8080", name) for name in names]


def test_themes_that_are_no_text_are_counted() -> None:
    """A theme that is not UTF-8 is skipped, and counted."""
    take_tallies()
    rows_of(themes, b"wp-content/themes/caf\xe9/", b"wp-content/themes/\xff/")
    assert take_tallies() == {"themes that are not UTF-8": 2}


def test_a_theme_counts_once_per_page() -> None:
    """Two pages with one theme are two rows."""
    assert len(rows_of(themes, b"wp-content/themes/a/", b"wp-content/themes/a/")) == 2


def test_a_url_that_is_none_has_no_domain() -> None:
    """A target that cannot be taken apart does not stop the job."""
    assert rows_of(themes, b"wp-content/themes/a/", url="http://[half/") == [("", "a")]


def test_servers_are_counted_per_file() -> None:
    """Each server software with its number of pages, most first; pages that name none count too."""
    file = io.BytesIO()
    with WarcWriter(file) as writer:
        for server in ("nginx", "Apache", "nginx", ""):
            headers = [("Server", server)] if server else []
            writer.write("response", http_message(200, headers, b"x"), url="http://a.org/")
        writer.write("request", b"GET / HTTP/1.1\r\nServer: no\r\n\r\n", url="http://a.org/")
    file.seek(0)
    assert list(servers(cctrawl.read_records(file, want=servers.want)) or ()) == [
        ("nginx", 2),
        ("", 1),
        ("Apache", 1),
    ]


def test_a_declared_job_is_still_a_function() -> None:
    """Declaring a function a job keeps its name, its help and that it can be called."""

    @cctrawl.job("a", "b", kind="wet")
    def mine(records: Iterator[cctrawl.Record]) -> Iterator[tuple[int, int]]:
        """Say something."""
        yield len(list(records)), 1

    assert (mine.name, mine.summary, mine.columns, mine.kind) == ("mine", "Say something.", ("a", "b"), "wet")
    assert list(mine(iter([])) or ()) == [(0, 1)]


@pytest.mark.parametrize(
    "declaration",
    [
        {"columns": ("a", "a")},
        {"columns": ("",)},
        {"columns": (1,)},
        {"kind": "png"},
        {"columns": ("a",), "sums": ("b",)},
        {"columns": ("a", "b"), "sums": ("b", "b")},
        {"sums": ("a",)},
    ],
)
def test_a_declaration_that_cannot_be_is_refused(declaration: dict[str, object]) -> None:
    """Columns that are no names, or the same twice, unknown kinds and sums of no column are refused."""
    columns = declaration.pop("columns", ())
    with pytest.raises(InvalidInputError):
        cctrawl.job(*columns, **declaration)  # type: ignore[misc, arg-type]  # that is the point


def test_shipped_jobs_have_references_that_lead_back() -> None:
    """Every shipped job is found by its name, with the hash of its file."""
    for name, job in shipped_jobs().items():
        reference, loaded = load_job(name)
        assert loaded is job
        assert len(reference.sha256) == 64


def test_what_cannot_be_called_is_no_job() -> None:
    """A value that is no function is refused by name."""
    with pytest.raises(InvalidInputError, match="no job"):
        cctrawl.Job.of(7)  # type: ignore[arg-type]  # that is the point


def test_a_partial_is_named_after_its_function() -> None:
    """functools.partial has no name of its own: the job is called after what it wraps, also an object's class."""

    def wrapped(word: str, records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
        """Say what it wraps."""
        yield from ((word,) for _ in records)

    class Callable:
        def __call__(self, records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
            yield from (("x",) for _ in records)

    job = functools.partial(functools.partial(wrapped), "x")
    name = "test_a_partial_is_named_after_its_function.<locals>"
    assert (cctrawl.Job(job).name, cctrawl.Job(job).summary) == ("wrapped", "Say what it wraps.")
    assert reference_to(job).name == f"{__name__}:{name}.wrapped"
    assert reference_to(Callable()).name == f"{__name__}:{name}.Callable"


def pages_of(fake: FakeCrawls, kind: str) -> Iterator[tuple[str, dict[str, FakePage]]]:
    """Yield the files of a kind, each with the pages of its WARC file by URL."""
    for path in fake.files(fake.crawls[0]):
        derived = path if kind == "warc" else path.replace("/warc/", f"/{kind}/").replace(".gz", f".{kind}.gz")
        yield str(fake.root / derived), {page.url: page for page in fake.pages[path]}


def test_text_is_that_of_the_page(fake: FakeCrawls) -> None:
    """Each page of a WET file is a row: its URL, its languages, its text with its title in it."""
    for path, pages in pages_of(fake, "wet"):
        rows = list(text(cctrawl.read_records(path, want=text.want)) or ())
        assert rows
        for url, language, words in rows:
            assert language == ",".join(pages[url].languages)
            assert pages[url].title in words


@pytest.mark.parametrize("kind", ["wet", "warc"])
def test_languages_of_hosts(fake: FakeCrawls, kind: str) -> None:
    """WET headers, and the metadata records of a WARC, tell how many pages of a host are in which main language."""
    for path, pages in pages_of(fake, kind):
        expected = Counter((page.site.host, page.languages[0]) for page in pages.values() if page.languages)
        rows = list(languages(cctrawl.read_records(path, want=languages.want)) or ())
        assert rows == sorted(rows)
        assert {(host, language): count for host, language, count in rows if language} == expected


@pytest.mark.parametrize(
    ("line", "language", "unreadable"),
    [
        (b'languages-cld2: {"languages":[{"code-iso-639-3":"isl"},{"code-iso-639-3":"eng"}]}', "isl", 0),
        (b'languages-cld2: {"reliable":false,"languages":[]}', "", 0),
        (b"fetchTimeMs: 12", "", 0),
        (b"languages-cld2: {", "", 1),
        (b"languages-cld2: " + b"[" * 100_000, "", 1),
        (b"languages-cld2: []", "", 1),
        (b'languages-cld2: {"languages":[{}]}', "", 1),
    ],
)
def test_languages_of_a_metadata_record(line: bytes, language: str, unreadable: int) -> None:
    """The first language counts; none is empty; a line that cannot be read is empty too, and counted."""
    file = io.BytesIO()
    with WarcWriter(file) as writer:
        writer.write("metadata", b"fetchTimeMs: 1\r\n" + line + b"\r\n", url="http://A.org:80/")
    file.seek(0)
    take_tallies()
    assert list(languages(cctrawl.read_records(file)) or ()) == [("a.org", language, 1)]
    assert sum(take_tallies().values()) == unreadable
