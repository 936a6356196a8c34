from __future__ import annotations

import gzip
import json
import logging
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cctrawl import listings
from cctrawl.errors import FormatError, InvalidInputError, NotFoundError, TransportError
from cctrawl.listings import KINDS, Crawl, crawls, files, resolve_crawls
from cctrawl.settings import COLLINFO, COMMON_CRAWL, Settings
from cctrawl.store import ListingCache
from cctrawl.testing import FakeCrawls, FakeServer, Refuse
from cctrawl.transport import Transport

NEWEST = "CC-MAIN-2024-22"
ARC = "CC-MAIN-2009-2010"


@pytest.fixture
def on_disk(fake: FakeCrawls, tmp_path: Path) -> Settings:
    """Settings that read the fake from its folder."""
    return Settings.resolve(base_url=str(fake.root), data_dir=tmp_path / "data")


@pytest.fixture
def online(server: FakeServer, tmp_path: Path) -> Settings:
    """Settings that read the fake from its server, once."""
    return Settings.resolve(base_url=server.url, data_dir=tmp_path / "data", tries=1)


def real_tree(root: Path, real_data: Path) -> Settings:
    """Lay out the real listings as a base URL has them."""
    folder = real_data / "index"
    target = root / "crawl-data" / "CC-MAIN-2023-50"
    target.mkdir(parents=True)
    shutil.copy(folder / "collinfo.json", root)
    for listing in folder.glob("CC-MAIN-2023-50.*.paths.gz"):
        shutil.copy(listing, target / listing.name.removeprefix("CC-MAIN-2023-50."))
    return Settings.resolve(base_url=str(root), data_dir=root / "data")


def test_crawls_are_listed_newest_first(on_disk: Settings) -> None:
    """Every crawl comes with its id, name and times in UTC, the newest first."""
    found = crawls(settings=on_disk)
    assert [crawl.id for crawl in found] == [NEWEST, "CC-MAIN-2023-50", "CC-MAIN-2020-24", "CC-MAIN-2018-05", ARC]
    assert found[0].name == "May 2024 Index"
    assert found[0].start == datetime(2024, 5, 17, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (NEWEST, [NEWEST]),
        ("cc-main-2016-07", ["CC-MAIN-2016-07"]),
        ("CC-NEWS-2024-05", ["CC-NEWS-2024-05"]),
        ("latest", [NEWEST]),
        ("latest-2", [NEWEST, "CC-MAIN-2023-50"]),
        ("2020", ["CC-MAIN-2020-24"]),
        ("2020, latest,all", ["CC-MAIN-2020-24", NEWEST, "CC-MAIN-2023-50", "CC-MAIN-2018-05", ARC]),
        ("2009,2010", [ARC]),
    ],
)
def test_crawl_expressions(expression: str, expected: list[str], on_disk: Settings) -> None:
    """Each form of a crawl expression gives its ids, in order, each once."""
    assert resolve_crawls(expression, settings=on_disk) == expected


def test_a_full_id_needs_no_list(tmp_path: Path) -> None:
    """Ids are taken as they are: nothing is read to resolve them."""
    settings = Settings.resolve(base_url=str(tmp_path), data_dir=tmp_path / "data")
    ids = ["CC-MAIN-2012", "CC-MAIN-2008-2009", "CC-MAIN-2016-07"]
    assert resolve_crawls(",".join(ids), settings=settings) == ids
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("CC-MAIN-2024", NEWEST), ("lates", "latest"), ("latest-" + "9" * 5000, "newest is"), ("1999", "newest is")],
)
def test_an_unknown_name_comes_with_what_was_perhaps_meant(name: str, hint: str, on_disk: Settings) -> None:
    """A name that fits no crawl is not found, and the hint names close ones or the newest."""
    with pytest.raises(NotFoundError, match="no such crawl") as caught:
        files("warc", name, settings=on_disk)
    assert hint in str(caught.value.hint)


def test_an_empty_expression_is_refused(on_disk: Settings) -> None:
    """No crawl at all is a mistake, not all of them."""
    with pytest.raises(InvalidInputError):
        resolve_crawls(" , ", settings=on_disk)


def test_files_of_each_kind_are_there(fake: FakeCrawls, on_disk: Settings) -> None:
    """Each kind lists files of its kind only, and each of them is there."""
    for kind in KINDS:
        found = files(kind, NEWEST, settings=on_disk)
        assert found
        assert all((fake.root / path).exists() for path in found), kind
        assert not [path for path in found if re.search(r"cluster\.idx|metadata\.yaml", path)]
    assert files("warc", NEWEST, settings=on_disk) == fake.files(NEWEST)


@pytest.mark.parametrize("name", ["warc", "arc"])
def test_crawls_of_arc_files_are_listed(name: str, fake: FakeCrawls, tmp_path: Path) -> None:
    """Their listing is found under either name, and other kinds are missing."""
    folder = tmp_path / "crawl-data" / ARC
    folder.mkdir(parents=True)
    shutil.copy(fake.root / "crawl-data" / ARC / "warc.paths.gz", folder / f"{name}.paths.gz")
    shutil.copy(fake.root / "collinfo.json", tmp_path)
    settings = Settings.resolve(base_url=str(tmp_path), data_dir=tmp_path / "data")
    assert files("warc", ARC, settings=settings) == fake.files(ARC)
    with pytest.raises(NotFoundError, match=f"{ARC} has no listing of wet files"):
        files("wet", ARC, settings=settings)


def test_several_crawls_are_listed_in_the_order_named(fake: FakeCrawls, on_disk: Settings) -> None:
    """An expression may name several crawls, CC-NEWS among them."""
    found = files("warc", "CC-NEWS-2024-05,2020", settings=on_disk)
    assert found == fake.files("CC-NEWS-2024-05") + fake.files("CC-MAIN-2020-24")


def test_listings_of_several_crawls_are_asked_for_at_once(tmp_path: Path) -> None:
    """Two listings are under way at the same time: here neither is answered before both were asked for."""
    together = threading.Barrier(2, timeout=60)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            together.wait()
            body = gzip.compress(self.path.split("/")[2].encode())
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        names = ["CC-MAIN-2024-22", "CC-MAIN-2020-24"]
        found = files("segment", ",".join(names), settings=Settings.resolve(base_url=url, data_dir=tmp_path))
        server.shutdown()
    assert found == names


def test_subsets_of_the_columnar_index(on_disk: Settings) -> None:
    """Index files are those of the warc subset unless another is named, and never the folder of line 1."""
    by_subset = {
        subset: files("cc-index-table", NEWEST, subset=subset, settings=on_disk)
        for subset in (None, "warc", "robotstxt", "crawldiagnostics", "all")
    }
    assert by_subset[None] == by_subset["warc"]
    assert by_subset["all"] == [
        path for group in ("crawldiagnostics", "robotstxt", "warc") for path in by_subset[group]
    ]
    assert [len(found) for found in by_subset.values()] == [3, 3, 3, 3, 9]
    assert all(path.endswith(".parquet") for path in by_subset["all"])


@pytest.mark.parametrize(
    ("kind", "crawl", "subset"),
    [
        ("warcs", NEWEST, None),
        ("wat", "CC-NEWS-2024-05", None),
        ("warc", NEWEST, "warc"),
        ("cc-index-table", "x", "y"),
    ],
)
def test_what_cannot_be_is_refused(kind: str, crawl: str, subset: str | None, on_disk: Settings) -> None:
    """Unknown kinds and subsets, and kinds that a crawl cannot have, are errors of use with a hint."""
    with pytest.raises(InvalidInputError) as caught:
        files(kind, crawl, subset=subset, settings=on_disk)
    assert caught.value.hint


def test_a_crawl_without_a_listing(fake: FakeCrawls, tmp_path: Path) -> None:
    """A crawl that is not there and one that lacks this kind are told apart, if there is a list of crawls."""
    root = tmp_path / "root"
    shutil.copytree(fake.root, root)
    (root / "crawl-data" / NEWEST / "robotstxt.paths.gz").unlink()
    settings = Settings.resolve(base_url=str(root), data_dir=tmp_path / "data")
    with pytest.raises(NotFoundError, match=f"{NEWEST} has no listing of robotstxt"):
        files("robotstxt", NEWEST, settings=settings)
    with pytest.raises(NotFoundError, match="no such crawl: CC-MAIN-2024-23") as caught:
        files("warc", "CC-MAIN-2024-23", settings=settings)
    assert NEWEST in str(caught.value.hint)
    with pytest.raises(NotFoundError, match="no such month"):
        files("warc", "CC-NEWS-2015-01", settings=settings)
    (root / "collinfo.json").unlink()
    with pytest.raises(NotFoundError, match="no warc listing of CC-MAIN-2024-23 below"):
        files("warc", "CC-MAIN-2024-23", settings=settings)


def test_lists_are_asked_for_once_a_day(server: FakeServer, online: Settings, tmp_path: Path) -> None:
    """A list is cached for a day: asked for again only with refresh or when the copy is older."""
    location = server.url + "collinfo.json"
    for _ in range(3):
        crawls(settings=online)
        files("warc", NEWEST, settings=online)
    assert len(server.requests) == 2
    crawls(settings=Settings.resolve(base_url=server.url, data_dir=online.data_dir, refresh=True))
    assert len(server.requests) == 3
    with ListingCache(tmp_path / "data") as cache:
        held = cache.get(location)
        assert held is not None
        cache.put(location, held.data, held.fetched_at - 90_000)
    crawls(settings=online)
    assert len(server.requests) == 4


def drop_table(file: Path) -> None:
    """Take the table away that the cache needs."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE listing")


def damage_pages(file: Path) -> None:
    """Overwrite all pages but the first."""
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def fill_up(file: Path) -> None:
    """Let the file grow no further: each write fails, as on a full disk."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "DELETE FROM listing;"
            "CREATE TRIGGER full BEFORE INSERT ON listing BEGIN SELECT RAISE(FAIL, 'disk full'); END"
        )


def write_garbage(file: Path) -> None:
    """Make it no database at all."""
    file.write_bytes(b"garbage" * 1000)


@pytest.mark.parametrize("spoil", [drop_table, damage_pages, fill_up, write_garbage])
def test_a_cache_that_fails_costs_requests_only(
    spoil: Callable[[Path], None], server: FakeServer, online: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """When the cache cannot be read or written, lists are asked for each time, with a warning."""
    expected = crawls(settings=online)
    spoil(online.data_dir / "listings.sqlite")
    for _ in range(2):
        assert crawls(settings=online) == expected
    assert len(server.requests) == 3
    assert "listings.sqlite" in caplog.text


@pytest.mark.parametrize("trouble", ["refused", "empty", "html", "deep"])
def test_an_old_copy_serves_while_the_list_cannot_be_had(
    trouble: str, fake: FakeCrawls, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage, ``[]`` and an error page are errors without a copy, and a warning with one, however old."""
    root = tmp_path / "root"
    root.mkdir()
    known = (fake.root / "collinfo.json").read_bytes()
    bad = {"refused": known, "empty": b"[]", "html": b"<html>502</html>", "deep": b"[" * 200_000}[trouble]
    (root / "collinfo.json").write_bytes(bad)
    faults = [Refuse(status=502)] if trouble == "refused" else []
    with FakeServer(root, faults=faults) as server:
        settings = Settings.resolve(base_url=server.url, data_dir=tmp_path / "data", tries=1)
        with pytest.raises((TransportError, FormatError)):
            crawls(settings=settings)
        with ListingCache(tmp_path / "data") as cache:
            cache.put(server.url + "collinfo.json", known, 1_000_000_000.0)
        with caplog.at_level(logging.WARNING, logger="cctrawl"):
            assert [crawl.id for crawl in crawls(settings=settings)] == fake.crawls
    assert "using the copy of" in caplog.text
    assert "2001-09-09T01:46:40Z" in caplog.text


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b", b"<?xml?>", gzip.compress(b"a\n", mtime=0)[:-4], gzip.compress(b"\xff\n", mtime=0)]
)
def test_a_damaged_path_listing_is_an_error(data: bytes, fake: FakeCrawls, tmp_path: Path) -> None:
    """What is no gzip file of text is never taken for paths."""
    root = tmp_path / "root"
    shutil.copytree(fake.root, root)
    (root / "crawl-data" / NEWEST / "warc.paths.gz").write_bytes(data)
    with pytest.raises(FormatError, match="no path listing"):
        files("warc", NEWEST, settings=Settings.resolve(base_url=str(root), data_dir=tmp_path / "data"))


def test_listings_may_have_the_line_ends_of_windows(fake: FakeCrawls, tmp_path: Path) -> None:
    """A listing that was edited, with CRLF at the ends of its lines, lists the same files."""
    root = tmp_path / "root"
    shutil.copytree(fake.root, root)
    listing = root / "crawl-data" / NEWEST / "warc.paths.gz"
    listing.write_bytes(gzip.compress(gzip.decompress(listing.read_bytes()).replace(b"\n", b"\r\n")))
    settings = Settings.resolve(base_url=str(root), data_dir=tmp_path / "data")
    assert files("warc", NEWEST, settings=settings) == fake.files(NEWEST)


@pytest.mark.parametrize(
    "data", [b"{}", b'"x"', b"[1]", b'[{"name": "x"}]', b'[{"id": "x", "from": "yesterday"}]', b"[" * 200_000]
)
def test_a_list_of_another_form_is_an_error(data: bytes, tmp_path: Path) -> None:
    """Sound JSON that is no list of crawls is never taken for one."""
    (tmp_path / "collinfo.json").write_bytes(data)
    with pytest.raises(FormatError):
        crawls(settings=Settings.resolve(base_url=str(tmp_path), data_dir=tmp_path / "data"))


def test_a_listing_that_inflates_without_end_is_an_error(
    fake: FakeCrawls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path listing is inflated up to a limit, far above the real ones, and never beyond."""
    root = tmp_path / "root"
    shutil.copytree(fake.root, root)
    settings = Settings.resolve(base_url=str(root), data_dir=tmp_path / "data")
    monkeypatch.setattr(listings, "_LIMIT_BYTES", 100_000)
    listing = root / "crawl-data" / NEWEST / "warc.paths.gz"
    line = b"crawl-data/a.warc.gz\n"
    listing.write_bytes(gzip.compress(line * (100_000 // len(line))))
    assert len(files("warc", NEWEST, settings=settings)) == 100_000 // len(line)
    listing.write_bytes(gzip.compress(line) + gzip.compress(b"a" * 100_000))
    with pytest.raises(FormatError, match="inflates to more than 100000 bytes"):
        files("warc", NEWEST, settings=settings)


@pytest.mark.parametrize("base_url", [COMMON_CRAWL, "s3://commoncrawl/"])
def test_common_crawl_s_own_list_comes_from_the_index_server(tmp_path: Path, base_url: str) -> None:
    """On Common Crawl's own host and bucket the cached list is that of index.commoncrawl.org."""
    entry = {"id": "CC-MAIN-2013-20", "name": "Summer 2013 Index"}
    settings = Settings.resolve(base_url=base_url, data_dir=tmp_path)
    with ListingCache(tmp_path) as cache:
        cache.put(COLLINFO, json.dumps([entry]).encode(), time.time())
    assert crawls(settings=settings) == [Crawl("CC-MAIN-2013-20", "Summer 2013 Index", None, None)]


def test_a_transport_that_was_handed_in_is_used_and_left_open(server: FakeServer, online: Settings) -> None:
    """The caller's transport does the asking, so its counters tell, and stays usable."""
    with Transport(online) as transport:
        files("warc", NEWEST, settings=online, transport=transport)
        assert transport.counters.snapshot().requests == 1
        assert transport.read_file(server.url + "collinfo.json")


def test_the_real_list_of_crawls(tmp_path: Path, real_data: Path) -> None:
    """The real list keeps its order, and years match the ids of the oldest crawls."""
    settings = real_tree(tmp_path, real_data)
    published = [entry["id"] for entry in json.loads((real_data / "index" / "collinfo.json").read_bytes())]
    assert [crawl.id for crawl in crawls(settings=settings)] == published
    assert all(crawl.start and crawl.end and crawl.start < crawl.end for crawl in crawls(settings=settings))
    assert resolve_crawls("2010", settings=settings) == ["CC-MAIN-2009-2010"]
    assert resolve_crawls("2009", settings=settings) == ["CC-MAIN-2009-2010", "CC-MAIN-2008-2009"]
    assert resolve_crawls("2012", settings=settings) == ["CC-MAIN-2012"]
    assert resolve_crawls("all", settings=settings) == published


def test_the_real_path_listings(tmp_path: Path, real_data: Path) -> None:
    """The real listings give 90,000 WARC files, 300 index files of each kind and subset, and 100 segments."""
    settings = real_tree(tmp_path, real_data)
    counts = {kind: files(kind, "CC-MAIN-2023-50", settings=settings) for kind in ("warc", "segment", "cc-index")}
    assert {kind: len(found) for kind, found in counts.items()} == {"warc": 90_000, "segment": 100, "cc-index": 300}
    for subset, count in (("warc", 300), ("robotstxt", 300), ("crawldiagnostics", 300), ("all", 900)):
        assert len(files("cc-index-table", "CC-MAIN-2023-50", subset=subset, settings=settings)) == count
