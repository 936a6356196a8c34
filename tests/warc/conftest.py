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
import zstandard

from cctrawl.warc import read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cctrawl.warc import Damage, Record

SHAPES = ("per record", "several in a member", "across members", "one member")
LAYOUTS = (
    *SHAPES,
    "plain",
    *(f"zstd {shape}" for shape in SHAPES),
    "zstd dictionary per record",
    *(f"arc {shape}" for shape in SHAPES),
    "arc plain",
)
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

    def arc_record(self, block: bytes, url: str = "https://example.org/", *, version: int = 1) -> bytes:
        """Return one ARC record, with the line end behind it."""
        more = "" if version == 1 else " 200 QUJD - 12345 a.arc.gz"
        head = f"{url} 192.0.2.1 20100102030405 text/html{more} {len(block)}\n"
        return head.encode() + block + b"\n"

    def arc_records(self, rng: random.Random, count: int, largest: int = 3000) -> list[Written]:
        """Return ARC records of varied sizes."""
        written = []
        for number in range(count):
            block = self.block(rng, rng.choice((0, 1, 50, rng.randrange(largest), largest)))
            url = f"http://host{number}.example/{rng.random()}"
            written.append(Written(self.arc_record(block, url, version=rng.choice((1, 1, 2))), block, url))
        return written

    def zstd(self, data: bytes, rng: random.Random | None = None, dictionary: bytes = b"") -> bytes:
        """Return one zstd frame with a check sum; with ``rng`` sometimes in many blocks, or of unknown size."""
        held = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        style = rng.randrange(4) if rng else 0
        packer = zstandard.ZstdCompressor(
            level=rng.choice((1, 3, 19)) if rng else 3, dict_data=held, write_checksum=True,
            write_content_size=style != 1,
        )  # fmt: skip
        if style != 2:
            return packer.compress(data)
        stream = packer.compressobj()
        pieces = [stream.compress(data[: len(data) // 2]), stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
        return b"".join((*pieces, stream.compress(data[len(data) // 2 :]), stream.flush()))

    def dictionary(self, samples: Sequence[bytes], *, packed: bool = False) -> tuple[bytes, bytes]:
        """Return a dictionary, and the skippable frame that holds it at a file's begin."""
        trained = zstandard.train_dictionary(2048, [*samples, *(self.record(b"%d" % n) for n in range(200))])
        stored = zstandard.compress(trained.as_bytes()) if packed else trained.as_bytes()
        return trained.as_bytes(), b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little") + stored

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
        kind = kind.removeprefix("arc ")
        if kind == "plain":
            return self._joined([r.raw for r in records])
        if kind == "zstd dictionary per record":
            dictionary, leading = self.dictionary([r.raw for r in records], packed=rng.random() < 0.5)
            frames = self._joined([leading, *(self.zstd(r.raw, rng, dictionary) for r in records)])
            return Layout(frames.data, frames.spans[1:])
        pack = self.zstd if kind.startswith("zstd ") else self.gzip
        kind = kind.removeprefix("zstd ")
        if kind == "per record":
            return self._joined([pack(r.raw, rng) for r in records])
        stream = b"".join(r.raw for r in records)
        cuts = self._cuts(records, kind, rng)
        members = [pack(stream[a:b], rng) for a, b in pairwise(cuts)]
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

    def written(self, rng: random.Random, count: int, kind: str) -> list[Written]:
        """Return records for a file of one of the ``layouts``."""
        return self.arc_records(rng, count) if kind.startswith("arc ") else self.records(rng, count)

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
