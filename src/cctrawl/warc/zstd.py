"""``.warc.zst``: the way into zstd frames, with and without a dictionary.

A frame says how long each of its blocks is, so its end is known without inflating it, and no block inflates to more
than 128 KiB: that bounds what a frame can cost. Sources: RFC 8878, and for the dictionary in a leading skippable
frame https://iipc.github.io/warc-specifications/specifications/warc-zstd/
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import zstandard
from stringzilla import find

from cctrawl.errors import FormatError
from cctrawl.warc.framing import VERSION
from cctrawl.warc.members import WHOLE_MEMBER_BYTES, Members, plain_head
from cctrawl.warc.packing import BrokenMemberError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from cctrawl.warc.framing import Framer
    from cctrawl.warc.heads import RecordHead
    from cctrawl.warc.members import Want
    from cctrawl.warc.records import Record
    from cctrawl.warc.window import Window

MAX_DICTIONARY_BYTES = 16 << 20

_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPED_MAGIC = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5f
_DICTIONARY_MAGIC = b"\x5d\x2a\x4d\x18"
_DICTIONARY_START = b"\x37\xa4\x30\xec"
_BLOCK_BYTES = 128 << 10  # the most that a block inflates to
_WHOLE_FRAME_BYTES = 16 << 20  # one that inflates to more is streamed
_MOST_LOOKED_AT = 64
_MAX_WINDOW_BYTES = 128 << 20  # as the zstd program's own limit
_RLE, _RESERVED = 1, 3


class Zstd:
    """Zstd with the dictionary of one file.

    Args:
        dictionary: empty for none.
    """

    member = "zstd frame"

    def __init__(self, dictionary: bytes = b"") -> None:
        self.has_dictionary = bool(dictionary)
        held = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self.context = zstandard.ZstdDecompressor(dict_data=held, max_window_size=_MAX_WINDOW_BYTES)

    def inflater(self) -> ZstdInflater:
        """Return what inflates the next frame."""
        return ZstdInflater(self)

    def is_header(self, buf: bytes, at: int) -> bool:
        """Whether a frame may begin at ``buf[at]``, one to be skipped included; four bytes are there."""
        return buf.startswith(_MAGIC, at) or is_skipped(buf, at)

    def headers(self, buf: bytes, start: int) -> Iterator[int]:
        """Yield where a frame may begin in ``buf`` from ``start`` on."""
        at: int = find(buf, _MAGIC, start)
        while at >= 0:
            yield at
            at = find(buf, _MAGIC, at + 1)


def is_skipped(buf: bytes, at: int) -> bool:
    """Whether a frame that readers skip begins at ``buf[at]``; four bytes are there."""
    return buf[at] & 0xF0 == 0x50 and buf.startswith(_SKIPPED_MAGIC, at + 1)


def holds_records(start: bytes) -> bool:
    """Whether one of the first frames in ``start`` begins with a WARC record."""
    zstd = Zstd()
    for at in islice(zstd.headers(start, 0), _MOST_LOOKED_AT):
        with suppress(BrokenMemberError):
            piece, _ = zstd.inflater().inflate(start[at : at + 2 * _BLOCK_BYTES], 1)
            if piece.startswith(VERSION):
                return True
    return False


def open_zstd(window: Window, filename: str) -> tuple[Zstd, int]:
    """Return the packing of a source, its dictionary read, and where its first frame of records begins.

    Raises:
        FormatError: the dictionary is damaged or larger than ``MAX_DICTIONARY_BYTES``.
    """
    if not window.buf.startswith(_DICTIONARY_MAGIC):
        return Zstd(), 0
    size = int.from_bytes(window.buf[4:8], "little")
    stop = 8 + size
    name = filename or "the source"
    if size > MAX_DICTIONARY_BYTES:
        raise _unreadable(f"{name}: a zstd dictionary of {size} bytes, more than {MAX_DICTIONARY_BYTES}")
    while window.stop < stop:
        if not window.extend(0):
            raise _unreadable(f"{name}: its zstd dictionary is cut short ({window.stop - 8} of {size} bytes)")
    dictionary = window.buf[8:stop]
    try:
        if dictionary.startswith(_MAGIC):
            dictionary = _inflated_dictionary(dictionary)
        if not dictionary.startswith(_DICTIONARY_START):
            raise _unreadable(f"{name}: what stands at its begin is no zstd dictionary")
        return Zstd(dictionary), stop
    except (zstandard.ZstdError, BrokenMemberError) as error:
        raise _unreadable(f"{name}: its zstd dictionary is damaged ({error})") from None


def _inflated_dictionary(stored: bytes) -> bytes:
    inflater = Zstd().inflater()
    pieces: list[bytes] = []
    room, at = MAX_DICTIONARY_BYTES, 0
    while not inflater.ended and room > 0:
        piece, taken_bytes = inflater.inflate(stored[at:], _BLOCK_BYTES)
        if not taken_bytes:
            raise BrokenMemberError("it is cut short")
        pieces.append(piece)
        room -= len(piece)
        at += taken_bytes
    if room <= 0:
        raise BrokenMemberError(f"it inflates to more than {MAX_DICTIONARY_BYTES} bytes")
    return b"".join(pieces)


def _unreadable(message: str) -> FormatError:
    return FormatError(message, offset=0, hint="nothing in the file can be read without it: get the file anew")


class ZstdInflater:
    """Inflates one frame, block by block, or skips one.

    Args:
        packing: where it comes from.
    """

    def __init__(self, packing: Zstd) -> None:
        self._packing = packing
        self._decompress = packing.context.decompressobj().decompress
        self._held = bytearray()  # of the part that is read next, which is _wanted bytes long
        self._pieces: list[bytes] = []
        self._pieces_bytes = 0
        self._parts = self._read()
        self._wanted = next(self._parts)
        self.ended = False

    def inflate(self, given: bytes, most_bytes: int) -> tuple[bytes, int]:
        """Return what comes out, at most ``most_bytes`` and a block, and how many bytes of ``given`` it took.

        Raises:
            BrokenMemberError: the frame is damaged.
        """
        taken_bytes = self._pieces_bytes = 0
        self._pieces.clear()
        while not self.ended and self._pieces_bytes < most_bytes:
            part = given[taken_bytes : taken_bytes + self._wanted - len(self._held)]
            self._held += part
            taken_bytes += len(part)
            if len(self._held) < self._wanted:
                break
            try:
                self._wanted = self._parts.send(self._take_held())
            except StopIteration:
                self.ended = True
            except (zstandard.ZstdError, BrokenMemberError) as error:
                reason = f"a damaged zstd frame ({error})"
                raise BrokenMemberError(reason, b"".join(self._pieces), taken_bytes) from None
        return b"".join(self._pieces), taken_bytes

    def _take_held(self) -> bytes:
        part = bytes(self._held)
        self._held.clear()
        return part

    def _read(self) -> Generator[int, bytes, None]:
        """Yield how many bytes make the next part of the frame, and be sent them."""
        start = yield 5
        if is_skipped(start, 0):
            size = int.from_bytes(start[4:] + (yield 3), "little")
            while size:
                size -= len((yield min(size, _BLOCK_BYTES)))
            return
        if not start.startswith(_MAGIC):
            raise BrokenMemberError("no magic number")
        header = FrameHeader(start[4])
        if header.has_dictionary and not self._packing.has_dictionary:
            raise BrokenMemberError("it needs the dictionary at the begin of the file it comes from")
        self._put(start + (yield header.more_bytes))
        is_last = False
        while not is_last:
            head = yield 3
            is_last, size = block_size(head, 0)
            self._put(head + (yield size) if size else head)
        if header.has_checksum:
            self._put((yield 4))

    def _put(self, part: bytes) -> None:
        piece = self._decompress(part)
        if piece:
            self._pieces.append(piece)
            self._pieces_bytes += len(piece)


class FrameHeader:
    """What the descriptor of a frame says.

    Attributes:
        more_bytes: how many bytes of the header follow the descriptor, which is its fifth.
        has_checksum: whether four bytes of check sum end the frame.
        has_dictionary: whether it names a dictionary.
    """

    __slots__ = ("has_checksum", "has_dictionary", "more_bytes")

    def __init__(self, descriptor: int) -> None:
        is_single_segment = bool(descriptor & 0x20)
        size_bytes = (int(is_single_segment), 2, 4, 8)[descriptor >> 6]
        self.more_bytes = (not is_single_segment) + (0, 1, 2, 4)[descriptor & 3] + size_bytes
        self.has_checksum = bool(descriptor & 4)
        self.has_dictionary = bool(descriptor & 3)


def block_size(buf: bytes, at: int) -> tuple[bool, int]:
    """Return whether the block at ``buf[at]`` is the last, and how many bytes follow its header.

    Raises:
        BrokenMemberError: no block is like that.
    """
    header = int.from_bytes(buf[at : at + 3], "little")
    kind, size = header >> 1 & 3, header >> 3
    if kind == _RESERVED or size > _BLOCK_BYTES:
        raise BrokenMemberError("no block begins like that")
    return bool(header & 1), 1 if kind == _RLE else size


class Extent(NamedTuple):
    """How far a frame reaches that is in memory.

    Attributes:
        stop: where it ends.
        first_block_stop: where its first block ends.
        most_bytes: how much it inflates to at most.
    """

    stop: int
    first_block_stop: int
    most_bytes: int


def whole_frame(buf: bytes, start: int) -> Extent | None:
    """Return the frame at ``buf[start]``, None if it goes on behind ``buf``.

    Raises:
        BrokenMemberError: there is none.
    """
    if len(buf) - start < 8:
        return None
    if is_skipped(buf, start):
        stop = start + 8 + int.from_bytes(buf[start + 4 : start + 8], "little")
        return Extent(stop, stop, 0) if stop <= len(buf) else None
    if not buf.startswith(_MAGIC, start):
        raise BrokenMemberError("no zstd frame")
    header = FrameHeader(buf[start + 4])
    at = start + 5 + header.more_bytes
    is_last, first_block_stop, most_bytes = False, 0, 0
    while not is_last:
        if at + 3 > len(buf):
            return None
        is_last, size = block_size(buf, at)
        at += 3 + size
        first_block_stop = first_block_stop or at
        most_bytes += _BLOCK_BYTES
    stop = at + (4 if header.has_checksum else 0)
    return Extent(stop, first_block_stop, most_bytes) if stop <= len(buf) else None


class Frames(Members):
    """Records of a source of zstd frames, for as long as they are as they should be: the fast path.

    Args:
        window: the compressed source.
        zstd: how it is compressed.
        want: asked with each record's head, before the rest is inflated where a frame has several blocks.
        filename: for the records.
        max_record_bytes: a longer record is left to ``streaming``.
    """

    def __init__(  # noqa: PLR0917 - made by the reader alone
        self,
        window: Window,
        zstd: Zstd,
        want: Want | None,
        filename: str,
        framer: type[Framer],
        max_record_bytes: int,
    ) -> None:
        super().__init__(window, want, filename, max_record_bytes, framer)
        self._context = zstd.context

    def records(self, offset: int) -> Generator[Record, None, int]:
        """Yield the records of the frames from ``offset`` on.

        Returns:
            The offset of the first frame that needs another look; the source's end if all were fine.
        """
        want = self._want
        self.wanted_offset = None
        while (extent := self._whole_frame(offset)) is not None:
            buf, start = self._window.buf, offset - self._window.base
            length = extent.stop - start
            asked = want is None
            if want is not None:
                head = self._peeked(buf, start, extent, offset)
                if head is not None:
                    asked = want(head)
                    if not asked:
                        offset += length
                        continue
            raw = self._inflated(memoryview(buf)[start : extent.stop], extent)
            frames = None if raw is None else self._whole_frames(raw)
            if frames is None:
                self.wanted_offset = offset if asked else None
                return offset
            yield from self._wanted(frames, offset, length, asked)
            offset += length
        return offset

    def _whole_frame(self, offset: int) -> Extent | None:
        """Return the frame at ``offset``, read into memory; None if there is none that can be taken whole."""
        window = self._window
        while True:
            try:
                extent = whole_frame(window.buf, offset - window.base)
            except BrokenMemberError:
                return None
            if extent is not None or window.stop - offset > WHOLE_MEMBER_BYTES or not window.extend(offset):
                return extent

    def _peeked(self, buf: bytes, start: int, extent: Extent, offset: int) -> RecordHead | None:
        """Return the head of the record in a frame; None if it is not plainly one record, or it does not pay."""
        if extent.first_block_stop >= extent.stop - 4:
            return None  # a single block
        try:
            size = zstandard.frame_content_size(buf[start : start + 18])
            top = self._context.decompressobj().decompress(buf[start : extent.first_block_stop])
        except zstandard.ZstdError:
            return None
        return plain_head(top, size, offset, self._filename)

    def _inflated(self, stored: memoryview, extent: Extent) -> bytes | None:
        """Return what a frame inflates to; None if that is damaged, or too much to hold."""
        if not extent.most_bytes:
            return b""
        try:
            size = zstandard.frame_content_size(stored)
            if (extent.most_bytes if size < 0 else size) > min(extent.most_bytes, _WHOLE_FRAME_BYTES):
                return None
            return self._context.decompress(stored, max_output_size=extent.most_bytes, allow_extra_data=False)
        except zstandard.ZstdError:
            return None
