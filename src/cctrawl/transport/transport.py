"""The face of this room: a location in, its bytes out, wherever it is."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar, cast

from cctrawl.errors import FormatError, InvalidInputError, TransportError
from cctrawl.transport.coalescing import GAP_BYTES, ByteRange, Span, coalesce
from cctrawl.transport.counters import Counters
from cctrawl.transport.crew import Crew, result_of
from cctrawl.transport.folder import FolderBackend
from cctrawl.transport.folder_writer import FolderWriter
from cctrawl.transport.location import host_of, is_s3, is_url, split_s3
from cctrawl.transport.pacing import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from cctrawl.settings import Settings
    from cctrawl.transport.backend import Backend, FileEntry, Stream, Tail, Writer
    from cctrawl.transport.events import TransportEvent
    from cctrawl.transport.http import HttpBackend
    from cctrawl.transport.s3 import S3Backend

Asking = TypeVar("Asking", bound="HttpBackend")

_PIECE_BYTES = 256 * 2**10
CONNECTIONS = 32
MOST_CONNECTIONS = 128


class Transport:
    """Reads files from URLs, S3 and folders, and writes to the latter two; a context manager, safe for threads.

    There is one for each process; it is never forked.

    A *location* is an absolute folder path or a full URL; ``locate`` makes one. Over HTTP and from S3, broken
    streams go on where they stopped, intermittent failures are tried again, refusals and blocks are waited out, and
    no answer that does not fit the question is handed on as data.

    Every method raises ``NotFoundError`` (nothing there), ``AccessDeniedError`` (not for us), ``InvalidInputError``
    (no location we can read), ``AbortedError`` (patience was spent on blocks) and ``TransportError`` (anything else
    that outlasted all tries).

    Args:
        settings: the settings in force.
        ramp: begin slowly and without burst, for commands that ask long and much (``run``, ``harvest``).
        on_event: called with each refusal, block and retry, in the thread that met it; it must be quick.
        policy: constants of pacing; tests scale them down.
        connections: requests of `read_ranges` and `submit` that go on at once, of all callers together; 1 to 128.

    Raises:
        InvalidInputError: a number of connections that cannot be.

    Attributes:
        counters: what has been done so far.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ramp: bool = False,
        on_event: Callable[[TransportEvent], None] | None = None,
        policy: Policy | None = None,
        connections: int = CONNECTIONS,
    ) -> None:
        if not 1 <= connections <= MOST_CONNECTIONS:
            raise InvalidInputError(f"{connections} connections", hint=f"give 1 to {MOST_CONNECTIONS}")
        self.counters = Counters()
        self._settings = settings
        self._ramp = ramp
        self._on_event = on_event or _ignore
        self._policy = policy or Policy()
        self._folder = FolderBackend(self.counters)
        self._http: HttpBackend | None = None
        self._s3: S3Backend | None = None
        self._crew = Crew(self.read_range, connections)
        self._is_closed = False
        self._lock = threading.Lock()

    def prepare(self, location: str) -> None:
        """Make ready to ask for a location, without asking: what fails here fails for all that lie where it does.

        Raises:
            InvalidInputError: the data folder cannot be used, the extra is missing, or AWS is set up wrongly.
            AccessDeniedError: AWS credentials are configured, but cannot be had.
        """
        self._backend(location)

    def open_stream(self, location: str) -> Stream:
        """Open a file to be read from its beginning to its end; the first request carries no ``Range``."""
        return self._backend(location).open_stream(location)

    def read_range(self, location: str, start: int, stop: int) -> bytes:
        """Return exactly the bytes ``[start, stop)``; ``b""`` for an empty range, without asking."""
        _check_range(start, stop)
        return self._backend(location).read_range(location, start, stop) if start < stop else b""

    def read_ranges(self, ranges: Sequence[ByteRange], *, gap_bytes: int = GAP_BYTES) -> list[bytes]:
        """Return the bytes of many ranges, of any locations, in the order given, with few requests.

        Ranges of one location with at most ``gap_bytes`` between them become one request, up to 16 MiB; requests go
        on side by side, as many as the transport has connections. The first error, in the order of the ranges, ends
        what has not begun, and is raised.
        """
        return [*self.iter_ranges(ranges, gap_bytes=gap_bytes)]

    def iter_ranges(
        self, ranges: Sequence[ByteRange], *, gap_bytes: int = GAP_BYTES
    ) -> Generator[bytes, None, None]:
        """Yield the same, each range as soon as it and those before it are there.

        All are asked for when the first is taken; when the iterator is closed, what has not begun is given up.
        """
        for range_ in ranges:
            _check_range(range_.start, range_.stop)
        spans = coalesce(ranges, gap_bytes)
        span_of = {number: at for at, span in enumerate(spans) for number in span.members}
        with self._reading(spans) as bodies:
            for number, (_, start, stop) in enumerate(ranges):
                at = span_of.get(number)
                yield b"" if at is None else bodies[at]()[start - spans[at].start : stop - spans[at].start]

    @contextmanager
    def _reading(self, spans: Sequence[Span]) -> Iterator[list[Callable[[], bytes]]]:
        """Ask for spans, by threads unless these would bring nothing."""
        if len(spans) == 1 or not any(is_url(span.location) for span in spans):
            yield [cache(partial(self.read_range, span.location, span.start, span.stop)) for span in spans]
            return
        with self._crew.reading(spans) as futures:
            yield [partial(result_of, future) for future in futures]

    def submit(self, span: Span) -> Future[bytes]:
        """Ask for a span as soon as a connection is free, and return at once.

        Its bytes, or its error, come with ``result()``; ``cancel()`` ends it if it has not begun.
        """
        return self._crew.submit(span)

    def read_sized(self, location: str, start: int, stop: int) -> Tail:
        """Return the bytes ``[start, stop)`` and the size of the file; a ``stop`` beyond its end is cut to it.

        Raises:
            InvalidInputError: the range is empty.
        """
        _check_range(start, stop)
        if start == stop:
            raise InvalidInputError(f"an empty range: [{start}, {stop})", hint="give start < stop")
        return self._backend(location).read_sized(location, start, stop)

    def read_tail(self, location: str, length: int) -> Tail:
        """Return the last ``length`` bytes (the whole file, if it is shorter) and the size of the file."""
        if length <= 0:
            raise InvalidInputError(f"no length: {length}", hint="give a length of at least 1")
        return self._backend(location).read_tail(location, length)

    def read_file(self, location: str, *, limit_bytes: int = 256 * 2**20) -> bytes:
        """Return a whole small file, a listing for example.

        Raises:
            FormatError: it is larger than ``limit_bytes``.
        """
        pieces: list[bytes] = []
        with self.open_stream(location) as stream:
            while piece := stream.read(_PIECE_BYTES):
                pieces.append(piece)
                if max(stream.position, stream.size_bytes or 0) > limit_bytes:
                    raise FormatError(f"{location} is larger than {limit_bytes} bytes")
        return b"".join(pieces)

    def size(self, location: str) -> int:
        """Return the size in bytes."""
        return self._backend(location).size(location)

    def put(self, source: Path, location: str) -> None:
        """Write a local file's bytes to a location, in place of what is there.

        Nobody sees less than all of them there, whenever this process dies; when this returns they are there for
        good, and their number has been checked. To S3, files of more than 16 MiB go in parts.

        Raises:
            InvalidInputError: nothing can be written there: HTTP.
            OSError: the source cannot be read.
        """
        self._writer(location).put(source, location)

    def copy(self, source: str, location: str) -> None:
        """Copy a file within folders, or within S3, where its bytes do not come here; as `put`.

        Raises:
            InvalidInputError: the two are of different kinds, or of one that cannot be written.
        """
        if is_url(source) != is_url(location):
            raise InvalidInputError(
                f"cannot copy from {source} to {location}", hint="copy within folders, or within s3://"
            )
        self._writer(source)  # says so if it is of another kind
        self._writer(location).copy(source, location)

    def delete(self, location: str) -> None:
        """Remove a file; one that is not there is as good as removed.

        Raises:
            InvalidInputError: nothing can be removed there: HTTP.
        """
        self._writer(location).delete(location)

    def list_files(self, prefix: str) -> Iterator[FileEntry]:
        """Yield the files whose location begins with a prefix, without those in folders below, in order, lazily.

        A folder or prefix that is not there has no files.

        Raises:
            InvalidInputError: nothing can be listed there: HTTP.
        """
        return self._writer(prefix).list_files(prefix)

    def drop_unfinished(self, prefix: str) -> None:
        """Remove what writes that died left behind below a folder or prefix; nobody else must write there now."""
        self._writer(prefix).drop_unfinished(prefix)

    def close(self) -> None:
        """Close connections and wake threads that wait; may be called twice. Nothing can be asked afterwards."""
        with self._lock:
            self._is_closed = True
            opened, self._http, self._s3 = (self._http, self._s3), None, None
        self._crew.close()
        for backend in opened:
            if backend is not None:
                backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _writer(self, location: str) -> Writer:
        if location.startswith(("http://", "https://")):
            raise InvalidInputError(f"nothing can be written to {location}", hint="use s3://… or a folder")
        backend = self._backend(location)
        return FolderWriter() if backend is self._folder else cast("S3Backend", backend).uploads

    def _backend(self, location: str) -> Backend:
        with self._lock:
            if self._is_closed:
                raise TransportError("the transport is closed")
            if not is_url(location):
                return self._folder
            _check_url(location)
            if is_s3(location):
                from cctrawl.transport.s3 import S3Backend  # noqa: PLC0415 - botocore is slow to load, and an extra

                self._s3 = self._s3 or self._made(S3Backend)
                return self._s3
            from cctrawl.transport.http import HttpBackend  # noqa: PLC0415 - urllib3 is slow to load, folders need none

            self._http = self._http or self._made(HttpBackend)
            return self._http

    def _made(self, kind: type[Asking]) -> Asking:
        return kind(
            self._settings,
            ramp=self._ramp,
            policy=self._policy,
            counters=self.counters,
            on_event=self._on_event,
        )


def _check_range(start: int, stop: int) -> None:
    if not 0 <= start <= stop:
        raise InvalidInputError(f"no range: [{start}, {stop})", hint="give 0 <= start <= stop")


def _check_url(location: str) -> None:
    """Find a URL that we cannot ask for before anything is made for it."""
    if is_s3(location):
        split_s3(location)
        return
    if not location.startswith(("http://", "https://")):
        raise InvalidInputError(f"no location: {location}", hint="use https://…, http://…, s3://… or a path")
    host_of(location)


def _ignore(event: TransportEvent) -> None:
    """Hear of an event and do nothing."""
