"""The slow path of packed sources: everything that is not one whole record per sound gzip member.

Members (gzip's, or zstd's frames) of any size are read piece by piece: records across members, many records in a
member, and damage, behind which the next sound record is found. What a member yields last is held back until its
check sum has been checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.warc.framing import FULL_GAP, Frame, Junk
from cctrawl.warc.heads import MAX_HEAD_BYTES
from cctrawl.warc.members import frame_record, is_wanted
from cctrawl.warc.packing import PROBE_BYTES, BrokenMemberError, inflates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cctrawl.warc.damage import Losses
    from cctrawl.warc.framing import Framer
    from cctrawl.warc.members import Want
    from cctrawl.warc.packing import Packing
    from cctrawl.warc.records import Record
    from cctrawl.warc.window import Window

_INPUT_BYTES = 1 << 16
_PIECE_BYTES = 1 << 18
_REWIND_BYTES = 4 << 20  # kept behind the reading position: a member lost in a damaged one is looked for there

# Inflated again and again in one damaged stretch, as members may be faked inside each other: some seconds at worst.
# Beyond it reading goes on without looking back, and a record in there may be lost, with the stretch reported.
_MOST_REREAD_BYTES = 8 << 30


class _TruncatedMemberError(BrokenMemberError):
    """The source ends before the member does."""


class Inflated:
    """Records of members of any size, read piece by piece.

    Args:
        window: the compressed source.
        packing: how it is compressed.
        want: asked with each record's head; None takes all.
        filename: for the records.
        framer: cuts the records out; as many inflated bytes as it takes for a record at most, without a record,
            are damage.
        losses: hears of damage.
    """

    def __init__(  # noqa: PLR0917 - made by the reader alone
        self,
        window: Window,
        packing: Packing,
        want: Want | None,
        filename: str,
        framer: Framer,
        losses: Losses,
    ) -> None:
        self._window = window
        self._packing = packing
        self._want = want
        self._filename = filename
        self._budget_bytes = framer.max_record_bytes + MAX_HEAD_BYTES + _PIECE_BYTES
        self._losses = losses
        self._framer = framer
        self._pending: list[Frame | Junk] = []  # seen in the member being read, not yet verified
        self._members: list[tuple[int, int]] = []  # positions in the inflated stream, offsets in the source
        self._read_stop = 0  # how far in the source any member was inflated
        self._reread_bytes = 0  # inflated in this damaged stretch from before there
        self._unframed_bytes = 0  # inflated in this member since the last record
        self._wanted_offset: int | None = None  # of the member at whose begin a record is that was asked about
        self._position = 0  # how many bytes have been inflated
        self.offset = 0  # how far in the source that is

    @property
    def recognized(self) -> bool:
        """Whether anything so far looked like WARC."""
        return self._framer.recognized

    def records(self, offset: int, wanted_offset: int | None = None) -> Iterator[Record]:
        """Yield records from the member at ``offset`` on, until between two sound members, or to the end.

        ``want`` is not asked again about the record at the begin of the member at ``wanted_offset``. Afterwards the
        attribute ``offset`` tells where that is.
        """
        self.offset = offset
        self._wanted_offset = wanted_offset
        while self._fill(1):
            begin = self.offset
            if not (self._fill(4) and self._packing.is_header(self._window.buf, begin - self._window.base)):
                self._abandon(f"no {self._packing.member}", begin)
                continue
            try:
                yield from self._member(begin)
            except _TruncatedMemberError as broken:
                # what came before the cut is sound, if its final blank line came, too
                events = self._framer.finish()
                yield from self._take(e for e in events if isinstance(e, Junk) or e.gap == FULL_GAP)
                yield from self._release()
                self._abandon(str(broken), begin)
            except BrokenMemberError as broken:
                yield from self._take(self._framer.settle())
                self._abandon(str(broken), begin)
            else:
                if self._framer.is_clean and not self._losses.is_open:
                    self._members.clear()
                    return
        yield from self._take(self._framer.finish())
        yield from self._release()
        self._losses.close(self._window.stop)

    def _member(self, begin: int) -> Iterator[Record]:
        """Read one member to its end; raises where it cannot be read."""
        position = self._position
        self._members.append((position, begin))
        for piece in self._pieces(begin):
            if self._position == position + len(piece) and self._framer.begins(piece):
                # a record begins here, so the one before did not go on in this member
                yield from self._take(self._framer.finish())
            yield from self._take(self._framer.feed(piece))
        yield from self._take(self._framer.settle())
        last = self._pending[-1] if self._pending else None
        if isinstance(last, Frame) and last.position == position and self._framer.is_clean:
            yield from self._release(member_length=self.offset - begin)
        else:
            yield from self._release()

    def _pieces(self, begin: int) -> Iterator[bytes]:
        """Inflate the member at ``begin``; the first piece shows whether a record begins in it."""
        inflater = self._packing.inflater()
        self._unframed_bytes = 0
        held = b""
        while not inflater.ended:
            at = self.offset - self._window.base
            given = self._window.buf[at : at + _INPUT_BYTES]
            try:
                piece, taken_bytes = inflater.inflate(given, _PIECE_BYTES)
            except BrokenMemberError as broken:
                self._advance(broken.taken_bytes, len(broken.salvaged))
                yield held + broken.salvaged
                raise
            self._advance(taken_bytes, len(piece))
            self._unframed_bytes += len(piece)
            if self._unframed_bytes > self._budget_bytes:
                raise BrokenMemberError(
                    f"a {self._packing.member} with {self._unframed_bytes} inflated bytes in no record"
                )
            held += piece
            if held and (inflater.ended or self._framer.begins(held) is not None):
                yield held
                held = b""
            keep_from = max(begin, self.offset - _REWIND_BYTES)
            if not (piece or given or inflater.ended or self._window.extend(keep_from)):
                raise _TruncatedMemberError(f"a {self._packing.member} cut short")

    def _advance(self, taken_bytes: int, inflated_bytes: int) -> None:
        if self.offset < self._read_stop:
            self._reread_bytes += inflated_bytes
        self.offset += taken_bytes
        self._position += inflated_bytes

    def _take(self, events: Iterator[Frame | Junk]) -> Iterator[Record]:
        """Hold the last record back: those before it are let go when it appears."""
        for event in events:
            if isinstance(event, Frame):
                yield from self._release()
                self._unframed_bytes = 0
            elif self._pending and isinstance(self._pending[-1], Junk):
                continue  # the stretch is known to be damaged already
            self._pending.append(event)

    def _release(self, member_length: int | None = None) -> Iterator[Record]:
        """Let go of what was held back, in order."""
        pending, self._pending = self._pending, []
        for event in pending:
            offset = self._offset_of(event.position)
            if isinstance(event, Junk):
                self._losses.open(event.reason, offset, event.position)
                continue
            self._losses.close(offset, event.position)
            # 2: the other line end was counted as the block's; the check sum says that nothing is missing
            if event.gap < 2:
                self._losses.report("a record whose Content-Length or final blank line is off", offset)
            record = frame_record(event, offset, member_length, self._filename)
            asked = offset == self._wanted_offset and event.position == self._members[0][0]
            if asked or is_wanted(record, self._want):
                yield record

    def _offset_of(self, position: int) -> int:
        """Return where the member begins that holds ``position`` of the inflated stream."""
        while len(self._members) > 1 and self._members[1][0] <= position:
            del self._members[0]
        return self._members[0][1]

    def _abandon(self, reason: str, begin: int) -> None:
        """Give up the stretch at ``begin``, and what is held because of it; go to the next member."""
        if not self._losses.is_open:
            self._reread_bytes = 0
        self._read_stop = max(self._read_stop, self.offset)
        position = self._pending[0].position if self._pending else self._framer.position
        nothing_held = not self._pending and self._framer.is_clean
        self._losses.open(reason, begin if nothing_held else self._offset_of(position), position)
        self._pending.clear()
        self._framer.lose()
        self._position = self._framer.position
        self._members.clear()
        rewinds = self._reread_bytes < _MOST_REREAD_BYTES
        self.offset = self._next_member(begin + 1 if rewinds else max(begin + 1, self.offset))

    def _next_member(self, offset: int) -> int:
        """Return where the next gzip member seems to begin; the source's end if there is none."""
        window = self._window
        offset = max(offset, window.base)
        while True:
            for begin in self._packing.headers(window.buf, offset - window.base):
                self.offset = window.base + begin
                rebased = window.base
                self._fill(PROBE_BYTES)
                at = self.offset - window.base
                if inflates(self._packing, window.buf[at : at + PROBE_BYTES]):
                    return self.offset
                if window.base != rebased:
                    offset = self.offset + 1
                    break
            else:
                offset = max(offset, window.stop - 3)
                if not window.extend(offset):
                    return window.stop

    def _fill(self, wanted_bytes: int) -> bool:
        """Whether the source has ``wanted_bytes`` more; they are in the window then."""
        while self._window.stop - self.offset < wanted_bytes:
            if not self._window.extend(self.offset):
                return False
        return True
