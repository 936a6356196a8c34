"""Bounds that no writer stored, filled in: which row groups lack them, and what came of computing them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.errors import FormatError
from cctrawl.failures import ABORTED, DONE, INCOMPLETE, INTERRUPTED
from cctrawl.index.fill_report import FillPlan, FillReport
from cctrawl.index.filler import Filler, UnboundedRowGroup
from cctrawl.index.footer import parse_tree, type_ordered
from cctrawl.index.harvesting import locked_index, reported, see_limits, told
from cctrawl.index.holdings import held_selection, open_held
from cctrawl.index.key_bounds import KEY, index_range
from cctrawl.progress import Progress, open_progress
from cctrawl.settings import Settings
from cctrawl.store import held_footers, row_groups_without_bounds
from cctrawl.transport import Transport, TransportEvent, below, requests_per_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cctrawl.store import IndexFile, RowGroupRow, Selection


def fill_bounds(
    crawl: str | Sequence[str],
    *,
    subset: str = "warc",
    connections: int = 8,
    max_failures: float = 0.05,
    on_report: Callable[[FillReport], None] | None = None,
    quiet: bool = False,
    settings: Settings | None = None,
) -> FillReport:
    """Compute the bounds of ``url_surtkey`` that no writer stored, for row groups of held crawls, and keep them.

    They come from the page index of the row group, where it has the bounds of all pages, else from all of its keys:
    one request and about 23 MB for 2 million rows. Deprecated bounds (``signed``) stay as they are: they prune.
    Whatever ends it, calling it again goes on; each row group is kept at once.

    Args:
        crawl: a crawl expression, or several; ``all``, ``latest`` and years are those among the held crawls.
        subset: ``"warc"``, ``"robotstxt"``, ``"crawldiagnostics"`` or ``"all"``.
        connections: requests at once, 1 to 64; each holds the keys of a row group as they are stored.
        max_failures: the share of the last 200 row groups (and at least 20) that may fail before it stops.
        on_report: called with the report when it is over, also when it ends early.
        quiet: no progress on stderr.
        settings: how to ask for bytes; else the environment's.

    Returns:
        What was done. Its ``state`` is ``done``, or ``incomplete`` if row groups failed or have no held footer.

    Raises:
        InvalidInputError: an option that cannot be, or a harvest works on this index.
        NotFoundError: nothing is held, or not a crawl that is named.
        TransportError: nothing at all could be fetched.
        AbortedError: too much failed, the disk refuses, or patience is spent; calling again goes on.
        CctrawlError: the index cannot be read.
    """
    see_limits(connections, max_failures)
    in_force = settings or Settings.resolve()
    progress = open_progress(quiet=quiet)
    with _Fill(crawl, subset, in_force) as work:
        run = partial(work.run, progress, connections, max_failures, is_told=not quiet)
        report, failure = reported(run, work.report, progress)
    return told(report, failure, on_report)


def plan_fill(crawl: str | Sequence[str], *, subset: str = "warc", settings: Settings | None = None) -> FillPlan:
    """Return what `fill_bounds` would take with the same arguments; nothing is asked of the network.

    Args:
        crawl: as for `fill_bounds`.
        subset: as for `fill_bounds`.
        settings: as for `fill_bounds`.

    Raises:
        NotFoundError: nothing is held, or not a crawl that is named.
        CctrawlError: the index cannot be read.
    """
    in_force = settings or Settings.resolve()
    with open_held(in_force) as index:
        return _plan(_unbounded(index, held_selection(index, crawl, subset)), in_force)


class _Unbounded(NamedTuple):
    """Row groups without bounds, and how many more there are whose footers are not held."""

    groups: list[UnboundedRowGroup]
    without_footer: int


class _Fill:
    """The row groups that were asked for, and the index they are in; a context manager.

    Args:
        crawl: a crawl expression, or several.
        subset: a subset, or all.
        settings: how to ask for bytes.
    """

    def __init__(self, crawl: str | Sequence[str], subset: str, settings: Settings) -> None:
        self._began_s = time.monotonic()
        self._settings = settings
        self._filler: Filler | None = None
        with ExitStack() as opened:
            self._transport = opened.enter_context(Transport(settings, ramp=True, on_event=self._hear))
            self._index = opened.enter_context(open_held(settings))
            self._selection = held_selection(self._index, crawl, subset)
            self._unbounded = _Unbounded([], 0)
            self._opened = opened.pop_all()

    def __enter__(self) -> _Fill:  # noqa: PYI034 - Self needs Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def run(self, progress: Progress, connections: int, max_failures: float, *, is_told: bool) -> None:
        """Fill in what is lacking; the plan is told first, if anything is.

        Raises:
            CctrawlError: as `fill_bounds`.
        """
        with locked_index(self._index):
            self._unbounded = _unbounded(self._index, self._selection)
            if not self._unbounded.groups:
                return
            if is_told:
                progress.note(_plan(self._unbounded, self._settings).summary())
            self._filler = Filler(
                self._index,
                self._transport,
                self._settings.base_url,
                progress,
                connections=connections,
                max_failures=max_failures,
            )
            self._filler.run(self._unbounded.groups)

    def report(self, failure: BaseException | None) -> FillReport:
        """Return what was done, given what ended it early."""
        filler = self._filler
        counters = self._transport.counters.snapshot()
        failures = filler.failures if filler else []
        state = INCOMPLETE if failures or self._unbounded.without_footer else DONE
        if failure is not None:
            state = INTERRUPTED if isinstance(failure, KeyboardInterrupt) else ABORTED
        return FillReport(
            state=state,
            row_groups=len(self._unbounded.groups),
            filled=filler.filled if filler else 0,
            by_page_index=filler.by_page_index if filler else 0,
            without_footer=self._unbounded.without_footer,
            failures=failures,
            requests=counters.requests,
            bytes_received=counters.bytes_received,
            retries=counters.retries,
            refusals=counters.refusals,
            seconds=time.monotonic() - self._began_s,
        )

    def _hear(self, event: TransportEvent) -> None:
        if self._filler is not None:
            self._filler.hear(event)


def _plan(unbounded: _Unbounded, settings: Settings) -> FillPlan:
    groups = unbounded.groups
    sizes = [
        group.index_range[1] - group.index_range[0]
        if group.index_range
        else group.keys.total_compressed_size
        if group.keys
        else 0
        for group in groups
    ]
    rate = requests_per_s(settings, below(settings.base_url, groups[0].path)) if groups else math.inf
    limited = math.isfinite(rate)
    return FillPlan(
        row_groups=len(groups),
        files=len({group.file for group in groups}),
        by_page_index=sum(group.index_range is not None for group in groups),
        without_footer=unbounded.without_footer,
        requests=len(groups),
        bytes=sum(sizes),
        requests_per_s=rate if limited else None,
        seconds=len(groups) / rate if limited else None,
    )


def _unbounded(index: IndexFile, selection: Selection) -> _Unbounded:
    """The row groups without bounds, each with what its footer tells of the keys."""
    found = list(row_groups_without_bounds(index, selection))
    held = [row for row, is_held in found if is_held]
    groups = [
        group for path, rows in groupby(held, lambda row: row.path) for group in _of_file(index, path, [*rows])
    ]
    return _Unbounded(groups, len(found) - len(held))


def _of_file(index: IndexFile, path: str, rows: Sequence[RowGroupRow]) -> Iterator[UnboundedRowGroup]:
    """The row groups of a file; what its footer does not tell is a trouble of each."""
    try:
        tree, footer = parse_tree(next(held_footers(index, path=path)).data, path)
        names = [column.name for column in footer.columns]
        at = names.index(KEY) if KEY in names else None
        has_order = at is not None and type_ordered(tree, footer.columns)[at]
        trouble = f"{path} has no column {KEY}"
    except FormatError as error:
        footer, at, has_order, trouble = None, None, False, str(error)
    for row in rows:
        keys = None
        if footer is not None and at is not None and row.row_group < len(footer.row_groups):
            keys = footer.row_groups[row.row_group].columns[at]
        place = index_range(keys) if keys and has_order else None
        yield UnboundedRowGroup(row.file, path, row.row_group, row.num_rows, keys, place, "" if keys else trouble)
