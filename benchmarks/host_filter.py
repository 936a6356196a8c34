"""Claim: one host's pages are picked from a file with at most half of the CPU that fastwarc takes.

cctrawl passes over the bodies of other records without inflating them. Measured is the CPU of the loop alone, as
each says of itself, on the corpus of real HTML (see corpus.py); fastwarc and warcio run in the same rounds.

    python benchmarks/host_filter.py [--compressed-bytes 1GB] [--rounds 3]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from corpus import corpus
from side_by_side import compare, self_reported

from cctrawl.settings import parse_size

LOOPS = str(Path(__file__).parent / "record_loops.py")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--compressed-bytes", type=parse_size, default=1_000_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    file = corpus(arguments.compressed_bytes)
    compare(
        "host_filter",
        {
            library: [sys.executable, LOOPS, library, "host", str(file)]
            for library in ("cctrawl", "fastwarc", "warcio")
        },
        rounds=arguments.rounds,
        subject="cctrawl",
        facts={"compressed_bytes": file.stat().st_size},
        take=self_reported,
    )


if __name__ == "__main__":
    main()
