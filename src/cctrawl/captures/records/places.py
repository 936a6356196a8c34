"""Where the record of a capture lies, and what is known of it beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cctrawl.captures.lists import PLACE_COLUMNS, see_places
from cctrawl.errors import InvalidInputError
from cctrawl.transport import ByteRange, locate
from cctrawl.warc import MAX_RECORD_BYTES

# A record as stored; the inflated one has the same limit.
_MOST_BYTES = MAX_RECORD_BYTES


@dataclass(frozen=True)
class Place:
    """The bytes of a record, and what the index says of it.

    Attributes:
        path: the WARC file as the capture has it.
        range: its bytes.
        url: of the page; "" if the capture does not tell.
        digest: of the payload; "" if the capture does not tell.
    """

    path: str
    range: ByteRange
    url: str
    digest: str

    @property
    def length(self) -> int:
        """The record's stored bytes."""
        return self.range.stop - self.range.start


def place_of(capture: Mapping[str, Any], base_url: str) -> Place:
    """Return where a capture's record lies.

    Raises:
        InvalidInputError: the capture has no place, or one that cannot be.
    """
    next(see_places([capture]))
    path, offset, length = (capture[name] for name in PLACE_COLUMNS)
    if length > _MOST_BYTES:
        raise InvalidInputError(
            f"warc_record_length is {length:,}", hint=f"no record is longer than {_MOST_BYTES:,} bytes"
        )
    range_ = ByteRange(locate(path, base_url), offset, offset + length)
    return Place(path, range_, _text(capture, "url"), _text(capture, "content_digest"))


def _text(capture: Mapping[str, Any], column: str) -> str:
    value = capture.get(column)
    return value if isinstance(value, str) else ""
