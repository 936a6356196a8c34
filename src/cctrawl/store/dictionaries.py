"""Small footers: one of each crawl serves as the dictionary with which its sisters are compressed.

The footers of a crawl share the names, types and encodings of all columns; with zstd and a raw sister at hand only
what differs is kept: sizes, offsets and bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cctrawl.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import zstandard

    from cctrawl.store.index import IndexFile

_LEVEL = 4  # a little more would cost half as much time again, for 4 % less
_KEPT_CRAWLS = 8  # files come in the order of their crawls: a few are in flight at once


@dataclass(eq=False)
class Dictionary:
    """A raw footer that helps to compress others.

    Attributes:
        crawl: the crawl that it is of.
        data: the footer.
        id: its id in the index; ``None`` until it is entered there, with the first footer that needs it.
    """

    crawl: str
    data: bytes
    id: int | None = None


class Press:
    """Compresses footers, the first of a crawl being the dictionary of all. Not safe for threads.

    Args:
        index: whose dictionaries are used further.

    Raises:
        CctrawlError: the index cannot be read.
    """

    def __init__(self, index: IndexFile) -> None:
        query = "SELECT crawl, data, id FROM dictionary ORDER BY id"
        self._known = {crawl: Dictionary(crawl, data, number) for crawl, data, number in index.read(query)}
        self._compressors: dict[str, zstandard.ZstdCompressor] = {}

    def packed(self, crawl: str, footers: Sequence[bytes]) -> tuple[list[bytes], Dictionary]:
        """Return footers of a crawl (at least one), compressed, and what they need to be read again."""
        dictionary = self._known.get(crawl)
        if dictionary is None:
            dictionary = self._known[crawl] = Dictionary(crawl, footers[0])
        # All in one call: other threads can go on meanwhile, and none waits for a turn of theirs in between.
        segments = self._compressor(dictionary).multi_compress_to_buffer(list(footers))
        return [segments[number].tobytes() for number in range(len(segments))], dictionary

    def _compressor(self, dictionary: Dictionary) -> zstandard.ZstdCompressor:
        found = self._compressors.get(dictionary.crawl)
        if found is None:
            import zstandard  # noqa: PLC0415 - slow to load, and only here

            raw = zstandard.ZstdCompressionDict(dictionary.data, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            raw.precompute_compress(level=_LEVEL)
            found = zstandard.ZstdCompressor(level=_LEVEL, dict_data=raw, write_checksum=True)
            while len(self._compressors) >= _KEPT_CRAWLS:
                self._compressors.pop(next(iter(self._compressors)))
            self._compressors[dictionary.crawl] = found
        return found


class Dictionaries:
    """The dictionaries of an index, and what they serve for when footers are read.

    Args:
        index: the index.
    """

    def __init__(self, index: IndexFile) -> None:
        self._index = index
        self._decompressors: dict[int | None, zstandard.ZstdDecompressor] = {}

    def unpacked(self, data: bytes, dictionary: int | None, name: str) -> bytes:
        """Return a footer as it was fetched.

        Args:
            data: what the index holds.
            dictionary: the id of its dictionary.
            name: the file, for errors.

        Raises:
            FormatError: it cannot be read.
        """
        import zstandard  # noqa: PLC0415 - slow to load, and only here

        try:
            return self._decompressor(dictionary).decompress(data)
        except zstandard.ZstdError as error:
            raise FormatError(
                f"the held footer of {name} is damaged: {error}",
                hint="is the disk sound? Harvest into a new --data-dir",
            ) from error

    def _decompressor(self, dictionary: int | None) -> zstandard.ZstdDecompressor:
        import zstandard  # noqa: PLC0415 - slow to load, and only here

        found = self._decompressors.get(dictionary)
        if found is None:
            rows = [data for (data,) in self._index.read("SELECT data FROM dictionary WHERE id = ?", (dictionary,))]
            raw = zstandard.ZstdCompressionDict(rows[0] if rows else b"", dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            found = self._decompressors[dictionary] = zstandard.ZstdDecompressor(dict_data=raw)
        return found
