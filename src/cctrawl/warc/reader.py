"""``read_records``: the way in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, final
from urllib.parse import unquote, urlsplit

from cctrawl.errors import FormatError, InvalidInputError
from cctrawl.settings import Settings, path_text
from cctrawl.warc.damage import Losses
from cctrawl.warc.formats import HINT, recognize
from cctrawl.warc.members import Members
from cctrawl.warc.packing import Gzip
from cctrawl.warc.plain import Plain
from cctrawl.warc.streaming import Inflated
from cctrawl.warc.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from cctrawl.transport import Transport
    from cctrawl.warc.damage import OnDamage
    from cctrawl.warc.framing import Framer
    from cctrawl.warc.heads import RecordHead
    from cctrawl.warc.members import Want
    from cctrawl.warc.records import Record
    from cctrawl.warc.window import Readable

    Source = str | os.PathLike[str] | Readable

MAX_RECORD_BYTES = 256 << 20
CHUNK_BYTES = 1 << 20
_LOOKED_AT_BYTES = 512
_SNIFFED_BYTES = 1 << 20  # ... where they do not tell


def read_records(
    source: Source,
    want: Want | None = None,
    on_damage: OnDamage = "raise",
    *,
    settings: Settings | None = None,
    transport: Transport | None = None,
    max_record_bytes: int = MAX_RECORD_BYTES,
    chunk_bytes: int = CHUNK_BYTES,
) -> RecordReader:
    """Read a WARC, WAT, WET or ARC file, packed by gzip or zstd or plain, record by record, in stored order.

    Lazy: the source is opened now, and read as the records are asked for. Memory holds a few ``chunk_bytes`` and
    one record.

    Args:
        source: a path, a URL, a path as listed by Common Crawl (``crawl-data/...``), or any binary object with
            ``read(n)``, which is read sequentially and left open.
        want: asked with each ``RecordHead`` before the body is inflated; False leaves the record out. The body of
            a record left out is not checked for damage.
        on_damage: ``"raise"``; ``"skip"``: count it in ``damaged_count`` and read on at the next sound record; or a
            function called with each ``Damage``, after which reading goes on as well.
        settings: for opening a path or URL; the ones in force by default.
        transport: opens a path or URL; one of its own by default.
        max_record_bytes: a record that declares or inflates to more is damage.
        chunk_bytes: how much is read at a time.

    Returns:
        An iterator of ``Record``, to be used in ``with`` or read to its end.

    Raises:
        FormatError: while reading: the source is no WARC, or damaged and ``on_damage`` is ``"raise"``.
        InvalidInputError: an argument that cannot be.
        NotFoundError: no such file.
        TransportError: now or while reading: the bytes did not come.
    """
    if isinstance(source, (str, os.PathLike)):
        stream, filename, close = _open(path_text(source), settings, transport)
    elif hasattr(source, "read"):
        stream, filename, close = source, _name_of(source), None
    else:
        raise InvalidInputError(
            f"cannot read records from {type(source).__name__}",
            hint="give a path, a URL or an object with read(n)",
        )
    window = Window(stream, max(1, chunk_bytes))
    return RecordReader(window, filename, close, want, on_damage, max_record_bytes)


def _open(
    source: str, settings: Settings | None, transport: Transport | None
) -> tuple[Readable, str, Callable[[], None]]:
    from cctrawl.transport import Transport, locate  # noqa: PLC0415 - not needed to read from a file object

    settings = settings or Settings.resolve()
    own = None if transport is not None else Transport(settings)
    opener = transport or own
    assert opener is not None  # noqa: S101 - one of the two, by the line above
    try:
        stream = opener.open_stream(locate(source, settings.base_url))
    except BaseException:
        if own is not None:
            own.close()
        raise

    def close() -> None:
        stream.close()
        if own is not None:
            own.close()

    return stream, _last_part(source), close


def _last_part(source: str) -> str:
    path = unquote(urlsplit(source).path) if "://" in source else source
    return os.path.basename(path)  # noqa: PTH119 - of a URL's path too, on any platform


def _name_of(source: object) -> str:
    name = getattr(source, "name", "")
    return _last_part(name) if isinstance(name, str) else ""


@final
class RecordReader:
    """An iterator of the records of one source; ``read_records`` makes it.

    Use it in ``with``, or read it to its end: either closes what ``read_records`` opened.

    Attributes:
        filename: the source's name, or "".
        records_read: records handed out so far, and those that ``want`` left out; none that was reported as
            damage.
    """

    def __init__(  # noqa: PLR0917 - made by read_records alone
        self,
        window: Window,
        filename: str,
        close: Callable[[], None] | None,
        want: Want | None,
        on_damage: OnDamage,
        max_record_bytes: int,
    ) -> None:
        self.filename = filename
        self.records_read = 0
        self._window = window
        self._close = close
        self._want = want and self._counted(want)
        self._max_record_bytes = max_record_bytes
        try:
            self._losses = Losses(on_damage, filename)
        except InvalidInputError:
            self.close()
            raise
        self._records: Iterator[Record] = self._read()

    @property
    def damaged_count(self) -> int:
        """How many damaged stretches have been met so far."""
        return self._losses.count

    @property
    def bytes_read(self) -> int:
        """How many bytes of the source (compressed, as stored) have been read so far."""
        return self._window.stop

    def __iter__(self) -> RecordReader:
        return self

    def __next__(self) -> Record:
        try:
            record = next(self._records)
        except BaseException:  # the end, too
            self.close()
            raise
        self.records_read += 1
        return record

    def _counted(self, want: Want) -> Want:
        """Count the records that are left out; those handed out are counted then, for they may be damaged."""

        def counted(head: RecordHead) -> bool:
            wanted = want(head)
            if not wanted:
                self.records_read += 1
            return wanted

        return counted

    def __enter__(self) -> RecordReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading and close what ``read_records`` opened. May be called twice."""
        self._records = iter(())
        close, self._close = self._close, None
        if close is not None:
            close()

    def _read(self) -> Iterator[Record]:
        window = self._window
        while window.stop < _LOOKED_AT_BYTES and window.extend(0):
            pass
        if not window.buf:
            return
        found = recognize(window.buf, self.filename, final=False)
        if found is None:  # damaged, or something else
            while window.stop < _SNIFFED_BYTES and window.extend(0):
                pass
            found = recognize(window.buf, self.filename, final=True)
        assert found is not None  # noqa: S101 - by ``final``
        limit = self._max_record_bytes
        if found.packing == "plain":
            plain = Plain(window, self._want, self.filename, found.framer, limit, self._losses)
            yield from plain.records()
            self._check_recognized(recognized=plain.recognized)
        else:
            yield from self._packed(found.packing, found.framer(limit))

    def _packed(self, packing: Literal["gzip", "zstd"], framer: Framer) -> Iterator[Record]:
        """Take members whole where they are as they should be, and stream what is not."""
        window = self._window
        members, inflated, offset = self._opened(packing, framer)
        begin = offset
        offset = yield from members.records(offset)
        recognized = offset > begin
        while not (window.ended and offset == window.stop):
            yield from inflated.records(offset, members.wanted_offset)
            offset = yield from members.records(inflated.offset)
            recognized = recognized or offset > inflated.offset
        self._check_recognized(recognized=recognized or inflated.recognized)

    def _opened(self, packing: Literal["gzip", "zstd"], framer: Framer) -> tuple[Members, Inflated, int]:
        """Return the fast way and the slow way to read the source, and where its first member begins."""
        window, want, limit = self._window, self._want, self._max_record_bytes
        if packing == "gzip":
            inflated = Inflated(window, Gzip(), want, self.filename, framer, self._losses)
            return Members(window, want, self.filename, limit, type(framer)), inflated, 0
        from cctrawl.warc.zstd import Frames, open_zstd  # noqa: PLC0415 - only where such a file comes

        zstd, begin = open_zstd(window, self.filename)
        inflated = Inflated(window, zstd, want, self.filename, framer, self._losses)
        return Frames(window, zstd, want, self.filename, type(framer), limit), inflated, begin

    def _check_recognized(self, *, recognized: bool) -> None:
        if not recognized and self.damaged_count:
            raise FormatError(
                f"{self.filename or 'the source'} is no WARC: no record was recognized in {self.bytes_read} bytes"
                f" ({self._losses.first_reason})",
                offset=0,
                hint=HINT,
            )
