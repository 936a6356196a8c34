"""Claim: the themes job over HTTP takes at least 6 times less CPU than the loop cctrawl began with.

Measured over loopback on a file of 1 GB, as large as those of Common Crawl, of real HTML: whole processes,
start-up, worker and driver included. The peers (fastwarc with urllib, warcio with requests) run alternately on the
same file.

    python benchmarks/themes_over_http.py [--compressed-bytes 1GB] [--rounds 3]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from corpus import corpus
from side_by_side import compare

from cctrawl.settings import parse_size
from cctrawl.testing import FakeServer


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--compressed-bytes", type=parse_size, default=1_000_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="seed,warcio,fastwarc")
    arguments = parser.parse_args()
    file = corpus(arguments.compressed_bytes)
    loops = str(Path(__file__).parent / "theme_loops.py")
    with FakeServer(file.parent) as server, tempfile.TemporaryDirectory() as data_dir:
        url = server.url + file.name
        ours = [
            str(Path(sys.executable).parent / "cctrawl"),
            "run",
            "themes",
            "--files",
            url,
            "-o",
            "-",
            "-f",
            "csv",
        ]
        commands = {"cctrawl": [*ours, "--workers", "1", "--data-dir", data_dir, "--base-url", server.url]}
        for peer in arguments.peers.split(","):
            commands[peer] = [sys.executable, loops, peer, url]
        facts = {"compressed_bytes": file.stat().st_size}
        compare("themes_over_http", commands, rounds=arguments.rounds, subject="cctrawl", facts=facts)


if __name__ == "__main__":
    main()
