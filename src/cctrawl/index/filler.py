"""The filler: threads have bounds of keys computed, the caller's thread enters each into the store at once."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.errors import AbortedError, CctrawlError, FormatError, TransportError
from cctrawl.failures import RESUME_HINT, STOP, FailureShare, verdict_of
from cctrawl.index.fetcher import failure_kind
from cctrawl.index.fill_report import FillFailure
from cctrawl.index.key_bounds import KeyBounds, bounds_in_index, bounds_of_keys
from cctrawl.progress import Snapshot, Topics
from cctrawl.store import put_computed_bounds
from cctrawl.transport import below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cctrawl.index.footer import ColumnChunk
    from cctrawl.progress import Progress
    from cctrawl.store import IndexFile
    from cctrawl.transport import Transport, TransportEvent

_TURN_S = 0.1


class UnboundedRowGroup(NamedTuple):
    """A row group without bounds of its keys.

    Attributes:
        file: the file's number in the store.
        path: the file's listed path.
        row_group: its number in the file, from 0.
        num_rows: its rows.
        keys: the chunk of its keys; ``None`` if there is none.
        index_range: where the file has bounds of each page of the keys, if it has any.
        trouble: why there are no keys.
    """

    file: int
    path: str
    row_group: int
    num_rows: int
    keys: ColumnChunk | None
    index_range: tuple[int, int] | None
    trouble: str = ""


class _Found(NamedTuple):
    bounds: KeyBounds
    by_page_index: bool


class Filler:
    """Computes the bounds of row groups and enters them into an index.

    Args:
        index: where they go; written by the thread that calls `run` alone.
        transport: what is asked with; closed when it ends early, to wake threads that wait.
        base_url: where the paths lie.
        progress: where it tells how far it is.
        connections: threads, and so connections.
        max_failures: the share of the last 200 row groups that may fail; more (and at least 20) stop it.

    Attributes:
        filled: row groups that have bounds now.
        by_page_index: those of them whose page index had them.
        failures: row groups that were given up.
    """

    def __init__(
        self,
        index: IndexFile,
        transport: Transport,
        base_url: str,
        progress: Progress,
        *,
        connections: int,
        max_failures: float,
    ) -> None:
        self._index = index
        self._transport = transport
        self._base_url = base_url
        self._progress = progress
        self._connections = connections
        self._share = FailureShare(max_failures, "the same command")
        self._events: deque[TransportEvent] = deque(maxlen=100)
        self._topics = Topics()
        self.filled = self.by_page_index = 0
        self.failures: list[FillFailure] = []

    def hear(self, event: TransportEvent) -> None:
        """Take note of a refusal, block or retry, to be told by the next turn of `run`; from any thread."""
        self._events.append(event)

    def run(self, groups: Sequence[UnboundedRowGroup]) -> None:
        """Fill in row groups until each is done or given up. Whatever ends it early, what is done is kept.

        Raises:
            AbortedError: too much failed, patience with the server is spent, or the disk refuses.
            TransportError: nothing at all could be fetched: the network or the server is down.
        """
        pool = ThreadPoolExecutor(self._connections, thread_name_prefix="fill")
        pending = {pool.submit(self._bounds, group): group for group in groups}
        try:
            while pending:
                done, _ = wait(pending, timeout=_TURN_S, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take(pending.pop(future), future)
                self._tell(len(groups))
        finally:
            if pending:
                self._transport.close()
            pool.shutdown(wait=True, cancel_futures=True)
        self._see_network()

    def _bounds(self, group: UnboundedRowGroup) -> _Found:
        """Return the bounds of a row group: what a thread does."""
        location = below(self._base_url, group.path)
        if group.keys is None:
            raise FormatError(group.trouble)
        if group.index_range is not None:
            found = bounds_in_index(self._transport.read_range(location, *group.index_range))
            if found is not None:
                return _Found(found, True)

        def read(start: int, stop: int) -> bytes:
            return self._transport.read_range(location, start, stop)

        return _Found(bounds_of_keys(group.keys, group.num_rows, read, group.path), False)

    def _take(self, group: UnboundedRowGroup, future: Future[_Found]) -> None:
        """Enter what a thread found, or take note of why it found nothing."""
        try:
            bounds, by_page_index = future.result()
        except CctrawlError as error:
            if verdict_of(error) == STOP:
                raise
            self._give_up(group, error)
            return
        try:
            put_computed_bounds(self._index, group.file, group.row_group, *bounds)
        except TransportError as error:  # the disk would refuse the next ones, too
            hints = (error.hint, RESUME_HINT)
            raise AbortedError(str(error), hint="; ".join(filter(None, hints))) from error
        self.filled += 1
        self.by_page_index += by_page_index
        self._share.succeeded()

    def _give_up(self, group: UnboundedRowGroup, error: CctrawlError) -> None:
        failure = FillFailure(group.path, group.row_group, failure_kind(error, damaged="damaged"), str(error))
        self.failures.append(failure)
        if self._topics.is_due(f"failed: {failure.kind}"):
            self._progress.note(f"failed ({failure.kind}): {error}")
        self._share.failed(str(error))

    def _tell(self, total: int) -> None:
        while self._events:
            event = self._events.popleft()
            if self._topics.is_due(event.kind):
                self._progress.note(str(event))
        counters = self._transport.counters.snapshot()
        troubles = {"failed": len(self.failures), "retries": counters.retries, "refusals": counters.refusals}
        self._progress.update(
            Snapshot(
                total=total,
                done=self.filled,
                finished=self.filled + len(self.failures),
                source_bytes=counters.bytes_received,
                steps={"requests": counters.requests},
                results={},
                troubles=troubles,
                noun="row groups",
            )
        )

    def _see_network(self) -> None:
        """Blame the network, not the files, if nothing else was to be seen.

        Raises:
            TransportError: every row group failed for the network.
        """
        if not self.filled and self.failures and all(row.kind == "network" for row in self.failures):
            raise TransportError(
                f"nothing can be fetched: {self.failures[-1].message}",
                hint="check the network and --base-url; the same command goes on",
            )
