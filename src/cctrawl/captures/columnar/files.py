"""Index files while their row groups are read: a footer is kept until the last of them is open."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from cctrawl.captures.columnar.group import Group
from cctrawl.index import RowGroupReader, parse_row_group
from cctrawl.transport import ByteRange, below

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cctrawl.captures.columnar.parts import Part
    from cctrawl.index import Decoders, HeldFooters
    from cctrawl.transport import Transport


class OpenFiles:
    """Opens row groups; safe for threads.

    Args:
        parts: those that will be opened, each once.
        footers: hands out footers.
        transport: reads pages.
        base_url: where the paths lie.
        columns: all that groups may be asked for; of others they know nothing.
        decoders: threads that decode columns.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        footers: HeldFooters,
        transport: Transport,
        base_url: str,
        columns: frozenset[str],
        *,
        decoders: Decoders,
    ) -> None:
        self._footers = footers
        self._transport = transport
        self._base_url = base_url
        self._columns = columns
        self._decoders = decoders
        self._left = Counter(part.path for part in parts)
        self._locks = {path: threading.Lock() for path in self._left}
        self._kept: dict[str, bytes] = {}

    def open(self, part: Part) -> Group:
        """Return the columns of a row group.

        Raises:
            FormatError: the footer cannot be decoded, or has no such row group.
            CctrawlError: it cannot be had.
        """
        name = f"row group {part.row_group} of {part.path}"
        with self._locks[part.path]:
            footer = self._kept.get(part.path)
            if footer is None:
                footer = self._footers.footer(part.path, part.crawl, part.subset)
            self._left[part.path] -= 1
            if self._left[part.path]:
                self._kept[part.path] = footer
            else:
                self._kept.pop(part.path, None)
        row_group = parse_row_group(footer, part.row_group, part.path, self._columns)
        location = below(self._base_url, part.path)

        def read(ranges: Sequence[tuple[int, int]]) -> Iterator[bytes]:
            return self._transport.iter_ranges([ByteRange(location, start, stop) for start, stop in ranges])

        constants = {"crawl": part.crawl, "subset": part.subset}
        reader = RowGroupReader(row_group, read, part.path, decoders=self._decoders)
        return Group(reader, row_group, constants, name)
