"""`cctrawl.harvest` and `cctrawl.plan_harvest`: which files there are, which are missing, and what came of it."""

from __future__ import annotations

import logging
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TypeVar

from cctrawl.errors import CctrawlError, InvalidInputError, NotFoundError
from cctrawl.failures import ABORTED, DONE, INCOMPLETE, INTERRUPTED, see_share
from cctrawl.index.fetcher import FooterFetcher, FooterNeed, IndexedFile
from cctrawl.index.footer import MAX_FOOTER_BYTES
from cctrawl.index.harvester import Harvester
from cctrawl.index.report import HarvestPlan, HarvestReport
from cctrawl.listings import files as listed_files
from cctrawl.progress import Progress, open_progress
from cctrawl.settings import Settings, parse_size
from cctrawl.store import (
    IndexFile,
    footer_sizes,
    held_paths,
    index_path,
    note_listing,
    open_index,
    take_lock,
    undecodable,
)
from cctrawl.transport import Transport, TransportEvent, below, requests_per_s

Report = TypeVar("Report")

_log = logging.getLogger("cctrawl")

MOST_CONNECTIONS = 64
# One spelling for each file: "../", "./" or "//" in a path would make two of it.
_PATH = re.compile(r"(?:(?!\.{1,2}/)[^/]+/)+crawl=([^/]+)/subset=([^/]+)/[^/]+\.parquet")
USUAL_FOOTER_BYTES = 57_000
_STORED_SHARE = 0.38  # of a footer's bytes, with its row groups, measured


def harvest(
    crawl: str,
    *,
    subset: str = "warc",
    connections: int = 32,
    max_failures: float = 0.05,
    max_footer: int | str = MAX_FOOTER_BYTES,
    on_report: Callable[[HarvestReport], None] | None = None,
    quiet: bool = False,
    settings: Settings | None = None,
) -> HarvestReport:
    """Fetch the footers of a crawl's index files into the data folder; those that are held are not asked for.

    One request each as a rule. Whatever ends it, calling it again goes on; one harvest at a time works on an index.
    On Linux the calling thread keeps to one core until it returns, together with those that fetch.

    Args:
        crawl: which crawls: ``"CC-MAIN-2024-22"``, ``"2020"``, ``"latest-3"``, ``"all"``, or a comma list; but for
            ids those without an index are passed over, and named in the log ``cctrawl``.
        subset: ``"warc"``, ``"robotstxt"``, ``"crawldiagnostics"`` or ``"all"``.
        connections: requests at once, 1 to 64; how many per second is a matter of the settings.
        max_failures: the share of the last 200 files (and at least 20) that may fail before it stops.
        max_footer: bytes, or a text like ``"16MiB"``: what says it is longer is taken for no footer.
        on_report: called with the report when the harvest is over, also when it ends early.
        quiet: no progress on stderr.
        settings: how to ask for bytes; else the environment's.

    Returns:
        What was done. Its ``state`` is ``done``, or ``incomplete`` if files failed.

    Raises:
        InvalidInputError: an option that cannot be, or another harvest works on this index.
        NotFoundError: no such crawl, or it has no index.
        TransportError: the listings cannot be had, or no footer at all.
        AbortedError: too much failed, the disk refuses, or patience is spent; calling again goes on.
        CctrawlError: the index is of another version of cctrawl, or damaged.
    """
    see_limits(connections, max_failures)
    max_footer_bytes = parse_size(max_footer)
    in_force = settings or Settings.resolve()
    progress = open_progress(quiet=quiet)
    with _Harvest(crawl, subset, in_force) as work:
        run = partial(work.run, progress, connections, max_failures, max_footer_bytes, quiet=quiet)
        report, failure = reported(run, work.report, progress)
    return told(report, failure, on_report)


def reported(
    run: Callable[[], None], report: Callable[[BaseException | None], Report], progress: Progress
) -> tuple[Report, BaseException | None]:
    """Do some work, and return the report of it with what ended it early, if anything did; the progress ends."""
    failure: BaseException | None = None
    try:
        run()
    except (CctrawlError, KeyboardInterrupt) as error:
        failure = error
    finally:
        progress.close()
    return report(failure), failure


def told(report: Report, failure: BaseException | None, on_report: Callable[[Report], None] | None) -> Report:
    """Tell a report to who listens, and return it; or raise what ended the work early."""
    if on_report is not None:
        on_report(report)
    if failure is not None:
        raise failure
    return report


def see_limits(connections: int, max_failures: float) -> None:
    """See that the options of a harvest, or of what asks like one, can be.

    Raises:
        InvalidInputError: one cannot.
    """
    if not 1 <= connections <= MOST_CONNECTIONS:
        raise InvalidInputError(f"--connections {connections} cannot be", hint=f"give 1 to {MOST_CONNECTIONS}")
    see_share(max_failures)


def plan_harvest(crawl: str, *, subset: str = "warc", settings: Settings | None = None) -> HarvestPlan:
    """Return what `harvest` would take with the same arguments; only listings are asked for.

    Args:
        crawl: as for `harvest`.
        subset: as for `harvest`.
        settings: as for `harvest`.

    Raises:
        NotFoundError: no such crawl, or it has no index.
        TransportError: the listings cannot be had.
        CctrawlError: the index is of another version of cctrawl, or damaged.
    """
    in_force = settings or Settings.resolve()
    with Transport(in_force) as transport:
        files = _wanted(crawl, subset, in_force, transport)
    crawls = {file.crawl for file in files}
    store = index_path(in_force.data_dir, in_force.base_url)
    held: set[str] = set()
    sizes: list[int] = []
    now_bytes = 0
    if store.exists():
        with IndexFile(store) as index:
            held = held_paths(index, crawls)
            sizes = [size for _, _, size in footer_sizes(index, crawls)]
            now_bytes = index.size_bytes()
    missing = sum(file.path not in held for file in files)
    come_bytes = int(missing * (sum(sizes) / len(sizes) if sizes else USUAL_FOOTER_BYTES))
    rate = requests_per_s(in_force, below(in_force.base_url, files[0].path))
    limited = math.isfinite(rate)
    return HarvestPlan(
        files=len(files),
        held=len(files) - missing,
        missing=missing,
        requests=missing,
        bytes=come_bytes,
        requests_per_s=rate if limited else None,
        seconds=missing / rate if limited else None,
        store=str(store),
        store_bytes=now_bytes,
        store_bytes_after=now_bytes + int(come_bytes * _STORED_SHARE),
    )


class _Harvest:
    """The files that were asked for, and the index they go to; a context manager.

    Args:
        crawl: a crawl expression.
        subset: a subset, or all.
        settings: how to ask for bytes.
    """

    def __init__(self, crawl: str, subset: str, settings: Settings) -> None:
        self._began_s = time.monotonic()
        self._settings = settings
        self._on_event: Callable[[TransportEvent], None] | None = None
        with ExitStack() as opened:
            self._transport = opened.enter_context(Transport(settings, ramp=True, on_event=self._hear))
            self._files = _wanted(crawl, subset, settings, self._transport)
            self._crawls = list(dict.fromkeys(file.crawl for file in self._files))
            self._index = opened.enter_context(open_index(settings.data_dir, settings.base_url))
            self._missing = self._not_held()
            self._opened = opened.pop_all()
        self._harvester: Harvester | None = None
        self._fetcher: FooterFetcher | None = None

    def __enter__(self) -> _Harvest:  # noqa: PYI034 - Self needs Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def run(
        self, progress: Progress, connections: int, max_failures: float, max_footer_bytes: int, *, quiet: bool
    ) -> None:
        """Fetch what is missing.

        Raises:
            CctrawlError: as `harvest`.
        """
        if not self._missing:
            return
        with locked_index(self._index):
            self._missing = self._not_held()  # whoever had the lock may have fetched them
            note_listing(self._index, Counter((file.crawl, file.subset) for file in self._files))
            if len(self._missing) < len(self._files) and not quiet:
                progress.note(f"going on: {self._held:,} of {len(self._files):,} footers are held")
            self._fetcher = FooterFetcher(
                self._transport,
                self._settings.base_url,
                need=FooterNeed(footer_sizes(self._index, self._crawls)),
                max_footer_bytes=max_footer_bytes,
            )
            self._harvester = Harvester(
                self._index,
                self._fetcher,
                self._transport,
                progress,
                connections=connections,
                max_failures=max_failures,
            )
            self._on_event = self._harvester.hear
            self._harvester.run(self._missing, self._held)

    def report(self, failure: BaseException | None) -> HarvestReport:
        """Return what was done, given what ended it early."""
        harvester = self._harvester
        counters = self._transport.counters.snapshot()
        fetched = harvester.fetched if harvester else 0
        failures = harvester.failures if harvester else []
        state = INCOMPLETE if failures else DONE
        if failure is not None:
            state = INTERRUPTED if isinstance(failure, KeyboardInterrupt) else ABORTED
        return HarvestReport(
            state=state,
            files=len(self._files),
            held=self._held + fetched,
            fetched=fetched,
            row_groups=harvester.row_groups if harvester else 0,
            second_requests=self._fetcher.second_requests if self._fetcher else 0,
            failures=failures,
            undecodable=undecodable(self._index, self._crawls),
            requests=counters.requests,
            bytes_received=counters.bytes_received,
            retries=counters.retries,
            refusals=counters.refusals,
            seconds=time.monotonic() - self._began_s,
            store=str(self._index.path),
            store_bytes=self._index.size_bytes(),
        )

    @property
    def _held(self) -> int:
        return len(self._files) - len(self._missing)

    def _not_held(self) -> list[IndexedFile]:
        held = held_paths(self._index, self._crawls)
        return [file for file in self._files if file.path not in held]

    def _hear(self, event: TransportEvent) -> None:
        if self._on_event is not None:
            self._on_event(event)


def _wanted(crawl: str, subset: str, settings: Settings, transport: Transport) -> list[IndexedFile]:
    """Return the files of the index, each once, in the order of the listings.

    Raises:
        CctrawlError: as `cctrawl.files`.
    """
    paths = listed_files("cc-index-table", crawl, subset=subset, settings=settings, transport=transport)
    parts = [(path, _PATH.fullmatch(path)) for path in dict.fromkeys(paths)]
    files = [IndexedFile(path, found[1], found[2]) for path, found in parts if found]
    odd = [path for path, found in parts if not found]
    if odd:
        _log.warning("passed over, listed but no paths of index files: %d, the first: %r", len(odd), odd[0])
    if not files:
        raise NotFoundError(f"{crawl} lists no index files of the subset {subset}", hint="is its index complete?")
    return files


@contextmanager
def locked_index(index: IndexFile) -> Iterator[None]:
    """Keep harvests, and whatever else changes many files, away from an index.

    Raises:
        InvalidInputError: another process is at it, or the data folder cannot be written to.
    """
    path = index.path.with_name(index.path.name + ".lock")
    try:
        lock = take_lock(path, "harvests into this index", "wait for it, or give another --data-dir")
    except OSError as error:
        raise InvalidInputError(
            f"cannot write to the data folder: {error}", hint="give another --data-dir"
        ) from error
    with closing(lock):
        yield
