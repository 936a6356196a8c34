"""Writes to S3: an object is there whole, under its name, or it is not there at all.

Small files go in one request, larger ones in parts; what a death leaves of those is no object, is seen by nobody,
and `drop_unfinished` removes it. Signatures cover the bodies, so that S3 itself refuses what was damaged under way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode
from xml.etree import ElementTree as ET

from cctrawl.errors import AccessDeniedError, CctrawlError, NotFoundError, TransportError
from cctrawl.transport import answers
from cctrawl.transport.answers import range_header
from cctrawl.transport.backend import FileEntry
from cctrawl.transport.location import host_of, split_object, split_s3
from cctrawl.transport.request import Request
from cctrawl.transport.retries import IntermittentError

if TYPE_CHECKING:
    import urllib3

    from cctrawl.transport.http import HttpBackend

PART_BYTES = 16 * 2**20  # of memory per upload; S3 takes parts from 5 MiB
COPIED_BYTES = 2**30  # of an object within S3 by one request; S3 takes up to 5 GiB, and answers when it is done
_MOST_PARTS = 10_000
_ANSWER_BYTES = 16 * 2**20  # a page of a listing has 1,000 keys of 1,024 bytes at most


class Uploads:
    """What can be written, listed and removed in a bucket.

    Args:
        backend: who asks.
    """

    def __init__(self, backend: HttpBackend) -> None:
        self._backend = backend

    def put(self, source: Path, location: str) -> None:
        """Write a local file's bytes to an object; see ``Transport.put``."""
        size = source.stat().st_size
        if size <= PART_BYTES:
            self._ask(location, Request("PUT", body=source.read_bytes()))
        else:
            self._put_in_parts(source, size, location)
        self._check_size(location, size)

    def copy(self, source: str, location: str) -> None:
        """Copy an object within S3, without its bytes coming here; see ``Transport.copy``."""
        size = self._backend.size(source)
        bucket, key = split_s3(source)
        headers = {"x-amz-copy-source": quote(f"/{bucket}/{key}", safe="/-._~")}
        if size <= COPIED_BYTES:
            self._ask(location, Request("PUT", headers=headers))
        else:
            starts = range(0, size, COPIED_BYTES)
            ranges = (range_header(start, min(start + COPIED_BYTES, size)) for start in starts)
            of_parts = ({**headers, "x-amz-copy-source-range": part} for part in ranges)
            self._in_parts(location, (partial(self._copy_part, location, part) for part in of_parts))
        self._check_size(location, size)

    def delete(self, location: str) -> None:
        """Remove an object; one that is not there is as good as removed."""
        self._ask(location, Request("DELETE"))

    def list_files(self, prefix: str) -> Iterator[FileEntry]:
        """Yield the objects whose location begins so, not those behind a further ``/``; see ``Transport``."""
        query = {"list-type": "2", "prefix": split_s3(prefix)[1], "delimiter": "/", "encoding-type": "url"}
        while True:
            page = self._page(prefix, query)
            for entry in page.iterfind("{*}Contents"):
                key = unquote(_text(entry, "Key"))
                yield FileEntry(f"{host_of(prefix)}/{key}", int(_text(entry, "Size")))
            if _text(page, "IsTruncated") != "true":
                return
            query["continuation-token"] = _text(page, "NextContinuationToken")

    def drop_unfinished(self, prefix: str) -> None:
        """Remove what uploads in parts left behind below a prefix, as far as we may; nobody else must be at it."""
        with suppress(AccessDeniedError):
            query = {"uploads": "", "prefix": split_s3(prefix)[1], "encoding-type": "url"}
            for upload in self._page(prefix, query).iterfind("{*}Upload"):
                location = f"{host_of(prefix)}/{unquote(_text(upload, 'Key'))}"
                self._abort(location, _text(upload, "UploadId"))

    def _put_in_parts(self, source: Path, size: int, location: str) -> None:
        with source.open("rb") as file:
            bodies = iter(partial(file.read, max(PART_BYTES, -(-size // _MOST_PARTS))), b"")
            self._in_parts(location, (partial(self._put_part, location, body) for body in bodies))

    def _put_part(self, location: str, body: bytes, query: str) -> str:
        return self._ask(location, Request("PUT", query=query, body=body)).get("ETag", "")

    def _copy_part(self, location: str, headers: Mapping[str, str], query: str) -> str:
        return _text(self._ask_document(location, Request("PUT", headers, query)), "ETag")

    def _in_parts(self, location: str, parts: Iterable[Callable[[str], str]]) -> None:
        """Make an object of parts, each of which takes what its query says and returns its tag."""
        split_object(location)
        upload = _text(self._ask_document(location, Request("POST", query="uploads=")), "UploadId")
        with self._aborted_on_error(location, upload):
            queries = (urlencode({"partNumber": number, "uploadId": upload}) for number in count(1))
            self._complete(location, upload, [part(query) for part, query in zip(parts, queries, strict=False)])

    def _complete(self, location: str, upload: str, tags: list[str]) -> None:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            for number, tag in enumerate(tags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        request = Request("POST", query=urlencode({"uploadId": upload}), body=body)
        try:
            self._ask(location, request)
        except NotFoundError as error:
            raise TransportError(f"{location}: its upload was ended by somebody", hint="upload it again") from error

    @contextmanager
    def _aborted_on_error(self, location: str, upload: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with suppress(CctrawlError):  # `drop_unfinished` comes later
                self._abort(location, upload)
            raise

    def _abort(self, location: str, upload: str) -> None:
        with suppress(NotFoundError):
            self._ask(location, Request("DELETE", query=urlencode({"uploadId": upload})))

    def _page(self, prefix: str, query: dict[str, str]) -> ET.Element:
        request = Request(query=urlencode(query, quote_via=quote, safe="-._~"))
        return self._ask_document(f"{host_of(prefix)}/", request)

    def _check_size(self, location: str, size: int) -> None:
        found = self._backend.size(location)
        if found != size:
            raise TransportError(f"{location} has {found} bytes where {size} were written")

    def _ask(self, location: str, request: Request) -> urllib3.HTTPHeaderDict:
        def consume(response: urllib3.BaseHTTPResponse) -> urllib3.HTTPHeaderDict:
            _body(response)
            return response.headers

        return self._backend.ask(location, consume, request)

    def _ask_document(self, location: str, request: Request) -> ET.Element:
        return self._backend.ask(location, lambda response: _document(_body(response)), request)


def _body(response: urllib3.BaseHTTPResponse) -> bytes:
    body = response.read(_ANSWER_BYTES)
    response.release_conn()
    # What takes long is answered with status 200 before it is done: then the body tells how it went.
    if re.search(rb"<Error[ >]", body[:1000]):
        raise IntermittentError(f"status 200, but {answers.summary(body)}")
    return body


def _document(body: bytes) -> ET.Element:
    """Return what S3 says; what was cut, or is a page of somebody between us and S3, is asked for again."""
    try:
        document = ET.fromstring(body)  # noqa: S314 - expat refuses bombs since 2.4.1
    except ET.ParseError as error:
        raise IntermittentError(f"S3 answered what is no XML: {answers.summary(body)}") from error
    if not document.tag.endswith("Result"):
        raise IntermittentError(f"S3 answered with <{document.tag:.80}>: {answers.summary(body)}")
    return document


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
