"""The harvester: threads fetch footers, one writer distils them and enters them into the store, many at once.

The threads do nothing but fetch. What they bring is distilled many at a time: between two requests it would take
twice as long, for 64 threads take the caches and the interpreter from each other.

It has a bounded number of footers in flight, so memory does not grow with the number of files. What a failure means
is decided as in a run: try again (``transport`` does), give the file up, or stop with everything kept.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from cctrawl.errors import AbortedError, CctrawlError, TransportError
from cctrawl.failures import RESUME_HINT, STOP, FailureShare, verdict_of
from cctrawl.index.fetcher import FetchedFooter, failure_kind, footer_row
from cctrawl.index.one_core import one_core
from cctrawl.progress import Snapshot, Topics
from cctrawl.store import FailureRow, put_footers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cctrawl.index.fetcher import FooterFetcher, IndexedFile
    from cctrawl.progress import Progress
    from cctrawl.store import IndexFile
    from cctrawl.transport import Transport, TransportEvent

_TURN_S = 0.05
_COMMIT_S = 1.0  # at 10 requests a second, ten sisters are compressed together
_COMMIT_FOOTERS = 256
_COMMIT_BYTES = 32 * 2**20  # of footers; 256 usual ones have half of that
_WAITING_BYTES = 16 * 2**20  # of footers that wait for the writer: those may have 16 MiB each
_RESULT_BYTES = 2**10  # what a result takes besides the footer


class _Results(queue.Queue[tuple["IndexedFile", "FetchedFooter | Exception"]]):
    """What threads hand to the writer; bounded by bytes, so it takes one too many and then none."""

    def _init(self, maxsize: int) -> None:  # noqa: ARG002 - the signature of queue.Queue
        self._waiting: deque[tuple[IndexedFile, FetchedFooter | Exception]] = deque()
        self._waiting_bytes = 0

    def _qsize(self) -> int:
        return self._waiting_bytes

    def _put(self, item: tuple[IndexedFile, FetchedFooter | Exception]) -> None:
        self._waiting.append(item)
        self._waiting_bytes += _size_bytes(item[1])

    def _get(self) -> tuple[IndexedFile, FetchedFooter | Exception]:
        item = self._waiting.popleft()
        self._waiting_bytes -= _size_bytes(item[1])
        return item


class Harvester:
    """Fetches the footers of files into an index.

    Args:
        index: where they go; written by the thread that calls `run` alone.
        fetcher: fetches one.
        transport: what the fetcher asks with; closed when the harvest ends early, to wake threads that wait.
        progress: where the harvest tells how far it is.
        connections: threads, and so connections.
        max_failures: the share of the last 200 files that may fail; more (and at least 20) stop the harvest.

    Attributes:
        fetched: footers that are entered.
        row_groups: row groups of them.
        failures: files that were given up.
        undecodable: files whose footer is entered but cannot be decoded.
    """

    def __init__(
        self,
        index: IndexFile,
        fetcher: FooterFetcher,
        transport: Transport,
        progress: Progress,
        *,
        connections: int,
        max_failures: float,
    ) -> None:
        self._index = index
        self._fetcher = fetcher
        self._transport = transport
        self._progress = progress
        self._connections = connections
        self._share = FailureShare(max_failures, "the same command")
        self._results = _Results(_WAITING_BYTES)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._footers: list[tuple[IndexedFile, FetchedFooter]] = []  # fetched, not entered yet
        self._footers_bytes = 0
        self._failed: list[FailureRow] = []
        self._commit_at = 0.0
        self._events: deque[TransportEvent] = deque(maxlen=100)
        self._topics = Topics()
        self.fetched = self.row_groups = 0
        self.failures: list[FailureRow] = []
        self.undecodable: list[tuple[str, str]] = []

    def hear(self, event: TransportEvent) -> None:
        """Take note of a refusal, block or retry, to be told by the next `run` turn; from any thread."""
        self._events.append(event)

    def run(self, files: Sequence[IndexedFile], held: int) -> None:
        """Fetch until every file is held or given up. Whatever ends it early, what was fetched is entered.

        Args:
            files: the files that are missing.
            held: how many others are held, to be told along.

        Raises:
            AbortedError: too much failed, patience with the server is spent, or the disk refuses.
            TransportError: nothing at all could be fetched: the network or the server is down.
        """
        todo = iter(files)
        threads = [
            threading.Thread(target=self._work, args=(todo,), name=f"harvest-{number}", daemon=True)
            for number in range(min(self._connections, len(files)))
        ]
        with one_core():
            try:
                for thread in threads:
                    thread.start()
                self._follow(threads, held, held + len(files))
            except AbortedError as error:
                self._see_network(error)
                raise
            finally:
                self._wind_up(threads)
        self._see_network(None)

    def _work(self, todo: Iterator[IndexedFile]) -> None:
        """Fetch one file after the other: the life of a thread."""
        while not self._stopping.is_set():
            with self._lock:
                file = next(todo, None)
            if file is None:
                return
            result: FetchedFooter | Exception
            try:
                result = self._fetcher.fetch(file)
            except Exception as error:  # noqa: BLE001 - handed to the writer, which raises what is none of ours
                if self._stopping.is_set():
                    return  # the transport was closed under it: no fault of the file
                result = error
            self._results.put((file, result))

    def _follow(self, threads: list[threading.Thread], held: int, total: int) -> None:
        """Enter what comes until all threads are done."""
        self._commit_at = time.monotonic() + _COMMIT_S
        while any(thread.is_alive() for thread in threads) or not self._results.empty():
            time.sleep(_TURN_S)  # not one by one: each result would cost a switch of threads
            self._take()
            is_batch = len(self._footers) >= _COMMIT_FOOTERS or self._footers_bytes >= _COMMIT_BYTES
            if is_batch or time.monotonic() >= self._commit_at:
                self._commit()
            self._progress.update(self._snapshot(held, total))
        self._commit()

    def _accept(self, file: IndexedFile, footer: FetchedFooter) -> None:
        self._footers.append((file, footer))
        self._footers_bytes += len(footer.data)

    def _take(self) -> None:
        """Take the results there are, up to what a transaction may hold, and say what is to be said."""
        while self._footers_bytes < _COMMIT_BYTES:
            try:
                file, result = self._results.get_nowait()
            except queue.Empty:
                break
            if isinstance(result, FetchedFooter):
                self._accept(file, result)
                self._share.succeeded()
            elif isinstance(result, CctrawlError):
                self._give_up(file, result)
            else:
                raise result
        while self._events:
            event = self._events.popleft()
            if self._topics.is_due(event.kind):
                self._progress.note(str(event))

    def _give_up(self, file: IndexedFile, error: CctrawlError) -> None:
        if verdict_of(error) == STOP:
            raise error
        row = FailureRow(file.path, file.crawl, file.subset, failure_kind(error, damaged="no footer"), str(error))
        self._failed.append(row)
        self.failures.append(row)
        if self._topics.is_due(f"failed: {row.kind}"):
            self._progress.note(f"failed ({row.kind}): {error}")
        self._share.failed(str(error))

    def _commit(self) -> None:
        """Distil what was fetched since the last time, and enter it."""
        self._commit_at = time.monotonic() + _COMMIT_S
        if not self._footers and not self._failed:
            return
        footers = [footer_row(file, found) for file, found in self._footers]
        try:
            put_footers(self._index, footers, self._failed)
        except CctrawlError as error:
            self._forget()  # the disk would refuse them again
            hints = (error.hint, RESUME_HINT)
            raise AbortedError(str(error), hint="; ".join(filter(None, hints))) from error
        self._forget()
        self.fetched += len(footers)
        self.row_groups += sum(len(row.groups) for row in footers)
        for row in footers:
            if row.error is not None:
                self.undecodable.append((row.path, row.error))
                self._progress.note(f"cannot be decoded, but is held: {row.error}")

    def _forget(self) -> None:
        self._footers, self._failed, self._footers_bytes = [], [], 0

    def _wind_up(self, threads: list[threading.Thread]) -> None:
        """End all threads and enter what they have fetched."""
        self._stopping.set()
        if any(thread.is_alive() for thread in threads):
            self._transport.close()
        while any(thread.is_alive() for thread in threads) or not self._results.empty():
            try:
                file, result = self._results.get(timeout=_TURN_S)
            except queue.Empty:
                continue
            if isinstance(result, FetchedFooter):
                self._accept(file, result)
        self._commit()

    def _see_network(self, ended_by: AbortedError | None) -> None:
        """Blame the network, not the files, if nothing else was to be seen.

        Raises:
            TransportError: every file failed for the network.
        """
        if self.fetched or self._footers or not self.failures:
            return
        if all(row.kind == "network" for row in self.failures):
            raise TransportError(
                f"no footer can be fetched: {self.failures[-1].message}",
                hint="check the network and --base-url; the same command goes on",
            ) from ended_by

    def _snapshot(self, held: int, total: int) -> Snapshot:
        counters = self._transport.counters.snapshot()
        done = held + self.fetched
        return Snapshot(
            total=total,
            done=done,
            finished=done + len(self._footers) + len(self.failures),
            source_bytes=counters.bytes_received,
            steps={"requests": counters.requests},
            results={"row groups": self.row_groups},
            troubles={
                "failed": len(self.failures),
                "retries": counters.retries,
                "refusals": counters.refusals,
            },
        )


def _size_bytes(result: FetchedFooter | Exception) -> int:
    return _RESULT_BYTES + (len(result.data) if isinstance(result, FetchedFooter) else 0)
