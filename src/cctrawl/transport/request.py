"""What is asked of a location."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cctrawl.transport import answers


@dataclass(frozen=True)
class Request:
    """One request, as often as it has to be sent.

    Attributes:
        method: ``GET``, ``HEAD``, ``PUT``, ``POST`` or ``DELETE``.
        headers: its own headers; those that all requests have come later.
        query: the query beside what the location has, without ``?``.
        body: what is sent along.
    """

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    body: bytes = b""

    @property
    def is_ranged(self) -> bool:
        """Whether it asks for a part of the file."""
        return "Range" in self.headers


def ranged(start: int, stop: int | None = None, *, if_range: str | None = None) -> Request:
    """Return the request for the bytes ``[start, stop)``, or from ``start`` to the end.

    Args:
        start: offset of the first byte.
        stop: offset behind the last byte.
        if_range: the validator that the file must still have; else the whole file comes.
    """
    headers = {"Range": answers.range_header(start, stop)}
    if if_range:
        headers["If-Range"] = if_range
    return Request(headers=headers)


WHOLE_FILE = Request()
