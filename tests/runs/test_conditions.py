"""The --where-… options: which records a job gets to see."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cctrawl
from cctrawl.errors import InvalidInputError
from cctrawl.runs.conditions import Conditions, conditions
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls, FakePage, WarcWriter, http_message

CRAWL = "CC-MAIN-2024-22"


@cctrawl.job("url")
def _urls(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    for record in records:
        yield (record.url,)


@cctrawl.job("url", want=cctrawl.responses)
def _pages(records: Iterator[cctrawl.Record]) -> Iterator[tuple[str]]:
    for record in records:
        yield (record.url,)


Stored = tuple[str, str, bytes, dict[str, str]]


def seen(
    where: Conditions, *records: Stored, want: Callable[[cctrawl.RecordHead], bool] | None = None
) -> list[str]:
    """Return the URLs of the records (type, url, block, further fields) that meet the conditions."""
    file = io.BytesIO()
    with WarcWriter(file) as writer:
        for kind, url, block, fields in records:
            common = [("WARC-Type", kind), ("WARC-Date", "2024-01-01T00:00:00Z"), ("WARC-Target-URI", url)]
            length = ("Content-Length", str(len(block)))
            writer.write_fields([*common, *fields.items(), length], block)
    file.seek(0)
    return [record.url for record in where.met(cctrawl.read_records(file, want=where.want(want)))]


def response(status: int = 200, mime: str = "", url: str = "http://a.org/", **fields: str) -> Stored:
    """Return an answer of this status and Content-Type, as `seen` takes it."""
    headers = [("Content-Type", mime)] if mime else []
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return "response", url, http_message(status, headers, b"x" * 9000), named


@pytest.mark.parametrize(
    ("host", "urls"),
    [
        ("a.org", ["http://a.org/", "https://u@A.org:8080/x", "http://a.org./"]),
        ("*.a.org", ["http://a.org/", "https://u@A.org:8080/x", "http://x.y.a.org/", "http://a.org./"]),
        ("x.y.a.org,b.org", ["http://x.y.a.org/", "http://b.org?a.org"]),
        ("*.org", ["http://a.org/", "https://u@A.org:8080/x", "http://ba.org/", "http://x.y.a.org/",
                   "http://b.org?a.org", "http://a.org./"]),
        ("münchen.de", ["http://xn--mnchen-3ya.de/"]),
        ("c.org", []),
    ],
)  # fmt: skip
def test_hosts(host: str, urls: list[str]) -> None:
    """A host means that host on any port, *. the domain and all below it; records without a URL have none."""
    given = ["http://a.org/", "https://u@A.org:8080/x", "http://ba.org/", "http://x.y.a.org/", "http://b.org?a.org",
             "http://xn--mnchen-3ya.de/", "http://a.org./", "a.org", ""]  # fmt: skip
    assert seen(conditions(host=host), *(response(url=url) for url in given)) == urls


@pytest.mark.parametrize(
    ("status", "met"),
    [("200", [200]), (["2xx", "404"], [200, 206, 404]), (404, [404]), ([200, "206"], [200, 206]), ("5xx", [])],
)
def test_statuses(status: str | int | list[int | str], met: list[int]) -> None:
    """A status, or its first digit, selects HTTP answers; requests and other records have none."""
    answers = [response(code, url=f"http://{code}") for code in (200, 206, 301, 404)]
    others: list[Stored] = [
        ("request", "http://r", b"GET / HTTP/1.1\r\n\r\n", {}),
        ("metadata", "http://m", b"a: 200\r\n", {}),
    ]
    assert seen(conditions(status=status), *answers, *others) == [f"http://{code}" for code in met]


@pytest.mark.parametrize(
    ("type", "met"),
    [("text/html", ["b", "c"]), ("text/*", ["b", "c", "d"]), ("image/png,APPLICATION/PDF", ["a"]), ("x/y", [])],
)
def test_types(type: str, met: list[str]) -> None:  # noqa: A002 - the option's name
    """What the content was identified as counts before what the server said; without either there is no type."""
    answers = [
        response(mime="text/html", url="a", WARC_Identified_Payload_Type="application/pdf"),
        response(mime="text/plain", url="b", WARC_Identified_Payload_Type="text/html"),
        response(mime="Text/HTML; charset=utf-8", url="c"),
        response(mime="text/plain", url="d"),
        response(url="e"),
        ("metadata", "f", b"text/html: 1\r\n", {"Content-Type": "text/html"}),
    ]
    assert seen(conditions(type=type), *answers) == met


def test_languages() -> None:
    """Any of a page's languages counts; a page without one meets no language."""
    pages = [("isl", "a"), ("eng,isl", "b"), ("eng, isl", "c"), ("eng", "d"), ("", "e")]
    records = [("conversion", url, b"x", {"WARC-Identified-Content-Language": code}) for code, url in pages]
    assert seen(conditions(language=["isl", "deu"]), *records, ("conversion", "f", b"x", {})) == ["a", "b", "c"]


def test_conditions_of_two_kinds_must_both_be_met() -> None:
    """Values of one kind are alternatives, kinds are not; the job's own want counts too."""
    records = [response(200, "text/html", "http://a.org"), response(404, "text/html", "http://a.org"),
               response(200, "text/html", "http://b.org")]  # fmt: skip
    assert seen(conditions("a.org", 200, "text/html"), *records) == ["http://a.org"]
    assert seen(conditions("a.org"), *records, want=lambda head: head.offset > 0) == ["http://a.org"]
    assert conditions().want(cctrawl.responses) is cctrawl.responses


@pytest.mark.parametrize(
    "given",
    [{"host": "a.org/x"}, {"host": "*"}, {"host": "a.*"}, {"host": "a.org:80"}, {"host": "a.org,,b.org"},
     {"host": ""}, {"host": "http://a.org"}, {"status": "20"}, {"status": "xxx"}, {"status": "2xx,ok"},
     {"type": "html"}, {"type": "*/*"}, {"type": "text/html; charset=utf-8"}, {"language": "is"},
     {"language": "icelandic"}],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(given: dict[str, str]) -> None:
    """A value that nothing could match is a usage error that names the option and says how to write it."""
    with pytest.raises(InvalidInputError, match=f"--where-{next(iter(given))}"):
        conditions(**given)


def test_order_and_case_make_no_other_run() -> None:
    """The same values in another order, case or way of listing are the same conditions."""
    assert (
        conditions("b.org,A.org", type="TEXT/*").key == conditions(["a.org", "b.org", "a.org"], type="text/*").key
    )
    assert conditions().key == ""


@pytest.mark.parametrize(
    ("given", "kind"),
    [({"where_language": "isl"}, "warc"), ({"where_language": "isl"}, "wat"), ({"where_status": 200}, "wet"),
     ({"where_type": "text/html"}, "wat")],
)  # fmt: skip
def test_a_condition_that_no_record_can_meet_is_refused(
    fake: FakeCrawls, tmp_path: Path, given: dict[str, Any], kind: str
) -> None:
    """Files of a kind that does not tell what is asked for are a usage error, before anything is written."""
    with pytest.raises(InvalidInputError, match=kind):
        cctrawl.run(_urls, crawl=CRAWL, kind=kind, output=tmp_path / "x.csv", settings=settings(fake), **given)
    assert list(tmp_path.iterdir()) == []


def settings(fake: FakeCrawls) -> Settings:
    """Return settings that read the fake crawl."""
    return Settings.resolve(base_url=str(fake.root))


def found(path: Path) -> list[str]:
    """Return the first column of a JSON lines file."""
    return [next(iter(json.loads(line).values())) for line in path.read_text(encoding="utf-8").splitlines()]


def pages(fake: FakeCrawls) -> list[FakePage]:
    """Return the pages of the crawl, in the order of its files."""
    return [page for path in fake.files(CRAWL) for page in fake.pages[path]]


def test_a_run_sees_only_what_is_asked_for(fake: FakeCrawls, tmp_path: Path) -> None:
    """Over a crawl, each condition gives exactly the pages that meet it."""
    hosts = {page.site.host for page in pages(fake)}
    host = min(hosts)
    mimes = {page.mime_detected for page in pages(fake)}
    assert len(hosts) > 5
    assert {"text/html", "application/xhtml+xml"} <= mimes
    for name, given, expected in (
        ("host", {"where_host": host}, [page.url for page in pages(fake) if page.site.host == host]),
        (
            "type",
            {"where_type": "application/*"},
            [page.url for page in pages(fake) if page.mime_detected.startswith("application/")],
        ),
        ("status", {"where_status": "200"}, [page.url for page in pages(fake) if page.status == 200]),
    ):
        output = tmp_path / f"{name}.jsonl"
        cctrawl.run(_pages, crawl=CRAWL, output=output, settings=settings(fake), **given)  # type: ignore[arg-type]  # by name
        assert found(output) == expected


def test_conditions_on_arc_files(fake: FakeCrawls, tmp_path: Path) -> None:
    """ARC files, whose records have no identified type, are told by host, status and Content-Type, too."""
    pages_there = [page for path in fake.files("CC-MAIN-2009-2010") for page in fake.pages[path]]
    host = pages_there[0].site.host
    expected = [
        page.url for page in pages_there if (page.site.host, page.status, page.mime) == (host, 200, "text/html")
    ]
    assert expected
    cctrawl.run(
        _pages,
        crawl="CC-MAIN-2009-2010",
        output=tmp_path / "x.jsonl",
        where_host=host,
        where_status=200,
        where_type="text/html",
        settings=settings(fake),
    )
    assert found(tmp_path / "x.jsonl") == expected


def test_text_in_one_language(fake: FakeCrawls, tmp_path: Path) -> None:
    """--where-language on WET gives the pages in that language, by a crawl and by the names of files."""
    expected = [page.url for page in pages(fake) if "isl" in page.languages]
    assert expected
    cctrawl.run("text", crawl=CRAWL, output=tmp_path / "a.jsonl", where_language="isl", settings=settings(fake))
    files = [fake.root / path.replace("/warc/", "/wet/").replace(".gz", ".wet.gz") for path in fake.files(CRAWL)]
    cctrawl.run(_urls, files=files, output=tmp_path / "b.jsonl", where_language=["isl"])
    assert found(tmp_path / "a.jsonl") == found(tmp_path / "b.jsonl") == expected


def test_other_conditions_are_another_run(fake: FakeCrawls, tmp_path: Path) -> None:
    """A run does not go on with other conditions; with the same ones it does."""
    output = tmp_path / "x.csv"
    for host in ("a.org,b.org", "b.org,a.org"):
        cctrawl.run(_urls, crawl=CRAWL, limit=1, output=output, where_host=host, settings=settings(fake))
    with pytest.raises(InvalidInputError, match="--where"):
        cctrawl.run(_urls, crawl=CRAWL, limit=1, output=output, settings=settings(fake))
