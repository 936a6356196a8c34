"""A search: crawls side by side in order, what is kept, what it costs, what it says of what is missing."""

from __future__ import annotations

import json
import pickle
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.captures.oracle import Row
from tests.captures.scan_route import ScanRoute, use

import cctrawl
from cctrawl.captures.columns import DEFAULT_COLUMNS
from cctrawl.captures.execution import crawls_at_once
from cctrawl.captures.reading import SideBySide
from cctrawl.captures.routes import FailedPart
from cctrawl.captures.targets import sought
from cctrawl.errors import AbortedError, InvalidInputError, NotFoundError, TransportError
from cctrawl.settings import Settings

OLD, NEW = "CC-MAIN-2020-24", "CC-MAIN-2024-22"
START = datetime(2020, 6, 1, tzinfo=timezone.utc)


def row(
    crawl: str, number: int, *, path: str = "", url: str = "", digest: str | None = None, status: int = 200
) -> Row:
    """A capture of example.org."""
    path = path or f"p{number:03}"
    return {
        "crawl": crawl,
        "subset": "warc",
        "url_surtkey": f"org,example)/{path}",
        "url": url or f"https://example.org/{path}",
        "url_host_name": "example.org",
        "fetch_time": START + timedelta(days=365 * (crawl == NEW), minutes=number),
        "fetch_status": status,
        "content_digest": digest,
        "warc_filename": f"crawl-data/{crawl}/x.warc.gz",
        "warc_record_offset": 1000 * number,
        "warc_record_length": 1000,
    }


def rows(crawl: str, count: int) -> list[Row]:
    """Some captures, whose statuses alternate."""
    return [row(crawl, number, status=200 + 104 * (number % 2)) for number in range(count)]


@pytest.fixture
def base(tmp_path: Path) -> Settings:
    """Settings of a tree that lists both crawls, and one that nobody has an index of."""
    crawls = [{"id": name} for name in (NEW, OLD, "CC-MAIN-2008-2009")]
    (tmp_path / "collinfo.json").write_text(json.dumps(crawls))
    return Settings.resolve(base_url=str(tmp_path), data_dir=tmp_path / "data")


def test_rows_come_by_crawl_key_and_time(monkeypatch: pytest.MonkeyPatch, base: Settings) -> None:
    """Whatever the order in which crawls are named and answer, the newest is first, then key and time decide."""
    use(monkeypatch, ScanRoute("cdx", {OLD: rows(OLD, 9), NEW: rows(NEW, 7)}))
    search = cctrawl.find("example.org", crawl=[OLD, NEW], settings=base)
    found = [(capture.crawl, capture.url_surtkey, capture["fetch_time"]) for capture in search]
    assert found == sorted(found, key=lambda place: (place[0] == OLD, place[1:]))
    assert len(found) == 16
    assert search.to_arrow().column_names == list(DEFAULT_COLUMNS)
    assert search.to_pandas()["url"].nunique() == 9
    assert search.report is not None
    assert (search.report.rows, search.report.crawls, search.report.blocks) == (16, 2, 27)
    assert not search.is_partial


def test_nothing_is_asked_before_the_answer_is_taken(monkeypatch: pytest.MonkeyPatch, base: Settings) -> None:
    """Making a search asks nothing; each taking of its answer asks anew."""
    route = ScanRoute("cdx", {OLD: rows(OLD, 1)})
    use(monkeypatch, route)
    search = cctrawl.find("example.org", crawl=OLD, settings=base)
    assert (route.asked, search.report, search.failures) == ([], None, [])
    assert [len(list(search)), len(list(search)), len(route.asked)] == [1, 1, 2]
    assert route.closed == 2


def test_a_limit_stops_the_reading(monkeypatch: pytest.MonkeyPatch, base: Settings) -> None:
    """The first rows are handed out, the routes are told, and no thread is left."""
    route = ScanRoute("cdx", {OLD: rows(OLD, 5000), NEW: rows(NEW, 3)}, pause_s=0.002)
    use(monkeypatch, route)
    search = cctrawl.find("example.org", crawl="all", limit=5, settings=base)
    assert [capture.crawl for capture in search] == [NEW] * 3 + [OLD] * 2
    assert {query.limit for _, query in route.asked} == {5}
    assert route.tables_read[OLD] < 2500
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("find-")]


def test_whoever_stops_early_stops_the_reading(monkeypatch: pytest.MonkeyPatch, base: Settings) -> None:
    """Closing an iterator ends the threads."""
    use(monkeypatch, ScanRoute("cdx", {OLD: rows(OLD, 500), NEW: rows(NEW, 500)}))
    captures = iter(cctrawl.find("example.org", crawl="all", settings=base))
    next(captures)
    captures.close()  # type: ignore[attr-defined]  # it is a generator
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("find-")]


CAPTURES = st.lists(
    st.tuples(
        st.sampled_from([OLD, NEW]),
        st.integers(0, 30),
        st.sampled_from(["a", "b", "b/c"]),
        st.sampled_from(["http", "https"]),
        st.sampled_from([None, "D1", "D2", "D3"]),
    ),
    max_size=14,
    unique_by=lambda drawn: (drawn[0], drawn[1]),
)


@settings(max_examples=25, deadline=None)
@given(
    drawn=CAPTURES, table_rows=st.integers(1, 4), exact=st.booleans(), unique=st.booleans(), latest=st.booleans()
)
def test_what_is_kept(
    drawn: list[Any],
    table_rows: int,
    exact: bool,  # noqa: FBT001 - drawn
    unique: bool,  # noqa: FBT001 - drawn
    latest: bool,  # noqa: FBT001 - drawn
) -> None:
    """The newest of each key (with exact: URL) over all crawls is kept, then the first of each digest."""
    crawls: dict[str, list[Row]] = {OLD: [], NEW: []}
    for crawl, number, path, scheme, digest in drawn:
        crawls[crawl].append(row(crawl, number, path=path, url=f"{scheme}://example.org/{path}", digest=digest))
    in_order = [
        one
        for crawl in (NEW, OLD)
        for one in sorted(crawls[crawl], key=lambda one: (one["url_surtkey"], one["fetch_time"]))
    ]
    expected = _kept(in_order, "url" if exact else "url_surtkey", latest=latest, unique=unique)
    with pytest.MonkeyPatch.context() as patch:
        use(patch, ScanRoute("cdx", crawls, table_rows=table_rows))
        options: dict[str, Any] = {"exact": exact, "unique": unique, "latest": latest}
        search = cctrawl.find("*.org", crawl=[OLD, NEW], route="cdx", columns="fetch_time,url", **options)
        found = search.to_arrow().to_pylist()
        counted = cctrawl.find("*.org", crawl=[OLD, NEW], route="cdx", count_by="url", **options)
        counts = counted.to_arrow().to_pylist()
    assert found == [{"fetch_time": one["fetch_time"], "url": one["url"]} for one in expected]
    kept = Counter((one["crawl"], one["url"]) for one in expected)
    order = sorted(kept, key=lambda pair: (pair[0] == OLD, -kept[pair], pair[1]))
    assert counts == [{"crawl": crawl, "url": url, "count": kept[crawl, url]} for crawl, url in order]


def _kept(in_order: list[Row], name: str, *, latest: bool, unique: bool) -> list[Row]:
    if latest:
        newest: dict[str, Row] = {}
        for one in in_order:
            if one[name] not in newest or one["fetch_time"] >= newest[one[name]]["fetch_time"]:
                newest[one[name]] = one
        in_order = [one for one in in_order if newest[one[name]] is one]
    if unique:
        seen: set[str] = set()
        in_order = [
            one
            for one in in_order
            if one["content_digest"] is None
            or not (one["content_digest"] in seen or seen.add(one["content_digest"]))  # type: ignore[func-returns-value]
        ]
    return in_order


def test_counts_are_added_up_by_the_route(monkeypatch: pytest.MonkeyPatch, base: Settings) -> None:
    """Counts of each crawl come most frequent first; the route counts where no row need be looked at here."""
    route = ScanRoute("columnar", {OLD: rows(OLD, 9), NEW: rows(NEW, 2)}, table_rows=1)
    use(monkeypatch, route)
    search = cctrawl.find("example.org", crawl="all", count_by="fetch_status", route="columnar", settings=base)
    assert [tuple(found.values()) for found in search] == [
        (NEW, 200, 1),
        (NEW, 304, 1),
        (OLD, 200, 5),
        (OLD, 304, 4),
    ]
    assert search.columns == ("crawl", "fetch_status", "count")
    assert {query.count_by for _, query in route.asked} == {"fetch_status"}
    by_crawl = cctrawl.find("example.org", crawl=OLD, count_by="crawl", route="columnar", settings=base)
    assert by_crawl.to_arrow().to_pylist() == [{"crawl": OLD, "count": 9}]
    first = cctrawl.find("example.org", crawl="all", count_by="url", limit=1, route="columnar", settings=base)
    assert len(list(first)) == 1


def test_crawls_without_an_index(
    monkeypatch: pytest.MonkeyPatch, base: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """`all` passes over a crawl without an index and names it; one named by its id is an error."""
    use(monkeypatch, ScanRoute("columnar", {OLD: rows(OLD, 2)}))
    search = cctrawl.find("example.org", crawl="all", route="columnar", settings=base)
    assert len(list(search)) == 2
    assert search.report is not None
    assert search.report.passed_over == (NEW, "CC-MAIN-2008-2009")
    assert f"passed over, without an index: {NEW}" in caplog.text
    with pytest.raises(NotFoundError, match=NEW):
        list(cctrawl.find("example.org", crawl=f"{NEW},{OLD}", route="columnar", settings=base))
    use(monkeypatch, ScanRoute("columnar", {}))
    with pytest.raises(NotFoundError, match="no index: ") as raised:
        list(cctrawl.find("example.org", crawl="all", route="columnar", settings=base))
    assert raised.value.hint


def test_a_crawl_with_one_index_only_is_asked_by_that(monkeypatch: pytest.MonkeyPatch, base: Settings) -> None:
    """By itself a search goes the other way where the cheaper index does not exist."""
    use(monkeypatch, ScanRoute("cdx", {NEW: rows(NEW, 1)}), ScanRoute("columnar", {OLD: rows(OLD, 2)}))
    assert len(list(cctrawl.find("example.org", crawl=f"{NEW},{OLD}", settings=base))) == 3


def test_failed_parts_are_named(
    monkeypatch: pytest.MonkeyPatch, base: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """What a route could not read is told with file and part; the rest of the answer comes."""
    part = FailedPart(OLD, "some/file.parquet", "row group 3", "HTTP 500")
    use(monkeypatch, ScanRoute("cdx", {OLD: rows(OLD, 2), NEW: rows(NEW, 2)}, failures=[part]))
    search = cctrawl.find("example.org", crawl="2020,2024", settings=base)
    assert search.to_arrow().num_rows == 4
    assert search.failures == [part]
    assert search.is_partial
    assert "not read: some/file.parquet, row group 3: HTTP 500" in caplog.text


def test_a_crawl_that_cannot_be_read_is_a_failed_part_among_others(
    monkeypatch: pytest.MonkeyPatch, base: Settings
) -> None:
    """The network failing for one crawl leaves the others; alone it is an error, as patience spent is."""
    error = TransportError("no way")
    both = {OLD: rows(OLD, 4), NEW: rows(NEW, 4)}
    use(monkeypatch, ScanRoute("cdx", both, errors={NEW: error}))
    search = cctrawl.find("example.org", crawl=f"{NEW},{OLD}", settings=base)
    assert Counter(capture.crawl for capture in search) == {NEW: 2, OLD: 4}
    assert [(part.crawl, part.reason) for part in search.failures] == [(NEW, "no way")]
    with pytest.raises(TransportError, match="no way"):
        list(cctrawl.find("example.org", crawl=NEW, settings=base))
    use(monkeypatch, ScanRoute("cdx", both, errors={NEW: AbortedError("enough")}))
    with pytest.raises(AbortedError):
        list(cctrawl.find("example.org", crawl=f"{NEW},{OLD}", settings=base))


def test_a_plan_asks_nothing(monkeypatch: pytest.MonkeyPatch, base: Settings) -> None:
    """The plan has a line for each crawl, sums and the time at the rate, and reads nothing."""
    route = ScanRoute("cdx", {OLD: rows(OLD, 3), NEW: rows(NEW, 5)})
    use(monkeypatch, route)
    plan = cctrawl.find("example.org", crawl=[OLD, NEW], settings=base).plan()
    assert [(crawl.crawl, crawl.requests, crawl.why) for crawl in plan.crawls] == [
        (NEW, 5, "a small range of keys"),
        (OLD, 3, "a small range of keys"),
    ]
    assert (plan.requests, plan.bytes, plan.seconds, route.asked) == (8, 8000, None, [])
    assert plan.summary().splitlines() == [
        "plan: 2 crawls, at most 8 requests and 8.0 kB",
        f"{NEW}: a note",
        f"{OLD}: a note",
    ]
    limited = Settings.resolve(base_url="http://localhost/", rate=2, burst=4)
    plan = cctrawl.find("example.org", crawl=[OLD, NEW], settings=limited).plan()
    assert plan.seconds == 2
    assert "2.0 s of waiting at 2 requests/s" in plan.summary()


@pytest.mark.parametrize(
    ("options", "route", "why"),
    [
        ({"targets": "example.org"}, "cdx", "a small range of keys"),
        ({"targets": "example.org", "where": "fetch_status = 200"}, "cdx", "a small range of keys"),
        ({"targets": "example.org", "where": "url_host_tld = org"}, "columnar", "CDXJ has no url_host_tld"),
        ({"targets": "example.org", "columns": "warc_record_id"}, "columnar", "CDXJ has no warc_record_id"),
        ({"targets": "example.org", "count_by": "url_host_tld"}, "columnar", "CDXJ has no url_host_tld"),
        ({"targets": (), "status": 404}, "columnar", "there is no target, only filters"),
        ({"targets": "*.org"}, "columnar", "a whole top-level domain"),
        ({"targets": "*.example.org"}, "cdx", "its footers are not held"),
        ({"targets": [f"h{number}.org" for number in range(200)]}, "columnar", "200 targets share the reads"),
        ({"targets": "example.org", "route": "columnar"}, "columnar", "as asked"),
    ],
)
def test_the_route_is_chosen_by_size_and_question(
    monkeypatch: pytest.MonkeyPatch, base: Settings, options: dict[str, Any], route: str, why: str
) -> None:
    """Small ranges of keys go by CDXJ, what it cannot tell or takes too many requests by the columnar index."""
    use(monkeypatch, ScanRoute("cdx", {}), ScanRoute("columnar", {}))
    (plan,) = cctrawl.find(crawl=OLD, settings=base, **options).plan().crawls
    assert (plan.route, plan.why) == (route, why)


def test_held_footers_make_the_columnar_index_cheaper(monkeypatch: pytest.MonkeyPatch, harvested: Settings) -> None:
    """Where footers are held, domains and counts go by the columnar index; crawls of ARC files never do."""
    use(monkeypatch, ScanRoute("cdx", {}), ScanRoute("columnar", {}))
    for options in ({"targets": "*.example.org"}, {"targets": "example.org", "count_by": "fetch_status"}):
        (plan,) = cctrawl.find(crawl=OLD, settings=harvested, **options).plan().crawls  # type: ignore[arg-type]
        assert plan.route == "columnar"
        assert "footers are held" in plan.why
    (plan,) = cctrawl.find("*.example.org", crawl="CC-MAIN-2008-2009", settings=harvested).plan().crawls
    assert (plan.route, plan.why) == ("cdx", "the crawl has no columnar index")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": "a b"}, "no target"),
        ({"targets": ()}, "that would list a whole index"),
        ({"where": "nothing"}, "--where: no column"),
        ({"columns": "url,nothing"}, "no column: 'nothing'"),
        ({"columns": ""}, "no column is named"),
        ({"count_by": "nothing"}, "no column: 'nothing'"),
        ({"count_by": "url", "columns": "url"}, "counts have columns of their own"),
        ({"subset": "wat"}, "no subset: 'wat'"),
        ({"route": "fast"}, "no route: 'fast'"),
        ({"route": "cdx", "columns": "url_host_tld"}, "CDXJ cannot answer this: CDXJ has no url_host_tld"),
        ({"route": "cdx", "targets": (), "status": 200}, "there is no target, only filters"),
        ({"limit": 0}, "--limit 0 cannot be"),
        ({"crawl": 2020}, "no crawls: 2020"),
        ({"crawl": ["latest", 2020]}, "no crawls: ['latest', 2020]"),
        ({"connections": 129}, "--connections 129 cannot be"),
        ({"crawl": " "}, "no crawl is named"),
        ({"crawl": "latest,CC-NEWS-2024-05"}, "CC-NEWS-2024-05 has no index"),
        ({"hosts_file": "/nowhere/hosts.txt"}, "cannot read /nowhere/hosts.txt"),
        ({"hosts_file": "/dev/null"}, "/dev/null holds no target"),
    ],
)
def test_what_cannot_be_is_said_at_once(options: dict[str, Any], message: str) -> None:
    """A mistake is an error with a hint when the search is made, before anything is asked."""
    given: dict[str, Any] = {"targets": "example.org", "crawl": OLD, **options}
    with pytest.raises(InvalidInputError) as raised:
        cctrawl.find(**given)
    assert message in str(raised.value)
    assert raised.value.hint


def test_later_crawls_wait_in_bounded_memory() -> None:
    """What later crawls answer waits up to so many bytes; the crawl whose turn it is always goes on."""
    table = pa.table({"x": [b"x" * 1000]})
    made: Counter[str] = Counter()

    def read(crawl: str) -> Iterator[pa.Table]:
        for _ in range(200):
            made[crawl] += 1
            yield table

    reading = SideBySide(["a", "b", "c"], read, on_tick=lambda: None, waiting_bytes=10 * table.nbytes)
    reading.start()
    counts = []
    for number in range(3):
        for at, _ in enumerate(reading.tables(number)):
            if at == 100:
                waiting = sum(made.values()) - 200 * number - at - 1
                counts.append(waiting)
    reading.join()
    assert max(counts) <= 10 + 4  # one in the hands of each thread, and one that is taken
    assert made == {"a": 200, "b": 200, "c": 200}
    assert reading.complete == 3


def test_large_answers_are_read_a_few_crawls_at_once() -> None:
    """Small questions are put to many crawls at a time, those whose answers may be large to few."""
    many = [f"h{number}.org" for number in range(101)]
    questions: list[list[str]] = [["example.org"], ["*.example.org"], ["*.org"], many, []]
    assert [crawls_at_once(sought(targets)) for targets in questions] == [24, 8, 4, 4, 4]
    assert [crawls_at_once(sought(targets), limit=1) for targets in questions] == [4, 1, 1, 1, 1]


def test_an_error_comes_behind_what_was_read() -> None:
    """A crawl's error is raised where its answer is taken, behind the tables before it."""

    def read(crawl: str) -> Iterator[pa.Table]:
        yield pa.table({"x": [crawl]})
        raise TransportError(crawl)

    reading = SideBySide(["a", "b"], read, on_tick=lambda: None)
    reading.start()
    for number, crawl in enumerate("ab"):
        tables = reading.tables(number)
        assert next(tables).to_pylist() == [{"x": crawl}]
        with pytest.raises(TransportError, match=crawl):
            next(tables)
    reading.stop()
    reading.join()


def test_a_capture_is_a_row() -> None:
    """A capture has its columns as items and attributes, equals its row, and travels to other processes."""
    capture = cctrawl.Capture({"url": "https://example.org/", "fetch_status": 200})
    assert (capture.url, capture["fetch_status"], dict(capture)) == ("https://example.org/", 200, dict(**capture))
    assert pickle.loads(pickle.dumps(capture)) == capture  # noqa: S301 - made on this line
    assert capture == {"url": "https://example.org/", "fetch_status": 200}
    with pytest.raises(AttributeError, match="it has url, fetch_status"):
        _ = capture.crawl
