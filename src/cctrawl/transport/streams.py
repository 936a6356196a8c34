"""A file read over HTTP from beginning to end, over as many connections as it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cctrawl.errors import CctrawlError, TransportError
from cctrawl.transport import answers
from cctrawl.transport.request import ranged
from cctrawl.transport.retries import FAILURES, IntermittentError, UnsatisfiedRangeError, plain

if TYPE_CHECKING:
    from types import TracebackType

    import urllib3
    from typing_extensions import Self

    from cctrawl.transport.http import HttpBackend

# Whoever reads these notices that the end is missing.
_SELF_DELIMITED = (".gz", ".zst", ".bz2", ".parquet", ".json")


class HttpStream:
    """A stream that goes on where its connection broke, as long as the file stays the same.

    Reads whole buffers while all is well; on a resumed connection it takes what has arrived, so that every
    connection, however short-lived, brings the stream forward.

    Args:
        backend: who asks.
        location: the URL.
    """

    def __init__(self, backend: HttpBackend, location: str) -> None:
        self._backend = backend
        self.name = self._location = location
        self._path = urlsplit(location).path
        self._tries = backend.tries(location)
        self._validator: str | None = None
        self.size_bytes: int | None = None
        self.position = 0
        self._is_delimited = True
        self._is_resumed = False
        self._is_closed = False
        self._response = self._open()
        self._opened_at = time.monotonic()
        self._opened_from = 0

    def read(self, length: int) -> bytes:
        """Return 1 to ``length`` bytes, ``b""`` only at the true end."""
        self._check_open()
        if length <= 0:
            return b""
        while True:
            try:
                return self._read_once(length)
            except CctrawlError:  # noqa: PERF203 - rare
                raise
            except FAILURES as error:
                self._check_open()
                self._go_on(error)

    def close(self) -> None:
        """Let go of the connection: back to the pool after the last byte, closed before."""
        self._is_closed = True
        if self.position == self.size_bytes:
            self._response.release_conn()
        else:
            self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise TransportError(f"{self._location} was closed: there is no more to read")

    def _read_once(self, length: int) -> bytes:
        response = self._response
        data = response.read1(length) if self._is_resumed else response.read(length)
        if not data and self.size_bytes is None and not self._is_delimited:
            self._see_end()
        if not data and self.size_bytes is not None and self.position != self.size_bytes:
            raise IntermittentError(f"the connection ended at byte {self.position} of {self.size_bytes}")
        if self.position == 0:
            answers.check_first_bytes(self._path, data)
        self.position += len(data)
        self._backend.counters.add(bytes_received=len(data))
        return data

    def _go_on(self, error: Exception) -> None:
        """Ask for the rest: at once if the connection brought much; if it brought nothing, it is a failed try."""
        self._response.close()
        brought_bytes = self.position - self._opened_from
        if brought_bytes:
            self._tries.progressed(brought_bytes, self._opened_at)
        else:
            self._tries.failed(plain(error))
        if self.position == 0:
            self._response = self._open()
        else:
            self._backend.counters.add(resumed_streams=1)
            self._response = self._resume()
        self._is_resumed = True
        self._opened_at = time.monotonic()
        self._opened_from = self.position

    def _see_end(self) -> None:
        """Find out whether a body without length or chunks is over or broke off: ask for what is behind it.

        Raises:
            IntermittentError: there is more.
            TransportError: the server cannot tell, nor does the file's format show where it ends.
        """

        def accept(response: urllib3.BaseHTTPResponse) -> bool:
            response.close()
            if response.status != 200:
                self._see_continuation(response)
                return False
            self._check_unchanged(answers.validator(response.headers))
            if not self._path.endswith(_SELF_DELIMITED):
                raise TransportError(
                    f"{self._location}: the server tells neither length nor end, and {self.position} bytes may not"
                    " be all",
                    hint="fetch it by other means, check it, and give the local file",
                )
            return True

        rest = ranged(self.position, if_range=self._validator)
        try:
            is_over = self._backend.ask(self._location, accept, rest, tries=self._tries)
        except UnsatisfiedRangeError as error:
            is_over = True
            self._check_size(error.size_bytes)
        if not is_over:
            raise IntermittentError(f"the connection ended at byte {self.position}, and there is more")
        self._check_size(self.position)

    def _open(self) -> urllib3.BaseHTTPResponse:
        def accept(response: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
            if response.status != 200:
                raise IntermittentError(f"status {response.status} to a request for the whole file")
            answers.check_document_type(self._path, response.headers)
            self.size_bytes = answers.content_length(response.headers)
            self._is_delimited = answers.is_delimited(response.headers)
            self._validator = answers.validator(response.headers)
            return response

        return self._backend.ask(self._location, accept, tries=self._tries)

    def _resume(self) -> urllib3.BaseHTTPResponse:
        def accept(response: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
            self._see_continuation(response)
            self._is_delimited = answers.is_delimited(response.headers)
            return response

        try:
            rest = ranged(self.position, if_range=self._validator)
            return self._backend.ask(self._location, accept, rest, tries=self._tries)
        except UnsatisfiedRangeError as error:
            self._check_size(error.size_bytes)
            raise self._changed("has no more bytes") from error

    def _see_continuation(self, response: urllib3.BaseHTTPResponse) -> None:
        """Check that an answer goes on where we are, and learn the size from it."""
        self._check_unchanged(answers.validator(response.headers))
        found = answers.partial(response.status, response.headers)
        if found.start != self.position:
            raise IntermittentError(f"asked for byte {self.position} onwards, got {found}")
        self._check_size(found.size)

    def _check_unchanged(self, validator: str | None) -> None:
        if validator and self._validator and validator != self._validator:
            raise self._changed(f"is now {validator}, was {self._validator}")

    def _check_size(self, size: int | None) -> None:
        if size is not None and self.size_bytes is not None and size != self.size_bytes:
            raise self._changed(f"has {size} bytes now, {self.size_bytes} were announced")
        self.size_bytes = self.size_bytes if size is None else size

    def _changed(self, how: str) -> TransportError:
        return TransportError(
            f"{self._location} changed while it was read, at byte {self.position}: it {how}",
            hint="read it again from the beginning",
        )
