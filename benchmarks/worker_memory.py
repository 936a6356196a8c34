"""Claim: a worker holds at most 60 MB for CSV and JSON lines, 150 MB for Parquet (resident memory, its peak).

The themes job over loopback HTTP on a file of 1 GB, as large as those of Common Crawl, of real HTML; one worker.

    python benchmarks/worker_memory.py [--compressed-bytes 1GB]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from corpus import corpus
from memory import watched
from side_by_side import keep

from cctrawl.settings import parse_size
from cctrawl.testing import FakeServer

LIMITS_BYTES = {"csv": 60_000_000, "jsonl": 60_000_000, "parquet": 150_000_000}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--compressed-bytes", type=parse_size, default=1_000_000_000)
    file = corpus(parser.parse_args().compressed_bytes)
    facts = {}
    with FakeServer(file.parent) as server, tempfile.TemporaryDirectory() as scratch:
        for format, limit_bytes in LIMITS_BYTES.items():  # noqa: A001 - the option's name everywhere
            command = [
                *(str(Path(sys.executable).parent / "cctrawl"), "run", "themes", "--files", server.url + file.name),
                *("-o", f"{scratch}/themes.{format}", "--workers", "1"),
                *("--data-dir", scratch, "--base-url", server.url),
            ]
            driver, (worker,), _ = watched(command)
            print(f"{format:8} worker {worker}   (must: RSS {limit_bytes / 1e6:.0f} MB)")
            print(f"{'':8} driver {driver}")
            facts[format] = {"worker": vars(worker), "driver": vars(driver)}
    keep("worker_memory", {"compressed_bytes": file.stat().st_size, "peak_bytes": facts})


if __name__ == "__main__":
    main()
