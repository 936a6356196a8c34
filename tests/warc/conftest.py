"""Writes WARC files in every layout, and damages them."""

from __future__ import annotations

import io
import random
import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cctrawl.warc import read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cctrawl.warc import Damage, Record

LAYOUTS = ("per record", "several in a member", "across members", "one member", "plain")
_WORDS = b"the quick brown fox jumps over a lazy dog <p> </div> \r\n \xe4\xf6\xfc href= class= WARC 1f8b".split(
    b" "
)


@dataclass(frozen=True)
class Written:
    """One record as written: what the reader must give back."""

    raw: bytes
    block: bytes
    url: str


@dataclass(frozen=True)
class Layout:
    """A file; ``spans`` holds for each record the bytes of the file that it depends on."""

    data: bytes
    spans: list[tuple[int, int]] = field(repr=False)


class Warcs:
    """Makes records and files of them."""

    layouts = LAYOUTS

    def record(  # noqa: PLR0917 - each is a quirk that real files have
        self,
        block: bytes,
        url: str = "https://example.org/",
        kind: str = "response",
        eol: bytes = b"\r\n",
        version: bytes = b"WARC/1.0",
        spell: Callable[[str], str] = str,
        extra: bytes = b"",
        end: bytes | None = None,
        declared: int | None = None,
    ) -> bytes:
        """Return one record, with its final blank line."""
        lines = [
            version,
            f"{spell('WARC-Type')}: {kind}".encode(),
            f"{spell('WARC-Date')}: 2024-05-18T01:58:10Z".encode(),
            f"{spell('Content-Length')}: {len(block) if declared is None else declared}".encode(),
        ]
        if url:
            lines.append(f"{spell('WARC-Target-URI')}: {url}".encode())
        head = eol.join(lines) + eol + extra + eol
        return head + block + (eol * 2 if end is None else end)

    def block(self, rng: random.Random, size: int) -> bytes:
        """Return bytes like a page's: compressible, and some that are not."""
        if rng.random() < 0.3:
            return rng.randbytes(size)
        return b" ".join(rng.choice(_WORDS) for _ in range(size // 4))[:size]

    def records(self, rng: random.Random, count: int, largest: int = 3000) -> list[Written]:
        """Return records of varied sizes and header styles."""
        written = []
        for number in range(count):
            block = self.block(rng, rng.choice((0, 1, 50, rng.randrange(largest), largest)))
            url = f"https://host{number}.example/{rng.random()}" if rng.random() < 0.9 else ""
            raw = self.record(
                block,
                f"<{url}>" if url and rng.random() < 0.2 else url,
                rng.choice(("response", "request", "metadata", "unknown")),
                rng.choice((b"\r\n", b"\r\n", b"\r\n", b"\n")),
                rng.choice((b"WARC/1.0", b"WARC/1.1", b"WARC/0.17", b"WARC/0.18")),
                rng.choice((str, str, str.lower, str.upper)),
                rng.choice((b"", b"X-Folded: one\r\n two\r\n", b"Content-Type: text/plain\r\n")),
            )
            written.append(Written(raw, block, url))
        return written

    def gzip(self, data: bytes, rng: random.Random | None = None) -> bytes:
        """Return one gzip member, sometimes with optional header fields."""
        member = zlib.compressobj(rng.choice((1, 6, 9)) if rng else 6, zlib.DEFLATED, 31)
        packed = member.compress(data) + member.flush()
        style = rng.randrange(6) if rng else 0
        if style == 1:  # FEXTRA, as Internet Archive's skip lengths
            return packed[:3] + b"\x04" + packed[4:10] + b"\x0c\x00sl\x08\x00" + b"\0" * 8 + packed[10:]
        if style == 2:  # FNAME and FCOMMENT
            return packed[:3] + b"\x18" + packed[4:10] + b"a.warc\0why\0" + packed[10:]
        return packed

    def layout(self, records: Sequence[Written], kind: str, rng: random.Random) -> Layout:
        """Return the records as a file of one of the ``layouts``."""
        if kind == "plain":
            return self._joined([r.raw for r in records])
        if kind == "per record":
            return self._joined([self.gzip(r.raw, rng) for r in records])
        stream = b"".join(r.raw for r in records)
        cuts = self._cuts(records, kind, rng)
        members = [self.gzip(stream[a:b], rng) for a, b in pairwise(cuts)]
        joined = self._joined(members)
        spans, at = [], 0
        for record in records:
            holding = [
                span
                for span, (a, b) in zip(joined.spans, pairwise(cuts), strict=True)
                if a < at + len(record.raw) and b > at
            ]
            spans.append((holding[0][0], holding[-1][1]))
            at += len(record.raw)
        return Layout(joined.data, spans)

    def _cuts(self, records: Sequence[Written], kind: str, rng: random.Random) -> list[int]:
        """Return where the inflated stream is cut into members."""
        ends = [0]
        for record in records:
            ends.append(ends[-1] + len(record.raw))
        if kind == "one member":
            return [0, ends[-1]]
        if kind == "several in a member":
            return sorted({0, ends[-1], *rng.sample(ends, len(ends) // 2)})
        step = rng.randrange(200, 2000)
        return [*range(0, ends[-1], step), ends[-1]]

    def _joined(self, pieces: Sequence[bytes]) -> Layout:
        spans, at = [], 0
        for piece in pieces:
            spans.append((at, at + len(piece)))
            at += len(piece)
        return Layout(b"".join(pieces), spans)


class Trickle(io.RawIOBase):
    """A source that gives as few bytes at a time as it likes."""

    def __init__(self, data: bytes, rng: random.Random, most: int) -> None:
        super().__init__()
        self._inner = io.BytesIO(data)
        self._rng = rng
        self._most = most

    def read(self, length: int = -1, /) -> bytes:
        """Return at most ``most`` bytes."""
        return self._inner.read(min(length, self._rng.randint(1, self._most)))


class Readings:
    """Reads bytes as records."""

    trickle = Trickle

    def read(self, data: bytes, **options: object) -> tuple[list[Record], list[Damage]]:
        """Return all records and all damage."""
        damages: list[Damage] = []
        options.setdefault("on_damage", damages.append)
        return list(read_records(io.BytesIO(data), **options)), damages  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def warcs() -> Warcs:
    """Make records and files."""
    return Warcs()


@pytest.fixture(scope="session")
def readings() -> Readings:
    """Read bytes as records."""
    return Readings()


@pytest.fixture(scope="session")
def real_warcs(real_data: Path) -> Path:
    """The folder of real WARC files."""
    return real_data / "warc"
