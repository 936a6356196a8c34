"""A harvest: one request a footer, nothing fetched twice, nothing stored that is no footer, every failure named."""

from __future__ import annotations

import gzip
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Moto
from tests.index.index_tree import BARE, NEW, OLD, ROW_GROUPS, IndexTree, build_tree, index_file

import cctrawl
from cctrawl.errors import AbortedError, CctrawlError, InvalidInputError, NotFoundError, TransportError
from cctrawl.index import harvester
from cctrawl.index.distillate import RowGroupBounds
from cctrawl.index.fetcher import FooterNeed, fetch_footer, group_row
from cctrawl.settings import Settings
from cctrawl.store import (
    FailureRow,
    FooterRow,
    IndexFile,
    held_footers,
    index_path,
    listed_failures,
    open_index,
    put_file,
    put_footers,
    take_lock,
    undecodable,
)
from cctrawl.testing import FakeServer, Refuse, RefuseAboveRate, Reset, SlowAnswer, WrongContentRange, XmlWith200
from cctrawl.transport import Transport

FOOTERS = "cc-index/*.parquet"


@pytest.fixture(scope="module")
def shared_tree(tmp_path_factory: pytest.TempPathFactory) -> IndexTree:
    """A tree that nobody changes."""
    return build_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def tree(shared_tree: IndexTree, tmp_path: Path) -> IndexTree:
    """A tree of the test's own."""
    shutil.copytree(shared_tree.root, tmp_path / "tree")
    return IndexTree(tmp_path / "tree", shared_tree.paths)


@pytest.fixture
def server(tree: IndexTree) -> Iterator[FakeServer]:
    """The tree on loopback."""
    with FakeServer(tree.root) as server:
        yield server


@pytest.fixture
def settings(server: FakeServer, tmp_path: Path) -> Settings:
    """How to ask the server; failures are tried twice."""
    return Settings.resolve(base_url=server.url, data_dir=tmp_path / "data", tries=2)


def held(settings: Settings) -> dict[str, bytes]:
    """Return the footers that are held, by path."""
    with open_index(settings.data_dir, settings.base_url, must_exist=True) as index:
        return {footer.path: footer.data for footer in held_footers(index)}


def failures(settings: Settings, crawl: str = NEW) -> dict[str, str]:
    """Return the kinds of the failures that are listed, by path."""
    with open_index(settings.data_dir, settings.base_url) as index:
        return {row.path: row.kind for row in listed_failures(index, [crawl])}


def query(settings: Settings, text: str) -> list[Any]:
    """Return what a query finds in the index."""
    with open_index(settings.data_dir, settings.base_url) as index:
        return list(index.read(text))


def test_one_request_for_each_footer(server: FakeServer, settings: Settings, tree: IndexTree) -> None:
    """Every footer comes whole with one suffix request, without HEAD, and so does the size of its file."""
    report = cctrawl.harvest("all", settings=settings)
    assert (report.state, report.exit_code, report.files, report.held, report.fetched) == ("done", 0, 24, 24, 24)
    assert report.row_groups == 24 * ROW_GROUPS
    assert report.second_requests == 0
    assert held(settings) == {path: tree.footer(path) for path in tree.warc}
    asked = [request for request in server.requests if request.path.endswith(".parquet")]
    assert sorted(request.path for request in asked) == sorted(tree.warc)
    assert {request.method for request in asked} == {"GET"}
    assert all((request.range or "").startswith("bytes=-") for request in asked)
    sizes = dict(query(settings, "SELECT path, size FROM file"))
    assert sizes == {path: (tree.root / path).stat().st_size for path in tree.warc}


def test_row_groups_are_distilled(settings: Settings) -> None:
    """The store knows rows, sizes and bounds of every row group, and the bounds of each file."""
    cctrawl.harvest(OLD, settings=settings)
    (first,) = query(settings, "SELECT * FROM row_group WHERE file = 1 AND row_group = 1")
    low, high = f"com,example)/{OLD}/warc/0/004".encode(), f"com,example)/{OLD}/warc/0/007".encode()
    assert first[2] == 4
    assert first[4:] == ("ordered", low, high)
    (bounds,) = query(settings, "SELECT low, high FROM file_bounds WHERE file = 1")
    assert bounds == (low.replace(b"/004", b"/000"), high.replace(b"/007", b"/011"))
    assert query(settings, "SELECT crawl, subset, files FROM listed") == [(OLD, "warc", 4)]


def test_nothing_is_fetched_twice(server: FakeServer, settings: Settings) -> None:
    """A harvest with nothing to do makes no request at all, and one with more to do asks only for that."""
    cctrawl.harvest(NEW, settings=settings)
    before = len(server.requests)
    report = cctrawl.harvest(NEW, settings=settings)
    assert (report.fetched, report.requests, report.held) == (0, 0, 20)
    assert "nothing to do" in report.summary()
    assert len(server.requests) == before
    assert cctrawl.harvest(f"{NEW},{OLD}", subset="all", settings=settings).fetched == 52
    assert len({request.path for request in server.requests}) == len(server.requests)


def test_a_long_footer_costs_a_second_request(server: FakeServer, settings: Settings, tree: IndexTree) -> None:
    """What the sisters' sizes did not foretell is fetched with one request more, which is counted."""
    path = tree.paths[NEW, "warc"][7]
    (tree.root / path).write_bytes(index_file("long", columns=400))
    assert len(tree.footer(path)) > 128 * 2**10
    report = cctrawl.harvest(NEW, settings=settings)
    assert report.second_requests == 1
    assert server.count(path) == 2
    assert held(settings)[path] == tree.footer(path)


@pytest.mark.parametrize("after", ["shorter", "other"])
def test_a_file_that_changes_between_two_requests_is_no_footer(
    after: str, settings: Settings, tree: IndexTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halves of two files are not put together: the file is listed, and nothing of it is kept."""
    path = tree.paths[OLD, "warc"][1]
    whole = index_file("long", columns=400)
    (tree.root / path).write_bytes(whole)
    changed = {"shorter": whole[:-9], "other": whole[:-8] + bytes(8)}[after]
    ask = Transport.read_range

    def read_range(transport: Transport, location: str, start: int, stop: int) -> bytes:
        (tree.root / path).write_bytes(changed)
        return ask(transport, location, start, stop)

    monkeypatch.setattr(Transport, "read_range", read_range)
    report = cctrawl.harvest(OLD, settings=settings)
    assert (report.state, report.held, [row.path for row in report.failures]) == ("incomplete", 3, [path])
    assert path not in held(settings)


@pytest.mark.parametrize("asked_bytes", [0, 1])
def test_a_footer_that_just_fits_takes_one_request(asked_bytes: int, tmp_path: Path) -> None:
    """One byte less than is needed costs a second request, and the footer is the same."""
    footer = bytes(range(256)) * 4
    file = tmp_path / "file.parquet"
    file.write_bytes(b"PAR1 some pages" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    with Transport(Settings.resolve(data_dir=tmp_path)) as transport:
        found = fetch_footer(transport, str(file), "file", bytes_to_ask=len(footer) + 8 - asked_bytes)
    assert found == (footer, file.stat().st_size, 1 + asked_bytes)


def test_a_listing_that_lies_doubles_no_file(
    settings: Settings, tree: IndexTree, caplog: pytest.LogCaptureFixture
) -> None:
    """A file has one path: other spellings of it, absolute paths and URLs are named and passed over."""
    paths = tree.paths[OLD, "warc"]
    folder, name = paths[0].rsplit("/", 1)
    lies = [
        f"/{paths[0]}",
        f"../{paths[0]}",
        f"./{paths[0]}",
        f"{folder}/../subset=warc/{name}",
        f"{folder}//{name}",
        f"{folder}/./{name}",
        f"http://127.0.0.1:1/{paths[0]}",
    ]
    listing = tree.root / "crawl-data" / OLD / "cc-index-table.paths.gz"
    listing.write_bytes(gzip.compress("\n".join(paths + paths + lies).encode()))
    report = cctrawl.harvest(OLD, settings=settings)
    assert (report.state, report.files, sorted(held(settings))) == ("done", 4, sorted(paths))
    assert f"no paths of index files: {len(lies)}, the first: '/cc-index/" in caplog.text


def test_a_folder_in_the_place_of_a_file_is_no_matter_of_the_network(tree: IndexTree, tmp_path: Path) -> None:
    """It is listed like anything else that is no footer."""
    for path in tree.paths[OLD, "warc"]:
        (tree.root / path).unlink()
        (tree.root / path).mkdir()
    settings = Settings.resolve(base_url=str(tree.root), data_dir=tmp_path / "data")
    report = cctrawl.harvest(OLD, settings=settings)
    assert (report.state, {row.kind for row in report.failures}) == ("incomplete", {"no footer"})


def test_long_footers_are_entered_a_few_at_a_time(
    settings: Settings, tree: IndexTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits, and what goes in one transaction, is bounded in bytes: a footer may have 16 MiB."""
    sizes = []

    def put(index: IndexFile, footers: list[FooterRow], failures: list[FailureRow]) -> None:
        sizes.append(sum(len(footer.data) for footer in footers))
        put_footers(index, footers, failures)

    longest = max(len(tree.footer(path)) for path in tree.warc)
    monkeypatch.setattr(harvester, "_COMMIT_BYTES", 3 * longest)
    monkeypatch.setattr(harvester, "_WAITING_BYTES", longest)
    monkeypatch.setattr(harvester, "put_footers", put)
    assert cctrawl.harvest("all", connections=4, settings=settings).held == 24
    assert max(sizes) <= 4 * longest


def test_the_need_is_learned_from_sisters() -> None:
    """What to ask for fits nearly all footers of the same crawl and subset, whatever a single giant needs.

    The first of a crawl are asked for as those of the neediest crawl, but not for more than is asked for at first.
    """
    need = FooterNeed([("a", "warc", 50_000 + 10 * number) for number in range(298)] + [("a", "warc", 16 * 2**20)])
    assert 53_000 < need.bytes_to_ask("a", "warc") < 70_000
    assert need.bytes_to_ask("b", "warc") == need.bytes_to_ask("a", "warc")
    assert need.bytes_to_ask("a", "robotstxt") == 128 * 2**10
    need.learn("b", "warc", 2**20)
    assert need.bytes_to_ask("c", "warc") == 128 * 2**10


def test_a_folder_is_harvested(tree: IndexTree, tmp_path: Path) -> None:
    """Files on disk are harvested as those of a server are."""
    settings = Settings.resolve(base_url=str(tree.root), data_dir=tmp_path / "data")
    assert cctrawl.harvest("all", subset="all", settings=settings).held == 72
    assert len(held(settings)) == 72


def test_a_bucket_is_harvested(
    tree: IndexTree, tmp_path: Path, moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects of S3 are harvested with one request each."""
    moto.lead(monkeypatch)
    bucket = moto.make_bucket()
    for file in tree.root.rglob("*"):
        if file.is_file() and NEW not in str(file):
            moto.put(bucket, str(file.relative_to(tree.root)), file.read_bytes())
    settings = Settings.resolve(base_url=f"s3://{bucket}/", data_dir=tmp_path / "data")
    report = cctrawl.harvest(OLD, settings=settings)
    assert (report.held, report.requests) == (4, 5)


def spoil(tree: IndexTree) -> dict[str, str]:
    """Spoil files of the tree in every way and return the kind of failure each must lead to."""
    whole = (tree.root / tree.warc[0]).read_bytes()
    spoiled = {
        "missing": None,
        "no footer, short": b"PAR",
        "no footer, wrong magic": whole[:-4] + b"PAR2",
        "no footer, encrypted": whole[:-4] + b"PARE",
        "no footer, absurd length": whole[:-8] + b"\xff\xff\xff\x7fPAR1",
        "no footer, longer than the file": whole[:-8] + (len(whole) + 1).to_bytes(4, "little") + b"PAR1",
        "no footer, XML": b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>" * 9000,
    }
    expected = {}
    for path, (kind, data) in zip(tree.warc, spoiled.items(), strict=False):
        expected[path] = kind.partition(",")[0]
        file = tree.root / path
        file.unlink() if data is None else file.write_bytes(data)
    return expected


def test_what_is_no_footer_is_named_and_never_stored(
    settings: Settings, tree: IndexTree, shared_tree: IndexTree
) -> None:
    """Other files go on, each failure is listed with its kind until the same command heals it."""
    expected = spoil(tree)
    report = cctrawl.harvest(NEW, settings=settings)
    assert (report.state, report.exit_code, report.held) == ("incomplete", 4, 13)
    assert {row.path: row.kind for row in report.failures} == expected == failures(settings)
    assert not set(expected) & set(held(settings))
    assert "failed: 7 files" in report.summary()
    for path in expected:
        shutil.copy(shared_tree.root / path, tree.root / path)
    again = cctrawl.harvest(NEW, settings=settings)
    assert (again.state, again.fetched, failures(settings)) == ("done", 7, {})


def test_a_footer_that_cannot_be_decoded_is_held_and_listed(
    server: FakeServer, settings: Settings, tree: IndexTree
) -> None:
    """It is fetched once, and the report goes on telling of it."""
    path = tree.warc[3]
    (tree.root / path).write_bytes(b"PAR1" + b"\x99" * 500 + (500).to_bytes(4, "little") + b"PAR1")
    report = cctrawl.harvest(NEW, settings=settings)
    assert (report.state, report.held, [name for name, _ in report.undecodable]) == ("done", 20, [path])
    assert "cannot be decoded, but held: 1 file" in cctrawl.harvest(NEW, settings=settings).summary()
    assert server.count(path) == 1
    assert held(settings)[path] == b"\x99" * 500
    with open_index(settings.data_dir, settings.base_url) as index:
        assert [name for name, _ in undecodable(index, [NEW])] == [path]


def test_max_footer_is_the_limit(settings: Settings, tree: IndexTree) -> None:
    """A footer that is longer than allowed is a failure that says so."""
    report = cctrawl.harvest(OLD, max_footer="200", settings=settings)
    assert {row.kind for row in report.failures} == {"no footer"}
    assert f"{len(tree.footer(tree.paths[OLD, 'warc'][0])):,}" in report.failures[0].message


def test_odd_answers_are_asked_again(server: FakeServer, settings: Settings) -> None:
    """Broken connections, documents with status 200 and wrong ranges cost retries, which are counted."""
    faults = (Reset, XmlWith200, WrongContentRange)
    server.set_faults([fault(path=f"*part-0000{part}*", times=1) for part, fault in enumerate(faults)])
    report = cctrawl.harvest(NEW, settings=settings)
    assert (report.state, report.held, report.retries) == ("done", 20, 3)
    assert "3 retries" in report.summary()


@pytest.mark.parametrize("status", [503, 403])
def test_a_limited_server_loses_nothing(status: int, server: FakeServer, settings: Settings) -> None:
    """What is refused above a rate comes later; refusals are counted and are no failures."""
    server.set_faults([RefuseAboveRate(path=FOOTERS, per_s=15, burst=3, status=status)])
    report = cctrawl.harvest(NEW, settings=settings)
    assert (report.state, report.held) == ("done", 20)
    assert report.refusals == server.count(status=status) > 0


def test_too_many_failures_stop_it_with_all_kept(settings: Settings, tree: IndexTree) -> None:
    """After twenty failures beyond the share it stops, resumable, and keeps what it has."""
    lost = [*tree.paths[NEW, "robotstxt"], *tree.paths[NEW, "crawldiagnostics"]][:30]
    for path in lost:
        (tree.root / path).unlink()
    seen: list[cctrawl.HarvestReport] = []
    with pytest.raises(AbortedError, match=r"of the last .* files failed") as caught:
        cctrawl.harvest(NEW, subset="all", connections=2, on_report=seen.append, settings=settings)
    assert "run the same command again" in str(caught.value.hint)
    assert seen[0].state == "aborted"
    assert len(held(settings)) == seen[0].held < 60 - 30
    assert len(failures(settings)) == 20
    report = cctrawl.harvest(NEW, subset="all", max_failures=1, settings=settings)
    assert (report.held, len(report.failures)) == (30, 30)


def test_a_block_that_outlasts_patience_stops_it(server: FakeServer, tmp_path: Path) -> None:
    """When everything is refused for longer than patience, it gives up with what it has."""
    settings = Settings.resolve(base_url=server.url, data_dir=tmp_path / "data", patience=1, block_pause=0.5)
    cctrawl.files("cc-index-table", NEW, settings=settings)
    server.set_faults([Refuse(status=403)])
    with pytest.raises(AbortedError, match="refused everything"):
        cctrawl.harvest(NEW, settings=settings)
    assert failures(settings) == {}


def test_a_server_that_is_down_is_a_matter_of_the_network(server: FakeServer, settings: Settings) -> None:
    """Nothing at all can be fetched, although the list is cached: that is no fault of the files."""
    cctrawl.files("cc-index-table", OLD, settings=settings)
    server.close()
    with pytest.raises(TransportError, match="no footer can be fetched") as caught:
        cctrawl.harvest(OLD, settings=settings)
    assert caught.value.exit_code == 5


def test_crawls_without_an_index_are_passed_over(
    settings: Settings, caplog: pytest.LogCaptureFixture, server: FakeServer
) -> None:
    """`all`, years and latest-N name what they pass over; ARC crawls are not even asked for; ids must have one."""
    with caplog.at_level(logging.WARNING):
        assert cctrawl.harvest("all", settings=settings).files == 24
        assert len(cctrawl.files("cc-index-table", "2024", settings=settings)) == 20
    assert caplog.messages[0].endswith(f"{BARE}, CC-MAIN-2012")
    assert caplog.messages[1].endswith(BARE)
    assert server.count("*2012*") == 0
    for expression in (BARE, "latest", "CC-MAIN-2012", f"{NEW},{BARE}"):
        with pytest.raises(NotFoundError) as caught:
            cctrawl.harvest(expression, settings=settings)
        assert caught.value.hint


def test_one_harvest_at_a_time(settings: Settings) -> None:
    """While one works on an index another one is refused; asking goes on."""
    cctrawl.harvest(OLD, settings=settings)
    path = index_path(settings.data_dir, settings.base_url)
    with take_lock(path.with_name(path.name + ".lock"), "works", "wait"):
        with pytest.raises(InvalidInputError, match=r"another cctrawl .* harvests into this index"):
            cctrawl.harvest(NEW, settings=settings)
        assert len(held(settings)) == 4
    assert cctrawl.harvest(NEW, settings=settings).state == "done"


def test_an_index_of_a_newer_program_is_refused(settings: Settings) -> None:
    """Nothing is fetched into tables that we do not know."""
    cctrawl.harvest(OLD, settings=settings)
    with sqlite3.connect(index_path(settings.data_dir, settings.base_url)) as connection:
        connection.execute("PRAGMA user_version=7")
    connection.close()
    with pytest.raises(CctrawlError, match="schema version 7"):
        cctrawl.harvest(NEW, settings=settings)


def test_imported_files_are_fetched(settings: Settings, tree: IndexTree) -> None:
    """Row groups of an import do not stand for the footers, which are fetched."""
    with open_index(settings.data_dir, settings.base_url) as index, index.transaction() as connection:
        put_file(connection, path=tree.paths[OLD, "warc"][0], crawl=OLD, subset="warc", state="imported")
    assert cctrawl.harvest(OLD, settings=settings).fetched == 4


def test_the_plan_asks_for_lists_only(server: FakeServer, tmp_path: Path) -> None:
    """It tells files, requests, bytes and time, and leaves nothing behind."""
    settings = Settings.resolve(base_url=server.url, data_dir=tmp_path / "data", rate=10)
    plan = cctrawl.plan_harvest("all", settings=settings)
    assert (plan.files, plan.held, plan.missing, plan.requests, plan.seconds) == (24, 0, 24, 24, 2.4)
    assert not index_path(settings.data_dir, settings.base_url).exists()
    assert server.count(FOOTERS) == 0
    cctrawl.harvest(OLD, settings=settings)
    plan = cctrawl.plan_harvest("all", settings=settings)
    assert (plan.held, plan.missing) == (4, 20)
    assert plan.store_bytes > 0
    assert "24 files, 4 held, 20 missing" in plan.summary()


@pytest.mark.parametrize(
    "wrong", [{"connections": 0}, {"connections": 65}, {"max_failures": 2}, {"max_footer": "x"}]
)
def test_options_that_cannot_be(wrong: dict[str, int | str], settings: Settings) -> None:
    """They are refused with a hint, before anything is asked."""
    with pytest.raises(InvalidInputError) as caught:
        cctrawl.harvest(NEW, settings=settings, **wrong)  # type: ignore[arg-type]  # on purpose
    assert caught.value.hint


def test_connections_are_kept(server: FakeServer, settings: Settings) -> None:
    """No more requests at once than connections, and none is wasted."""
    server.set_faults([SlowAnswer(wait_s=0.02)])
    assert cctrawl.harvest(NEW, connections=3, settings=settings).held == 20


def test_bounds_of_the_old_kind_are_mapped() -> None:
    """Deprecated bounds are held with each byte XOR 0x80, so that they compare; half a pair is none."""
    signed = RowGroupBounds(1, 2, "signed", b"\x80a", b"z")
    assert group_row(signed)[2:] == ("signed", b"\x00\xe1", b"\xfa")
    assert group_row(RowGroupBounds(1, 2, "ordered", b"a", b"b"))[2:] == ("ordered", b"a", b"b")
    assert group_row(RowGroupBounds(1, 2, "ordered", b"b", b"a"))[2:] == ("absent", None, None)  # in nobody's order
    assert group_row(RowGroupBounds(1, 2, "absent", None, None))[2:] == ("absent", None, None)
