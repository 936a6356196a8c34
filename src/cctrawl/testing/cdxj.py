"""The CDXJ index of a crawl: sorted lines in gzip blocks (ZipNum), found by way of ``cluster.idx``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cctrawl.surt import surt_key
from cctrawl.testing.generations import generation_of
from cctrawl.testing.writer import gzip_member

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cctrawl.testing.archive import FakePage


# The columns that tell the same in the columnar index; both began to tell it with one crawl.
_COLUMNS = {
    "redirect": "fetch_redirect",
    "charset": "content_charset",
    "languages": "content_languages",
    "truncated": "content_truncated",
}


def cdxj_line(page: FakePage, crawl: str) -> str:
    """Return the index line of a capture: key, time, JSON; all values are text, and absent ones are left out."""
    columns = generation_of(crawl).column_names
    fields = {
        "url": page.url,
        "mime": page.mime,
        "mime-detected": page.mime_detected or page.mime,
        "status": str(page.status),
        "digest": page.payload_digest,
        "length": str(page.warc_record_length),
        "offset": str(page.warc_record_offset),
        "filename": page.warc_filename,
        "redirect": page.redirect,
        "charset": page.charset,
        "languages": ",".join(page.languages),
        "truncated": page.truncated,
    }
    kept = {name: value for name, value in fields.items() if value and _COLUMNS.get(name, "url") in columns}
    return f"{surt_key(page.url)} {page.time:%Y%m%d%H%M%S} {json.dumps(kept)}"


def write_cdxj(
    root: Path, crawl: str, pages: Iterable[FakePage], *, lines_per_block: int, file_count: int
) -> list[str]:
    """Write a crawl's CDXJ files, ``cluster.idx`` and ``metadata.yaml``; return their paths as they are listed.

    The lines of all subsets stand in one order, by bytes; each file holds a share of it, each block
    ``lines_per_block`` lines. A line of ``cluster.idx`` names a block by its first line's key and time.
    """
    lines = sorted(cdxj_line(page, crawl).encode() for page in pages)
    blocks = [lines[start : start + lines_per_block] for start in range(0, len(lines), lines_per_block)]
    folder = f"cc-index/collections/{crawl}/"
    (root / folder / "indexes").mkdir(parents=True, exist_ok=True)
    paths: list[str] = []
    cluster: list[str] = []
    share = -(-len(blocks) // file_count)
    for number in range(file_count):
        name, data = f"cdx-{number:05}.gz", bytearray()
        for block in blocks[number * share : (number + 1) * share]:
            member = gzip_member(b"".join(line + b"\n" for line in block))
            first = b" ".join(block[0].split(b" ", 2)[:2]).decode()
            cluster.append(f"{first}\t{name}\t{len(data)}\t{len(member)}\t{len(cluster) + 1}\n")
            data += member
        (root / folder / "indexes" / name).write_bytes(data)
        paths.append(f"{folder}indexes/{name}")
    (root / folder / "indexes" / "cluster.idx").write_bytes("".join(cluster).encode())
    (root / folder / "metadata.yaml").write_text(f"title: {crawl}\n", encoding="utf-8")
    return [*paths, f"{folder}indexes/cluster.idx", f"{folder}metadata.yaml"]
