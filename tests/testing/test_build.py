from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from pyarrow import parquet
from warcio.archiveiterator import ArchiveIterator

from cctrawl.errors import InvalidInputError, NotFoundError
from cctrawl.surt import surt_key
from cctrawl.testing import FakeCrawls, FakePage, Size, build

TINY = Size(segments=1, files_per_segment=1, pages_per_file=4, page_bytes=300, sites=10)
NEWEST = "CC-MAIN-2024-22"
# The definition of a theme, in other words than the job's: after the marker, up to a slash, none of these between.
THEME = re.compile(rb"(?<=wp-content/themes/)[^/\s\"'<>\\]+(?=/)")
# What differs between two listed paths: digits, and the ids of Parquet parts.
VARIABLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4,12}){4}|\d")


class Seen(NamedTuple):
    """A record as warcio reads it."""

    offset: int
    length: int
    names: list[str]
    headers: dict[str, str]
    http_headers: list[tuple[str, str]]
    payload: bytes


def records(root: Path, path: str) -> Iterator[Seen]:
    """Yield a file's records by another reader, digests checked."""
    with (root / path).open("rb") as stream:
        iterator = ArchiveIterator(stream, check_digests="raise", arc2warc=True)
        for record in iterator:
            payload = record.content_stream().read()
            http_headers = list(record.http_headers.headers) if record.http_headers else []
            names = [name for name, _ in record.rec_headers.headers]
            place = (iterator.get_record_offset(), iterator.get_record_length())
            yield Seen(*place, names, dict(record.rec_headers.headers), http_headers, payload)


def captures(root: Path, path: str) -> list[Seen]:
    """Return the records of a WARC file that the index points to."""
    return [seen for seen in records(root, path) if seen.headers["WARC-Type"] in ("response", "revisit")]


def every_page(fake: FakeCrawls) -> list[FakePage]:
    """Return all pages of all crawls."""
    return [page for pages in fake.pages.values() for page in pages]


def tree(root: Path) -> dict[str, str]:
    """Return the digest of every file below a folder."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    """Two builds of one seed and size are the same to the last byte; another seed is another web."""
    first, second = build(tmp_path / "a", seed=5, size=TINY), build(tmp_path / "b", seed=5, size=TINY)
    other = build(tmp_path / "c", seed=6, size=TINY)
    assert tree(first.root) == tree(second.root)
    assert first.pages == second.pages
    assert [page.url for page in every_page(other)] != [page.url for page in every_page(first)]


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    """Nothing is written into a folder that holds something, and a size that cannot be is named."""
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match="not empty"):
        build(tmp_path)
    with pytest.raises(InvalidInputError, match="no size: 'huge'"):
        build(tmp_path / "new", size="huge")
    with pytest.raises(InvalidInputError, match="CC-MAIN-2012"):
        build(tmp_path / "new", size=Size(crawls=("CC-MAIN-2012",)))
    with pytest.raises(InvalidInputError, match="index_files=0"):
        build(tmp_path / "new", size=Size(index_files=0))


def test_small_is_small_and_enough(fake: FakeCrawls) -> None:
    """The small size has some crawls, eight WARC files in each, and takes a few megabytes."""
    assert fake.crawls == [NEWEST, "CC-MAIN-2023-50", "CC-MAIN-2020-24", "CC-MAIN-2018-05", "CC-MAIN-2009-2010"]
    assert [len(fake.files(crawl)) for crawl in fake.crawls] == [8, 8, 8, 8, 4]
    assert sum(path.stat().st_size for path in fake.root.rglob("*") if path.is_file()) < 6e6


def test_a_crawl_that_is_not_there(fake: FakeCrawls) -> None:
    """Asking for the files of an unknown crawl is an error that names those there are."""
    with pytest.raises(NotFoundError) as caught:
        fake.files("CC-MAIN-1999-01")
    assert NEWEST in str(caught.value.hint)


def test_the_web_is_varied(fake: FakeCrawls) -> None:
    """Small as it is, the fake has everything that readers and jobs must cope with."""
    pages = every_page(fake)
    assert len({language for page in pages for language in page.languages}) >= 12
    assert len({page.charset for page in pages}) >= 12
    assert {page.declared for page in pages} >= {"header", "meta", "both", "bom", "none"}
    assert {page.status for page in pages} >= {200, 301, 302, 304, 404, 500}
    assert {page.truncated for page in pages} == {"", "length", "time", "disconnect"}
    assert {page.mime for page in pages} >= {"text/html", "text/plain", "application/pdf", "application/json"}
    assert any(page.redirect for page in pages)
    assert any(len(page.themes) > 2 for page in pages)
    assert any("thème-été" in page.themes for page in pages)
    assert any(page.site.port and page.themes for page in pages)
    assert len({page.url for page in pages}) < len(pages)


def test_records_are_where_the_pages_say(fake: FakeCrawls) -> None:
    """Each page's offset and length are those of its record, which has its URL, status, payload and truncation."""
    for path, pages in fake.pages.items():
        for seen, page in zip(captures(fake.root, path), pages, strict=True):
            assert (seen.offset, seen.length) == (page.warc_record_offset, page.warc_record_length)
            assert seen.headers["WARC-Target-URI"] == page.url
            if not path.endswith(".arc.gz"):
                assert seen.headers["WARC-Payload-Digest"] == f"sha1:{page.payload_digest}"
            assert seen.headers.get("WARC-Truncated", "") == page.truncated
            assert dict(seen.http_headers)["Server"] == page.server
            assert len(seen.payload) == page.payload_bytes
            data = (fake.root / path).read_bytes()[page.warc_record_offset :][: page.warc_record_length]
            assert f"HTTP/1.1 {page.status} ".encode() in gzip.decompress(data)


def test_expected_themes_are_those_in_the_payloads(fake: FakeCrawls) -> None:
    """What the pages say of their themes is what a search of the payloads finds, in order, each once."""
    found: list[tuple[str, str]] = []
    for path, pages in fake.pages.items():
        for seen, page in zip(captures(fake.root, path), pages, strict=True):
            names = [name.decode("utf-8", "replace") for name in dict.fromkeys(THEME.findall(seen.payload))]
            themes = [name for name in names if "\ufffd" not in name]
            assert list(page.themes) == themes, page.url
            found += [(page.domain, theme) for theme in themes]
    assert fake.expected_themes(fake.pages) == found
    assert fake.expected_themes([fake.root / path for path in fake.pages]) == found
    assert len(found) > 100


def test_old_crawls_are_arc(fake: FakeCrawls, tmp_path: Path) -> None:
    """ARC files lie where the real ones do, hold what the fake knows of them, and are in the CDXJ index."""
    crawl = "CC-MAIN-2009-2010"
    assert fake.files(crawl)[0] == "crawl-002/2010/01/06/0/1262791548760_0.arc.gz"
    assert listing(fake.root, crawl, "warc") == fake.files(crawl)
    assert any(page.themes for page in fake.pages[fake.files(crawl)[0]])
    places = {(page.warc_filename, page.warc_record_offset) for page in every_page(fake)}
    found = [json.loads(line.split(" ", 2)[2]) for line in cdxj_lines(fake.root, crawl)]
    assert len(found) == 40
    assert {(entry["filename"], int(entry["offset"])) for entry in found} < places
    with pytest.raises(InvalidInputError, match="CC-MAIN-2011"):
        build(tmp_path / "new", size=Size(arc=("CC-MAIN-2011",)))
    other = build(tmp_path / "other", size=replace(TINY, crawls=(), arc=("CC-MAIN-2012", "CC-MAIN-2008-2009")))
    assert [other.files(crawl)[0].split("/")[0] for crawl in other.crawls] == ["parse-output", "crawl-001"]


def test_headers_name_themes_that_do_not_count(fake: FakeCrawls) -> None:
    """Some HTTP headers hold a theme's path, and no page reports it."""
    headers = [seen.http_headers for path in fake.files(NEWEST) for seen in captures(fake.root, path)]
    assert "wp-content/themes/in-header-only/" in str(headers)
    assert not any("in-header-only" in page.themes for page in every_page(fake))


def test_pages_decode_by_their_charset(fake: FakeCrawls) -> None:
    """Every HTML page is sound text in its charset, holds its title, and tells the charset where it says so."""
    for path in fake.files(NEWEST):
        for seen, page in zip(captures(fake.root, path), fake.pages[path], strict=True):
            if not page.charset:
                continue
            text = seen.payload.decode(page.charset, "replace" if page.truncated else "strict")
            assert page.title in text
            told = f"charset={page.charset}" in dict(seen.http_headers)["Content-Type"]
            assert told == (page.declared in ("header", "both"))
            assert (f'<meta charset="{page.charset}">' in text) == (page.declared in ("meta", "both"))
            assert text.startswith("\ufeff") == (page.declared == "bom")


def layouts(data: Iterator[Seen]) -> dict[str, list[str]]:
    """Return the header names of the first record of each type, optional ones left out."""
    found: dict[str, list[str]] = {}
    for seen in data:
        names = [name for name in seen.names if name not in ("WARC-Truncated", "WARC-Identified-Content-Language")]
        found.setdefault(seen.headers["WARC-Type"], names)
    return found


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("warc", "chatnoir-eu-chatnoir-resiliparse--warcfile.warc.gz"),
        ("wat", "eugeneware-warc--CC-MAIN-20140820021334-00006-ip-10-180-136-8.ec2.internal.warc.wat"),
        ("wet", "eugeneware-warc--CC-MAIN-20140820021334-00006-ip-10-180-136-8.ec2.internal.warc.wet"),
    ],
)
def test_headers_stand_as_in_real_files(kind: str, name: str, fake: FakeCrawls, real_data: Path) -> None:
    """Records of each type have the header names of Common Crawl's own, in the same order."""
    path = fake.files(NEWEST)[0].replace("/warc/", f"/{kind}/")
    path = path if kind == "warc" else path.replace(".warc.gz", f".warc.{kind}.gz")
    real = layouts(records(real_data, f"warc/{name}"))
    ours = layouts(records(fake.root, path))
    assert ours == real


@pytest.mark.parametrize(("crawl", "form"), [(NEWEST, list), ("CC-MAIN-2023-50", str)])
def test_wat_has_repeated_headers_in_both_forms(crawl: str, form: type, fake: FakeCrawls) -> None:
    """A header that came several times is a list in the newest crawl's WAT, in older ones the last value."""
    wats = [path.replace("/warc/", "/wat/").replace(".warc.gz", ".warc.wat.gz") for path in fake.files(crawl)]
    documents = [
        json.loads(seen.payload) for wat in wats for seen in records(fake.root, wat) if b"Link" in seen.payload
    ]
    answers = [document["Envelope"]["Payload-Metadata"].get("HTTP-Response-Metadata", {}) for document in documents]
    links = [answer["Headers"]["Link"] for answer in answers if "Link" in answer.get("Headers", {})]
    assert links
    assert all(type(link) is form for link in links)
    assert all("themes/in-header-only" in link[0] and "wp-json" in link[1] for link in links if form is list)


def test_wat_tells_of_every_record(fake: FakeCrawls) -> None:
    """WAT has one JSON record per WARC record, in order, with its place, its headers and a page's links."""
    links = 0
    for path in fake.files(NEWEST):
        wat = path.replace("/warc/", "/wat/").replace(".warc.gz", ".warc.wat.gz")
        described = [seen for seen in records(fake.root, wat) if seen.headers["WARC-Type"] == "metadata"]
        for seen, source in zip(described, records(fake.root, path), strict=True):
            document = json.loads(seen.payload)
            envelope, container = document["Envelope"], document["Container"]
            assert int(container["Offset"]) == source.offset
            assert int(container["Gzip-Metadata"]["Deflate-Length"]) == source.length
            assert envelope["WARC-Header-Metadata"] == source.headers
            assert seen.headers["WARC-Refers-To"] == source.headers["WARC-Record-ID"]
            http = envelope["Payload-Metadata"].get("HTTP-Response-Metadata", {})
            if http:
                assert int(http["Entity-Length"]) == len(source.payload)
                lengths = int(http["Headers-Length"]) + int(http["Entity-Length"])
                assert lengths == int(source.headers["Content-Length"])
            links += len(http.get("HTML-Metadata", {}).get("Links", []))
    assert links > 50


def test_wet_has_the_text_of_every_page(fake: FakeCrawls) -> None:
    """WET has the pages in order, with their languages, and text without markup that begins with the title."""
    for path in fake.files(NEWEST):
        wet = path.replace("/warc/", "/wet/").replace(".warc.gz", ".warc.wet.gz")
        texts = [seen for seen in records(fake.root, wet) if seen.headers["WARC-Type"] == "conversion"]
        pages = [page for page in fake.pages[path] if page.languages]
        for seen, page in zip(texts, pages, strict=True):
            text = seen.payload.decode()
            assert seen.headers["WARC-Target-URI"] == page.url
            assert seen.headers["WARC-Identified-Content-Language"] == ",".join(page.languages)
            assert text.startswith(page.title)
            assert "<p>" not in text


def cdxj_lines(root: Path, crawl: str) -> list[str]:
    """Return the lines of a crawl's CDXJ files in order."""
    folder = root / "cc-index" / "collections" / crawl / "indexes"
    return [
        line
        for file in sorted(folder.glob("cdx-*.gz"))
        for line in gzip.decompress(file.read_bytes()).decode().splitlines()
    ]


@pytest.mark.parametrize("crawl", [NEWEST, "CC-MAIN-2020-24"])
def test_the_cdxj_index_holds_every_page(crawl: str, fake: FakeCrawls) -> None:
    """Its lines are sorted by bytes across files, and each names a page's record."""
    lines = cdxj_lines(fake.root, crawl)
    assert [line.encode() for line in lines] == sorted(line.encode() for line in lines)
    pages = {
        (p.warc_filename, p.warc_record_offset): p for p in every_page(fake) if f"/{crawl}/" in p.warc_filename
    }
    for line in lines:
        key, time, text = line.split(" ", 2)
        fields = json.loads(text)
        page = pages.pop((fields["filename"], int(fields["offset"])))
        assert key == surt_key(page.url)
        assert time == f"{page.time:%Y%m%d%H%M%S}"
        assert int(fields["length"]) == page.warc_record_length
        assert fields.get("redirect", "") == page.redirect
        assert fields.get("truncated", "") == page.truncated
    assert not pages


def test_cluster_idx_names_every_block(fake: FakeCrawls) -> None:
    """Each line gives a block's first key and time, file, offset, length and number; blocks tile their files."""
    folder = fake.root / "cc-index" / "collections" / NEWEST / "indexes"
    ends: dict[str, int] = {}
    for number, line in enumerate((folder / "cluster.idx").read_text().splitlines(), start=1):
        first, name, offset, length, count = line.split("\t")
        assert int(count) == number
        assert int(offset) == ends.get(name, 0)
        block = (folder / name).read_bytes()[int(offset) :][: int(length)]
        lines = gzip.decompress(block).decode().splitlines()
        assert lines[0].startswith(first + " {")
        assert len(lines) <= fake.size.lines_per_block
        ends[name] = int(offset) + int(length)
    assert ends == {path.name: path.stat().st_size for path in folder.glob("cdx-*.gz")}


def test_host_columns(fake: FakeCrawls) -> None:
    """The parts of a host stand in their columns; addresses have none."""
    folder = fake.root / f"cc-index/table/cc-main/warc/crawl={NEWEST}"
    rows = {
        row["url_host_name"]: row
        for part in folder.rglob("*.parquet")
        for row in parquet.read_table(part).to_pylist()
    }
    deep = rows["a.b.c.d.example.co.uk"]
    assert deep["url_host_registered_domain"] == "example.co.uk"
    assert deep["url_host_name_reversed"] == "uk.co.example.d.c.b.a"
    assert (deep["url_host_tld"], deep["url_host_5th_last_part"]) == ("uk", "c")
    assert (rows["192.0.2.17"]["url_host_tld"], rows["192.0.2.17"]["url_host_name_reversed"]) == (None, None)
    private = next(
        row for row in rows.values() if row["url_host_private_suffix"] != row["url_host_registry_suffix"]
    )
    assert private["url_host_private_domain"].endswith("." + private["url_host_private_suffix"])


def listing(root: Path, crawl: str, kind: str) -> list[str]:
    """Return the lines of a path listing."""
    return gzip.decompress((root / f"crawl-data/{crawl}/{kind}.paths.gz").read_bytes()).decode().splitlines()


def test_listings_have_the_real_quirks(fake: FakeCrawls) -> None:
    """A folder leads the columnar index's list, cluster.idx and metadata.yaml end CDXJ's."""
    table = listing(fake.root, NEWEST, "cc-index-table")
    assert table[0] == f"cc-index/table/cc-main/warc/crawl={NEWEST}/"
    subsets = ("crawldiagnostics", "robotstxt", "warc")
    assert table[1:] == [file.path for subset in subsets for file in fake.index_files(NEWEST, subset)]
    cdxj = listing(fake.root, NEWEST, "cc-index")
    assert [path.rpartition("/")[2] for path in cdxj[-2:]] == ["cluster.idx", "metadata.yaml"]
    assert all(path.endswith("/") for path in listing(fake.root, NEWEST, "segment"))
    assert all("/crawldiagnostics/" in path for path in listing(fake.root, NEWEST, "non200responses"))


def test_real_listings_have_the_same_form(fake: FakeCrawls, real_data: Path) -> None:
    """Paths differ from the real ones in digits only, and collinfo.json has the real keys."""
    crawl = "CC-MAIN-2023-50"
    for kind in ("warc", "segment", "cc-index", "cc-index-table"):
        real = gzip.decompress(Path(real_data, f"index/{crawl}.{kind}.paths.gz").read_bytes()).decode().splitlines()
        ours = listing(fake.root, crawl, kind)
        for number in (0, 1, -1):
            assert re.sub(VARIABLE, "0", ours[number]) == re.sub(VARIABLE, "0", real[number])
    real_entry = json.loads(Path(real_data, "index/collinfo.json").read_bytes())[0]
    entry = json.loads((fake.root / "collinfo.json").read_bytes())[0]
    assert list(entry) == list(real_entry)


def test_the_module_builds_and_serves(tmp_path: Path) -> None:
    """``python -m cctrawl.testing FOLDER --serve`` builds, prints a base URL, and serves the tree below it."""
    command = [sys.executable, "-m", "cctrawl.testing", str(tmp_path / "fake"), "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with urllib.request.urlopen(url + "collinfo.json") as answer:  # noqa: S310 - our own loopback server
                assert json.load(io.TextIOWrapper(answer))[0]["id"] == NEWEST
        finally:
            process.kill()
