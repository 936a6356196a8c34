"""Claim: iterating records costs at most a third more CPU than libdeflate alone, called from C on the same members.

On the corpus of real HTML (see corpus.py), of records as large as those of Common Crawl. Measured is the CPU of the
loop alone, as each says of itself; fastwarc and warcio run in the same rounds. Needs a C compiler and libdeflate's
header (Debian: libdeflate-dev).

    python benchmarks/iterate_records.py [--compressed-bytes 1GB] [--rounds 3]
"""

from __future__ import annotations

import argparse
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from corpus import corpus
from side_by_side import compare, self_reported

from cctrawl.settings import parse_size
from cctrawl.warc import read_records

HERE = Path(__file__).parent


def floor(scratch: Path, file: Path) -> list[str]:
    """Compile the C loop, write down where the members are, and return the command.

    Raises:
        SystemExit: there is no compiler, or no libdeflate.
    """
    program, spans = scratch / "libdeflate_floor", scratch / "spans"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("no C compiler: apt-get install gcc libdeflate-dev")
    source = str(HERE / "libdeflate_floor.c")
    if subprocess.run([compiler, "-O2", source, "-o", program, "-ldeflate"], check=False).returncode:
        raise SystemExit("libdeflate is missing: apt-get install libdeflate-dev")
    with spans.open("wb") as out:
        for record in read_records(file):
            out.write(struct.pack("=QQ", record.offset, record.offset + (record.length or 0)))
    return [str(program), str(file), str(spans)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--compressed-bytes", type=parse_size, default=1_000_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    file = corpus(arguments.compressed_bytes)
    with tempfile.TemporaryDirectory() as scratch:
        commands = {"libdeflate": floor(Path(scratch), file)}
        for library in ("cctrawl", "fastwarc", "warcio"):
            commands[library] = [sys.executable, str(HERE / "record_loops.py"), library, "iterate", str(file)]
        facts = {"compressed_bytes": file.stat().st_size}
        ratios = compare(
            "iterate_records",
            commands,
            rounds=arguments.rounds,
            subject="cctrawl",
            facts=facts,
            take=self_reported,
        )
    print(f"cctrawl reads at {ratios['libdeflate']:.0%} of the speed of libdeflate alone")


if __name__ == "__main__":
    main()
