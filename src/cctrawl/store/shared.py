"""One opened index for all threads of a search: to open it takes longer than what is asked of it, as a rule."""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cctrawl.errors import TransportError
from cctrawl.store.index import open_index

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from cctrawl.store.index import IndexFile


class SharedIndex:
    """The index of one origin, opened when it is first used; safe for threads, which take turns.

    It is closed by `close`, or when nobody has it any more.

    Args:
        data_dir: the data folder.
        base_url: the settings' base URL.
    """

    def __init__(self, data_dir: str | os.PathLike[str], base_url: str) -> None:
        self._data_dir = data_dir
        self._base_url = base_url
        self._lock = threading.Lock()
        self._index: IndexFile | None = None
        self._close: Callable[[], object] | None = None
        self._is_closed = False

    @contextmanager
    def use(self) -> Iterator[IndexFile]:
        """Hand out the index while no other thread has it: not for longer than a question or a change takes.

        Raises:
            TransportError: it is closed.
            CctrawlError: as `open_index`.
        """
        with self._lock:
            if self._is_closed:
                raise TransportError("the index is closed")
            if self._index is None:
                self._index = open_index(self._data_dir, self._base_url)
                self._close = weakref.finalize(self, self._index.close)
            yield self._index

    def close(self) -> None:
        """Close it; may be called twice."""
        with self._lock:
            self._is_closed = True
            if self._close is not None:
                self._close()
