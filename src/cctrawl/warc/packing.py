"""How a source is compressed: what ``streaming`` must know of gzip, and of zstd alike.

A packed source is a row of *members* (gzip's word; zstd calls them frames): each has a header that can be looked
for, and is inflated on its own.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from cctrawl.warc.members import gzip_headers, is_gzip_header

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE_BYTES = 2048


class BrokenMemberError(Exception):
    """A member cannot be inflated to its end.

    Attributes:
        salvaged: what came out of the last bytes given before the error.
        taken_bytes: of how many of them.
    """

    def __init__(self, reason: str, salvaged: bytes = b"", taken_bytes: int = 0) -> None:
        super().__init__(reason)
        self.salvaged = salvaged
        self.taken_bytes = taken_bytes


class Inflater(Protocol):
    """Inflates one member, piece by piece."""

    @property
    def ended(self) -> bool:
        """Whether the member has been inflated to its end, and is sound."""

    def inflate(self, given: bytes, most_bytes: int) -> tuple[bytes, int]:
        """Return what comes out, hardly more than ``most_bytes``, and how many bytes of ``given`` it took.

        Raises:
            BrokenMemberError: the member is damaged.
        """


class Packing(Protocol):
    """A way to compress.

    Attributes:
        member: what a member is called in messages.
    """

    member: str

    def inflater(self) -> Inflater:
        """Return what inflates the next member."""

    def is_header(self, buf: bytes, at: int) -> bool:
        """Whether a member may begin at ``buf[at]``; four bytes are there."""

    def headers(self, buf: bytes, start: int) -> Iterator[int]:
        """Yield where a member may begin in ``buf`` from ``start`` on."""


def inflates(packing: Packing, start: bytes) -> bool:
    """Whether a member seems to begin with ``start``: it inflates without an error, as far as it goes."""
    try:
        packing.inflater().inflate(start[:PROBE_BYTES], PROBE_BYTES)
    except BrokenMemberError:
        return False
    return True


class Gzip:
    """Gzip, RFC 1952."""

    member = "gzip member"

    def inflater(self) -> GzipInflater:
        """Return what inflates the next member."""
        return GzipInflater()

    def is_header(self, buf: bytes, at: int) -> bool:
        """Whether a member may begin at ``buf[at]``; four bytes are there."""
        return is_gzip_header(buf, at)

    def headers(self, buf: bytes, start: int) -> Iterator[int]:
        """Yield where a member may begin in ``buf`` from ``start`` on."""
        return gzip_headers(buf, start)


class GzipInflater:
    """Inflates one gzip member; its CRC-32 and length are checked at the end."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(31)

    @property
    def ended(self) -> bool:
        """Whether the member has been inflated to its end, and is sound."""
        return self._inflater.eof

    def inflate(self, given: bytes, most_bytes: int) -> tuple[bytes, int]:
        """Return at most ``most_bytes`` inflated, and how many bytes of ``given`` they took.

        Raises:
            BrokenMemberError: the member is damaged.
        """
        inflater = self._inflater
        before = inflater.copy()
        try:
            piece = inflater.decompress(given, most_bytes)
        except zlib.error as error:
            raise BrokenMemberError(f"a damaged gzip member ({error})", *_salvaged(before, given)) from None
        return piece, len(given) - len(inflater.unconsumed_tail) - len(inflater.unused_data)


def _salvaged(inflater: zlib._Decompress, given: bytes) -> tuple[bytes, int]:
    """Return what comes out of ``given`` before the error, and of how many bytes: whole records may be in it."""
    sound_bytes, salvaged = 0, b""
    step = len(given)
    while step:
        with suppress(zlib.error):
            longer = min(sound_bytes + step, len(given))
            salvaged = inflater.copy().decompress(given[:longer])
            sound_bytes = longer
        step //= 2
    return salvaged, sound_bytes
