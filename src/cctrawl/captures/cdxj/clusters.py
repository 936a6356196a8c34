"""What is known of ``cluster.idx`` of all crawls: places in memory, lines in the store. Safe for threads."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cctrawl.captures.cdxj.bisection import Gap, Places
from cctrawl.captures.cdxj.cluster import HeldBlocks, Window
from cctrawl.errors import CctrawlError
from cctrawl.store import (
    ClusterWindow,
    SharedIndex,
    cluster_lines,
    cluster_sizes,
    cluster_windows,
    forget_clusters,
    put_cluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cctrawl.captures.cdxj.bisection import Scale
    from cctrawl.captures.cdxj.cluster import Block
    from cctrawl.settings import Settings
    from cctrawl.store import IndexFile

_PARSED_WINDOWS = 16  # kept parsed, of 256 KiB mostly: half a megabyte each
_WAITING_BYTES = 2**20  # of lines that are not in the data folder yet
_NEAREST = 12  # crawls, in time, are looked at for a guess
_SAMPLE = 8  # of the keys of a query tell whether another crawl knows them

_log = logging.getLogger("cctrawl")


class Clusters:
    """What is held of ``cluster.idx``, of all crawls below a base URL.

    What cannot be kept is not worth an error: it only saves requests.

    Args:
        settings: the settings in force: data folder and base URL; ``refresh`` takes nothing held of a crawl.
        limit_bytes: what the lines that are kept may take in the data folder.

    Raises:
        CctrawlError: the data folder cannot be read.
    """

    def __init__(self, settings: Settings, limit_bytes: int) -> None:
        self._settings = settings
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._pioneer = threading.Lock()
        self._parsed: OrderedDict[tuple[str, int], Sequence[Block]] = OrderedDict()
        self._refreshed: set[str] = set()
        self._waiting: dict[str, list[ClusterWindow]] = {}
        self._index = SharedIndex(settings.data_dir, settings.base_url)
        with self._index.use() as index:
            self._places = {crawl: Places(size) for crawl, size in cluster_sizes(index).items()}
            for crawl, window in cluster_windows(index):
                if crawl in self._places:
                    self._places[crawl].add(Window(*window[:4]))

    def places(self, crawl: str) -> Places | None:
        """Return what is known of a crawl's file; ``None``: not even its size."""
        with self._lock:
            return self._places.get(crawl)

    def begin(self, crawl: str) -> None:
        """Drop what is held of a crawl, once, if all is to be asked for anew."""
        with self._lock:
            is_first = crawl not in self._refreshed
            self._refreshed.add(crawl)
        if is_first and self._settings.refresh:
            self.forget(crawl)

    def forget(self, crawl: str) -> None:
        """Drop all that is held of a crawl."""
        with self._lock:
            self._places.pop(crawl, None)
            self._waiting.pop(crawl, None)
            for key in [key for key in self._parsed if key[0] == crawl]:
                del self._parsed[key]
        self._keep(lambda index: forget_clusters(index, [crawl]))

    def enter(self, crawl: str, size: int, pieces: Sequence[tuple[int, int, bytes, list[Block]]]) -> Places:
        """Enter windows of a crawl's file, and return what is known of it now; `flush` keeps them.

        Args:
            crawl: the crawl.
            size: of its file in bytes.
            pieces: of each window its ``[start, stop)``, lines and blocks.
        """
        with self._lock:
            waiting = self._waiting.setdefault(crawl, [])
            places = self._places.setdefault(crawl, Places(size))
            for start, stop, data, blocks in pieces:
                window = Window(start, stop, blocks[0].key, blocks[-1].key)
                if places.add(window):
                    waiting.append(ClusterWindow(*window, data))
                    self._remember(crawl, start, blocks)
            is_much = sum(len(window.data) for window in waiting) > _WAITING_BYTES
        if is_much:
            self.flush(crawl)
        return places

    def flush(self, crawl: str) -> None:
        """Put what was entered of a crawl into the data folder, all at once: each time takes milliseconds."""
        with self._lock:
            entered = self._waiting.pop(crawl, None)
            places = self._places.get(crawl)
        if entered is not None and places is not None:
            limit = self._limit_bytes
            self._keep(lambda index: put_cluster(index, crawl, places.size, entered, limit_bytes=limit))

    def blocks(self, crawl: str, window: Window) -> Sequence[Block] | None:
        """Return the blocks that a window names; ``None`` if its lines are kept no more."""
        with self._lock:
            blocks = self._parsed.get((crawl, window.start))
        if blocks is not None:
            return blocks
        try:
            with self._index.use() as index:
                data = cluster_lines(index, crawl, window.start)
            if not data:
                return None
            blocks = HeldBlocks(data, window.start, f"what is held of {crawl}'s cluster.idx")
        except CctrawlError as error:
            _log.warning("%s; asking for these lines anew", error)
            return None
        with self._lock:
            self._remember(crawl, window.start, blocks)
        return blocks

    def remember(self, crawl: str, window: Window, blocks: Sequence[Block]) -> None:
        """Take the blocks of a window whose lines were kept no more."""
        with self._lock:
            self._remember(crawl, window.start, blocks)

    def scale(self, crawl: str, key: bytes, gap: Gap) -> Scale:
        """Return by what the place of a key in a crawl's gap is best guessed: another crawl that knows it well.

        Of those that know about as well, for a gap of this length, where the key and the ends of the gap are, that
        nearest in time is taken; the crawl itself if there is none.
        """
        with self._lock:
            others = [name for name, places in self._places.items() if name != crawl and places.windows]
            if not others:
                return self._places[crawl].spot if crawl in self._places else Places(0).spot
            order = sorted([crawl, *others])
            here = order.index(crawl)
            others.sort(key=lambda name: abs(order.index(name) - here))
            share = (gap.stop - gap.start) / max(1, self._places[crawl].size if crawl in self._places else gap.stop)

            def rank(name: str) -> float:
                known = [self._places[name].spot(end).width for end in (key, gap.low, gap.high) if end is not None]
                return round(sum(known) / share, 1)

            return self._places[min(others[:_NEAREST], key=rank)].spot

    def has_model(self, crawl: str) -> bool:
        """Tell whether anything is known of another crawl."""
        with self._lock:
            return any(name != crawl and places.windows for name, places in self._places.items())

    @contextmanager
    def turn(self, crawl: str, keys: Sequence[bytes]) -> Iterator[None]:
        """Let a crawl look for keys: at once if another crawl knows their places, else one crawl after the other.

        So the first one looks alone, and the others begin where it found them.
        """
        if self._guided(crawl, keys):
            yield
            return
        with self._pioneer:
            if not self._guided(crawl, keys):
                yield
                return
        yield

    def _guided(self, crawl: str, keys: Sequence[bytes]) -> bool:
        sample = keys[:: max(1, len(keys) // _SAMPLE)]
        with self._lock:
            return any(
                sum(places.window_of(key) is not None for key in sample) * 2 > len(sample)
                for name, places in self._places.items()
                if name != crawl
            )

    def close(self) -> None:
        """Close the data folder's index; nothing can be looked up afterwards."""
        self._index.close()

    def _remember(self, crawl: str, start: int, blocks: Sequence[Block]) -> None:
        self._parsed[crawl, start] = blocks
        self._parsed.move_to_end((crawl, start))
        while len(self._parsed) > _PARSED_WINDOWS:
            self._parsed.popitem(last=False)

    def _keep(self, change: Callable[[IndexFile], None]) -> None:
        """Change what the data folder holds; that it cannot be changed is told, and costs requests later."""
        try:
            with self._index.use() as index:
                change(index)
        except CctrawlError as error:
            _log.warning("%s; lines of cluster.idx will be asked for again", error)
