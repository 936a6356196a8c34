"""Claim: the driver of a run takes at most 5 ms for a tiny input, and 200 MB for 100,000 of them.

All inputs are one WARC file with a single small page, by 100,000 names on this disk. The time is the whole
command's, start-up, reading and every wait for the disk included, divided by the number of inputs.

    python benchmarks/many_inputs.py [--inputs 100000] [--workers 2]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from memory import watched
from side_by_side import keep

from cctrawl.testing import WarcWriter

PAGE = b'<link rel="stylesheet" href="/wp-content/themes/twentyten/style.css">'
LIMIT_S, LIMIT_BYTES = 0.005, 200_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    facts: dict[str, object] = {"inputs": arguments.inputs, "workers": arguments.workers}
    with tempfile.TemporaryDirectory() as scratch:
        names = make_links(Path(scratch), arguments.inputs)
        for output in ("themes.csv", "themes.parquet", "folder/"):
            command = [
                *(str(Path(sys.executable).parent / "cctrawl"), "run", "themes", "--files", "-", "-q"),
                *("-o", f"{scratch}/{output}", "--workers", str(arguments.workers), "--data-dir", scratch),
            ]
            command += ["-f", "csv"] if output == "folder/" else []
            with names.open("rb") as stdin:
                driver, _, seconds = watched(command, stdin)
            print(f"{output:15} {seconds / arguments.inputs * 1000:.2f} ms per input (must: {LIMIT_S * 1000:.0f})")
            print(f"{'':15} driver {driver}   (must: RSS {LIMIT_BYTES / 1e6:.0f} MB)")
            facts[output] = {"s_per_input": seconds / arguments.inputs, "driver_peak_bytes": vars(driver)}
    keep("many_inputs", facts)


def make_links(folder: Path, inputs: int) -> Path:
    """Make the inputs and return the file that lists them."""
    with WarcWriter(folder / "page.warc.gz") as writer:
        writer.write_response("https://www.example.org/", PAGE)
    paths = [folder / f"{number // 1000:03}" / f"{number:06}.warc.gz" for number in range(inputs)]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        # A file takes only so many names on some disks.
        os.link(paths[number - number % 10_000] if number % 10_000 else _copy(folder, number), path)
    names = folder / "names"
    names.write_text("".join(f"{path}\n" for path in paths))
    return names


def _copy(folder: Path, number: int) -> Path:
    copy = folder / f"page-{number}.warc.gz"
    copy.write_bytes((folder / "page.warc.gz").read_bytes())
    return copy


if __name__ == "__main__":
    main()
