"""Claim: a WARC file that is not compressed takes at most twice the CPU of fastwarc.

Once iterating alone, once with the bodies of all pages. Measured is the CPU of the loop alone, as each says of
itself, on the corpus of real HTML (see corpus.py), inflated; warcio runs in the same rounds.

    python benchmarks/plain_warc.py [--compressed-bytes 200MB] [--rounds 5]
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import sys
from pathlib import Path

from corpus import corpus
from side_by_side import compare, self_reported

from cctrawl.settings import parse_size

LOOPS = str(Path(__file__).parent / "record_loops.py")


def inflated(file: Path) -> Path:
    """Return the file without its compression; made if it is not there yet."""
    path = file.with_suffix("")
    if not path.exists():
        part = path.with_suffix(".part")
        with gzip.open(file) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        part.replace(path)
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--compressed-bytes", type=parse_size, default=200_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    file = inflated(corpus(arguments.compressed_bytes))
    for what in ("iterate", "payloads"):
        compare(
            f"plain_warc_{what}",
            {
                library: [sys.executable, LOOPS, library, what, str(file)]
                for library in ("cctrawl", "fastwarc", "warcio")
            },
            rounds=arguments.rounds,
            subject="cctrawl",
            facts={"bytes": file.stat().st_size},
            take=self_reported,
        )


if __name__ == "__main__":
    main()
