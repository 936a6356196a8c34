"""Loops over the records of one file, by cctrawl and by the libraries people use today.

    python benchmarks/record_loops.py cctrawl|fastwarc|warcio iterate|payloads|host FILE

Each prints JSON: the CPU seconds of the loop alone (imports are done before it), and what it came to, so that a
comparison shows that all did the same. `host` reads the payloads of one host's pages and passes over the others:
cctrawl by `want`, before their bodies are inflated; fastwarc by record type, then by the record's head; warcio by
the record's head.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable

HOST = "https://www.site7.example/"  # one of the corpus's 9,973


def cctrawl(what: str, path: str) -> int:
    """Return how many records there are, or how many bytes of blocks or payloads."""
    from cctrawl.warc import read_records

    if what == "iterate":
        return sum(1 for _ in read_records(path))
    if what == "host":
        return sum(
            len(record.block)
            for record in read_records(
                path, want=lambda head: head.type == "response" and head.url.startswith(HOST)
            )
        )
    return sum(len(record.block) for record in read_records(path, want=lambda head: head.type == "response"))


def fastwarc(what: str, path: str) -> int:
    """As `cctrawl`, by fastwarc's fastest settings: HTTP is not parsed, records are chosen by type."""
    from fastwarc import ArchiveIterator, WarcRecordType

    with open(path, "rb") as stream:  # noqa: PTH123 - as fastwarc's own examples do
        if what == "iterate":
            return sum(1 for _ in ArchiveIterator(stream, parse_http=False))
        records = ArchiveIterator(stream, parse_http=False, record_types=WarcRecordType.response)
        if what == "host":
            return sum(
                len(record.reader.read())
                for record in records
                if record.headers["WARC-Target-URI"].startswith(HOST)
            )
        return sum(len(record.reader.read()) for record in records)


def warcio(what: str, path: str) -> int:
    """As `cctrawl`, by warcio."""
    from warcio.archiveiterator import ArchiveIterator

    total = 0
    with open(path, "rb") as stream:  # noqa: PTH123 - as warcio's own examples do
        for record in ArchiveIterator(stream, no_record_parse=True):
            if what == "iterate":
                total += 1
            elif record.rec_type == "response" and (
                what == "payloads" or record.rec_headers.get_header("WARC-Target-URI").startswith(HOST)
            ):
                total += len(record.raw_stream.read())
    return total


IMPORTS = {
    "cctrawl": ("cctrawl.warc", "cctrawl.transport"),
    "fastwarc": ("fastwarc",),
    "warcio": ("warcio.archiveiterator",),
}
LOOPS: dict[str, Callable[[str, str], int]] = {"cctrawl": cctrawl, "fastwarc": fastwarc, "warcio": warcio}


def main() -> None:
    """Run one loop and print what it took."""
    library, what, path = sys.argv[1:]
    for module in IMPORTS[library]:
        importlib.import_module(module)
    began = time.process_time()
    result = LOOPS[library](what, path)
    print(json.dumps({"cpu_s": time.process_time() - began, "result": result}))


if __name__ == "__main__":
    main()
