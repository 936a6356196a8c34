"""Claim: two workers on two cores take at most 1/1.8 of the time of one, on inputs as large as Common Crawl's.

The themes job on four names of a file of 1 GB of real HTML on this disk, to one CSV file; wall time of the whole
command, alternated, medians. It needs two cores that nobody else uses.

    python benchmarks/two_workers.py [--compressed-bytes 1GB] [--inputs 4] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from corpus import corpus
from side_by_side import Sample, keep, measured

from cctrawl.settings import parse_size

MUST = 1.8


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--compressed-bytes", type=parse_size, default=1_000_000_000)
    parser.add_argument("--inputs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    file = corpus(arguments.compressed_bytes)
    samples: dict[int, list[Sample]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(dir=file.resolve().parent) as scratch:
        names = [Path(scratch) / f"{number}.warc.gz" for number in range(arguments.inputs)]
        for name in names:
            os.link(file.resolve(), name)
        for round_number in range(arguments.rounds + 1):
            for workers, taken in samples.items():
                sample = measured(_command(names, workers, scratch))
                if round_number:  # the first one warms up
                    taken.append(sample)
    wall = {workers: statistics.median(sample.wall_s for sample in taken) for workers, taken in samples.items()}
    cpu = {workers: statistics.median(sample.cpu_s for sample in taken) for workers, taken in samples.items()}
    same = len({sample.output_sha256 for taken in samples.values() for sample in taken}) == 1
    for workers in samples:
        print(f"{workers} worker(s): {wall[workers]:.2f} s wall, {cpu[workers]:.2f} s CPU")
    print(f"{wall[1] / wall[2]:.2f}x (must: {MUST}x), {'the same' if same else 'OTHER'} output")
    keep("two_workers", {"inputs": arguments.inputs, "rounds": arguments.rounds, "wall_s": wall, "cpu_s": cpu})


def _command(names: list[Path], workers: int, data_dir: str) -> list[str]:
    program = str(Path(sys.executable).parent / "cctrawl")
    options = ["-o", "-", "-f", "csv", "-q", "--workers", str(workers), "--data-dir", data_dir]
    return [program, "run", "themes", "--files", *map(str, names), *options]


if __name__ == "__main__":
    main()
