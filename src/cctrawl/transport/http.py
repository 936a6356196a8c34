"""The backend of HTTP and HTTPS."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

import urllib3

from cctrawl.errors import (
    AccessDeniedError,
    CctrawlError,
    InvalidInputError,
    NotFoundError,
    SlowDownError,
    TransportError,
)
from cctrawl.transport import answers
from cctrawl.transport.backend import Tail
from cctrawl.transport.certificates import raise_if_hopeless, wrong_credentials
from cctrawl.transport.governor import Governor
from cctrawl.transport.location import host_of
from cctrawl.transport.pools import Pools
from cctrawl.transport.request import WHOLE_FILE, Request, ranged
from cctrawl.transport.retries import FAILURES, IntermittentError, Tries, UnsatisfiedRangeError, plain
from cctrawl.transport.streams import HttpStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cctrawl.settings import Settings
    from cctrawl.transport.counters import Counters
    from cctrawl.transport.events import TransportEvent
    from cctrawl.transport.pacing import Policy

T = TypeVar("T")
_REDIRECTS = 5


class HttpBackend:
    """Asks servers, as hard as the governor allows, and believes only answers that fit the question.

    Args:
        settings: the settings in force.
        ramp: begin slowly and without burst.
        policy: the governor's constants.
        counters: where everything is counted.
        on_event: who hears of refusals, blocks and retries.
    """

    _refusals: tuple[int, ...] = (403, 429, 503)
    _bundle_variable = ""

    def __init__(
        self,
        settings: Settings,
        *,
        ramp: bool,
        policy: Policy,
        counters: Counters,
        on_event: Callable[[TransportEvent], None],
    ) -> None:
        self.counters = counters
        self._settings = settings
        self._policy = policy
        self._on_event = on_event
        self._user_agent = user_agent(settings.contact)
        self._pools = Pools(settings.request_timeout, self._bundle_variable)
        self._governor = Governor(
            settings, ramp=ramp, policy=policy, counters=counters, on_event=on_event, probe=self._probe
        )

    def open_stream(self, location: str) -> HttpStream:
        """Open a file to be read from its beginning; the first request carries no ``Range``."""
        return HttpStream(self, location)

    def read_range(self, location: str, start: int, stop: int) -> bytes:
        """Return exactly the bytes ``[start, stop)``."""

        def consume(response: urllib3.BaseHTTPResponse) -> bytes:
            found = answers.partial(response.status, response.headers)
            if (found.start, found.stop) != (start, stop):
                if found.size is not None and stop > found.size:
                    raise _no_range(location, start, stop, found.size)
                raise IntermittentError(f"asked for bytes [{start}, {stop}), got {found}")
            return self._body(response, stop - start)

        return self._ask_range(location, start, stop, consume)

    def read_sized(self, location: str, start: int, stop: int) -> Tail:
        """Return the bytes ``[start, stop)``, as many of them as the file has, and its size."""

        def consume(response: urllib3.BaseHTTPResponse) -> Tail:
            found = answers.partial(response.status, response.headers)
            if found.size is None or (found.start, found.stop) != (start, min(stop, found.size)):
                raise IntermittentError(f"asked for bytes [{start}, {stop}) and the size, got {found}")
            return Tail(self._body(response, found.stop - start), start, found.size)

        return self._ask_range(location, start, stop, consume)

    def _ask_range(
        self, location: str, start: int, stop: int, consume: Callable[[urllib3.BaseHTTPResponse], T]
    ) -> T:
        try:
            return self.ask(location, consume, ranged(start, stop))
        except UnsatisfiedRangeError as error:
            raise _no_range(location, start, stop, error.size_bytes) from error

    def read_tail(self, location: str, length: int) -> Tail:
        """Return the last ``length`` bytes, or all when there are fewer."""

        def consume(response: urllib3.BaseHTTPResponse) -> Tail:
            whole = answers.content_length(response.headers)
            if response.status == 200 and whole is not None and whole <= length:
                answers.check_document_type(urlsplit(location).path, response.headers)
                return Tail(_checked(location, self._body(response, whole)), 0, whole)
            found = answers.partial(response.status, response.headers)
            if found.size is None or found.stop != found.size or found.start != max(0, found.size - length):
                raise IntermittentError(f"asked for the last {length} bytes, got {found}")
            return Tail(self._body(response, found.stop - found.start), found.start, found.size)

        try:
            return self.ask(location, consume, Request(headers={"Range": f"bytes=-{length}"}))
        except UnsatisfiedRangeError as error:
            if error.size_bytes or self.size(location):
                raise TransportError(f"{location}: the server has no last {length} bytes of it") from error
            return Tail(b"", 0, 0)  # only an empty file has no last byte

    def size(self, location: str) -> int:
        """Return the size in bytes."""

        def consume(response: urllib3.BaseHTTPResponse) -> int:
            answers.check_document_type(urlsplit(location).path, response.headers)
            size = answers.content_length(response.headers)
            if size is None:
                raise IntermittentError("the answer does not tell the size")
            response.release_conn()
            return size

        return self.ask(location, consume, Request("HEAD"))

    def close(self) -> None:
        """Close connections and wake waiting threads."""
        self._governor.close()
        self._pools.close()

    def tries(self, location: str) -> Tries:
        """Return fresh tries for one request or stream."""
        return Tries(
            location,
            self._settings.tries,
            self._policy.retry_s,
            self._governor.sleep,
            self.counters,
            self._on_event,
        )

    def ask(
        self,
        location: str,
        consume: Callable[[urllib3.BaseHTTPResponse], T],
        request: Request = WHOLE_FILE,
        *,
        tries: Tries | None = None,
    ) -> T:
        """Ask until there is an answer that ``consume`` accepts; refusals are waited out and count as no tries.

        Args:
            location: the URL.
            consume: takes an answer of success; raises ``IntermittentError`` to have it asked again.
            request: what to ask.
            tries: those of a stream; else fresh ones.

        Raises:
            NotFoundError: status 404 or 410.
            AccessDeniedError: status 401, or 403 that is no refusal; or a certificate that is not believed.
            InvalidInputError: https for a server without TLS; variables of proxies or certificates that cannot be.
            UnsatisfiedRangeError: status 416.
            TransportError: another status, or all tries failed.
            AbortedError: patience was spent on blocks.
        """
        tries = tries or self.tries(location)
        ticket = self._governor.ticket(location)
        while True:
            ticket.admit()
            try:
                response = self._send(location, request)
                with _closed_on_error(response):
                    self._check_status(location, response, request)
                    ticket.answered(exists=True)
                    return consume(response)
            except SlowDownError as refusal:
                ticket.refused(refusal.status, refusal.retry_after_s)
            except (NotFoundError, TransportError, UnsatisfiedRangeError):
                ticket.answered(exists=False)
                raise
            except CctrawlError:
                raise
            except FAILURES as error:
                self._governor.check_open()
                raise_if_hopeless(location, error)
                tries.failed(plain(error))

    def _send(self, location: str, request: Request) -> urllib3.BaseHTTPResponse:
        """Send a request once, also to where redirects lead; return what comes, the body still to be read."""
        url = location
        for _ in range(1 + _REDIRECTS):
            response = self._exchange(url, request)
            led = response.get_redirect_location()
            if not led:
                return response
            response.drain_conn()
            url = _redirected(url, led)
        raise IntermittentError(f"{_REDIRECTS} redirects, and the next one to {url}")

    def _exchange(self, url: str, request: Request) -> urllib3.BaseHTTPResponse:
        self.counters.add(requests=1)
        headers = {"User-Agent": self._user_agent, "Accept-Encoding": "identity", **request.headers}
        return self._pools.ask(request.method, url, headers, request.body)

    def _check_status(self, location: str, response: urllib3.BaseHTTPResponse, request: Request) -> None:
        """Sort out every status that is no success."""
        status = response.status
        if status in (200, 206) or (status == 204 and request.method == "DELETE"):
            return
        said = f"status {status}, {answers.summary(_start_of_body(response))}"
        if status == 416 and request.is_ranged:
            raise UnsatisfiedRangeError(answers.unsatisfied_size(response.headers.get("Content-Range")))
        if status in (404, 410):
            raise NotFoundError(f"there is no {location} (status {status})", hint="check the path or the crawl")
        if status in self._refusals and (status != 403 or self._governor.is_ours(location)):
            wait_s = answers.retry_after_s(response.headers.get("Retry-After"))
            raise SlowDownError(f"{location}: status {status}", status=status, retry_after_s=wait_s)
        if status == 407:
            raise wrong_credentials(location)
        if status in (401, 403):
            raise AccessDeniedError(f"{location}: access denied ({said})", hint="check the URL and its permissions")
        if status in (408, 425) or status >= 500:
            raise IntermittentError(said)
        raise TransportError(f"{location}: {said}", hint="check the URL")

    def _probe(self, location: str) -> bool:
        """Ask once for the first byte of a location; tell whether the answer is no refusal."""
        return self._is_answered(location, ranged(0, 1))

    def _is_answered(self, location: str, request: Request) -> bool:
        try:
            response = self._send(location, request)
        except CctrawlError:
            raise
        except FAILURES:
            return False
        response.close()
        return response.status not in self._refusals and response.status < 500

    def _body(self, response: urllib3.BaseHTTPResponse, length: int) -> bytes:
        """Return a body of exactly ``length`` bytes and give the connection back."""
        announced = answers.content_length(response.headers)
        if announced not in (None, length):
            raise IntermittentError(f"{announced} bytes announced where {length} were asked for")
        data = response.read(length)
        if len(data) == length and announced is None:
            data += response.read(1)  # chunked: the terminator must follow, and nothing else
        if len(data) != length:
            raise IntermittentError(f"{len(data)} bytes came where {length} were asked for")
        response.release_conn()
        self.counters.add(bytes_received=length)
        return data


def user_agent(contact: str) -> str:
    """Return what we call ourselves: program, version, home page and a way to reach the user."""
    about = "+https://pypi.org/project/cctrawl/" + (f"; contact: {contact}" if contact else "")
    version = sys.modules["cctrawl"].__version__  # our own package, which no room may import
    return f"cctrawl/{version} ({about})"


def _redirected(url: str, led: str) -> str:
    """Return where a redirect leads.

    Raises:
        IntermittentError: there is no such place.
    """
    try:
        target = urljoin(url, led)
        host_of(target)
    except (InvalidInputError, ValueError) as error:
        raise IntermittentError(f"a redirect to {led!r}") from error
    return target


def _no_range(location: str, start: int, stop: int, size: int | None) -> TransportError:
    has = "is shorter" if size is None else f"has {size} bytes"
    return TransportError(f"{location} {has}: there is no range [{start}, {stop})")


def _checked(location: str, whole: bytes) -> bytes:
    answers.check_first_bytes(urlsplit(location).path, whole)
    return whole


def _start_of_body(response: urllib3.BaseHTTPResponse) -> bytes:
    with contextlib.suppress(*FAILURES):
        return response.read(4096)
    return b""


@contextlib.contextmanager
def _closed_on_error(response: urllib3.BaseHTTPResponse) -> Iterator[None]:
    try:
        yield
    except BaseException:
        response.close()
        raise
