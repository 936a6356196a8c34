"""The job `links`: what WAT files say of links becomes rows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import cctrawl
from cctrawl.runs.jobs import take_tallies
from cctrawl.runs.jobs.links import links
from cctrawl.testing import FakeCrawls, WarcWriter

PAGE = "http://a.org/b/c?d=e"


def rows_of(metadata: Any, url: str = PAGE, headers: Any = None) -> list[tuple[str, ...]]:  # noqa: ANN401 - any JSON
    """Return the rows of a page with this HTML-Metadata in its WAT record."""
    message = {"Headers": headers or {}, "HTML-Metadata": metadata}
    document = {"Envelope": {"Payload-Metadata": {"HTTP-Response-Metadata": message}}}
    return rows_of_block(json.dumps(document).encode(), url)


def rows_of_block(block: bytes, url: str = PAGE) -> list[tuple[str, ...]]:
    """Return the rows of a WAT record that holds these bytes."""
    file = io.BytesIO()
    with WarcWriter(file) as writer:
        writer.write("warcinfo", b'"HTML-Metadata"')
        writer.write("metadata", block, url=url)
    file.seek(0)
    take_tallies()
    return list(links(cctrawl.read_records(file, want=links.want)) or ())


def targets(*urls: str, page: str = PAGE, base: str | None = None) -> list[str]:
    """Return where the links of a page lead."""
    head = {} if base is None else {"Base": base}
    return [row[1] for row in rows_of({"Head": head, "Links": [{"url": url} for url in urls]}, page)]


def test_a_row_has_source_target_rel_and_text() -> None:
    """LINK elements of the head come first, then what stands in the body; what is missing is empty."""
    head = {"Link": [{"path": "LINK@/href", "rel": "icon", "url": "i.png"}], "Title": "t"}
    body = [
        {"path": "A@/href", "url": "/x", "text": "go &lt; there"},
        {"path": "IMG@/src", "url": "y.jpg", "alt": "a picture"},
        {"path": "A@/href", "url": "z", "rel": ["nofollow", "me"]},
    ]
    assert rows_of({"Head": head, "Links": body}) == [
        (PAGE, "http://a.org/b/i.png", "icon", ""),
        (PAGE, "http://a.org/x", "", "go < there"),
        (PAGE, "http://a.org/b/y.jpg", "", ""),
        (PAGE, "http://a.org/b/z", "nofollow me", ""),
    ]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("http://b.org/x?y#z", "http://b.org/x?y#z"),
        ("//b.org/x", "http://b.org/x"),
        ("/x", "http://a.org/x"),
        ("x", "http://a.org/b/x"),
        ("./x", "http://a.org/b/x"),
        ("../../x", "http://a.org/x"),
        ("/x/../y", "http://a.org/y"),
        ("?x=1", "http://a.org/b/c?x=1"),
        ("#top", "http://a.org/b/c?d=e#top"),
        ("", PAGE),
        (" \t/x\n", "http://a.org/x"),
        ("/x\n/y", "http://a.org/x/y"),
        ("\\x\\y?z\\", "http://a.org/x/y?z\\"),
        ("/x?a=1&amp;b=2", "http://a.org/x?a=1&b=2"),
        ("/x?a=1&copy=2", "http://a.org/x?a=1&copy=2"),
        ("/x?a=&amp;lt;", "http://a.org/x?a=&lt;"),
        ("HTTPS://b.org/", "https://b.org/"),
        ("http://münchen.de/ü", "http://münchen.de/ü"),
        ("/ü", "http://a.org/ü"),
        ("ftp://b.org/x", "ftp://b.org/x"),
    ],
)
def test_links_are_resolved_as_browsers_do(link: str, target: str) -> None:
    """Relative links become absolute; white space around, line ends, backslashes and entities are undone."""
    assert targets(link) == [target]


@pytest.mark.parametrize(
    ("base", "target"),
    [("/z/", "http://a.org/z/x"), ("//b.org", "http://b.org/x"), ("http://[half", "http://a.org/b/x"), ("", None)],
)
def test_a_base_element_counts(base: str, target: str | None) -> None:
    """Links are resolved against the BASE element, itself resolved; one that cannot be is left out of account."""
    assert targets("x", base=base) == [target or "http://a.org/b/x"]


def test_links_that_lead_nowhere_are_counted() -> None:
    """What cannot be resolved, and what leads to no host, is no row but counted."""
    assert targets("javascript:void(0)", "mailto:x@y.org", "data:,x", "http://[half/", "/x") == ["http://a.org/x"]
    assert take_tallies() == {
        "links that cannot be resolved": 1,
        "links that lead to no host (javascript:, mailto: and the like)": 3,
    }


@pytest.mark.parametrize(
    "metadata",
    [None, [], "x", {"Links": {}}, {"Links": ["x", 1, None, {"url": 5}, {"href": "x"}]}, {"Head": []},
     {"Head": {"Base": ["/a/"], "Link": None}}],
)  # fmt: skip
def test_metadata_of_another_shape_is_no_error(metadata: object) -> None:
    """Whatever stands where links should be gives no rows, and does not stop the job."""
    assert rows_of(metadata) == []


def test_what_a_page_may_write_stops_nothing() -> None:
    """A number no character has, thousands of digits of it, and lists within lists, are survived."""
    nested: Any = "deep"
    for _ in range(400):
        nested = [nested]
    links = [{"url": f"/&#{'1' * 5000};", "text": "&#0065;"}, {"url": "/x", "rel": ["me", nested]}]
    assert rows_of({"Links": links}) == [
        (PAGE, "http://a.org/\N{REPLACEMENT CHARACTER}", "", "A"),
        (PAGE, "http://a.org/x", "me", ""),
    ]


def test_json_that_is_broken_is_counted() -> None:
    """A record whose JSON is cut, or nested without end, is skipped and counted."""
    for block in (b'{"HTML-Metadata":{"Links":[', b'{"HTML-Metadata":' + b"[" * 200_000):
        assert rows_of_block(block) == []
        assert take_tallies() == {"WAT records that cannot be read": 1}


def test_headers_may_be_lists() -> None:
    """Since 2024-51 a field that came several times is a list; an HTTP header may even be called HTML-Metadata."""
    headers = {"Link": ["</a>; rel=x", "</b>; rel=y"], "HTML-Metadata": "no", "Set-Cookie": ["a", "b"]}
    assert len(rows_of({"Links": [{"url": "/x"}]}, headers=headers)) == 1


@example("http://a", "/.")
@given(
    st.from_regex(r"https?://[a-z]{1,5}(:8080)?(/[a-z.]{0,4}){0,4}(\?[a-z=]{0,3})?", fullmatch=True),
    st.from_regex(r"(https?:)?(//[a-z]{1,3})?/?([a-z.]{0,4}/){0,4}[a-z.]{0,3}(\?[a-z=./]{1,3})?", fullmatch=True),
)
def test_short_ways_lead_where_the_long_way_does(page: str, link: str) -> None:
    """Resolving is urllib's, whatever shorter way is taken where there is nothing to resolve."""
    expected = urljoin(page, link)
    assert targets(link, page=page) == ([expected] if urlsplit(expected).netloc else [])


def test_links_of_the_fake_crawl_are_absolute(fake: FakeCrawls) -> None:
    """Every link of a crawl has a page as its source, and an absolute target."""
    crawl = fake.crawls[0]
    for warc in fake.files(crawl):
        pages = {page.url for page in fake.pages[warc]}
        path = fake.root / warc.replace("/warc/", "/wat/").replace(".gz", ".wat.gz")
        rows = list(links(cctrawl.read_records(path, want=links.want)) or ())
        assert rows
        assert all(row[0] in pages and urlsplit(row[1]).netloc for row in rows)


def test_links_of_a_real_page(real_data: Path) -> None:
    """A WAT file of 2014 gives the links of its page: head, body, images and forms."""
    path = "eugeneware-warc--CC-MAIN-20140820021334-00006-ip-10-180-136-8.ec2.internal.warc.wat"
    rows = list(links(cctrawl.read_records(real_data / "warc" / path, want=links.want)) or ())
    index = "http://0pointer.de/photos/?gallery=Australia&photo="
    assert (index + "495&exif_style=&show_thumbs=", "", "Previous") in {row[1:] for row in rows}
    assert ("http://0pointer.de/photos/", "Top", "") in {row[1:] for row in rows}
