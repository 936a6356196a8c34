"""Claim: kept on one core, the 64 threads of a harvest take four fifths of the CPU, and no longer.

They run one at a time, for the lock of the interpreter: on a second core they only wait for what the first one
has in its caches. 6,000 footers, 50 ms per answer, the whole command; the peer is the same command on all cores.

    python benchmarks/one_core.py [--files 6000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from footer_corpus import FooterCorpus
from footer_server import FooterServer
from harvest_footers import our_command
from side_by_side import Sample, compare, measured

_DELAY_S = 0.05
_ON_ALL_CORES = """
import contextlib
import cctrawl.cli, cctrawl.index.harvester
cctrawl.index.harvester.one_core = contextlib.nullcontext
cctrawl.cli.main()
"""


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    FooterCorpus(arguments.files)  # made before anything is timed
    with FooterServer(arguments.files, delay_s=_DELAY_S) as server, tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"

        def afresh(command: Sequence[str]) -> Sample:
            shutil.rmtree(data_dir, ignore_errors=True)
            return measured(command)

        kept = [*our_command(server.url, data_dir), "--rate", "0"]
        free = [sys.executable, "-c", _ON_ALL_CORES, *kept[1:]]
        commands = {"one core": kept, "all cores": free}
        compare(
            "one_core",
            commands,
            rounds=arguments.rounds,
            subject="one core",
            facts={"files": arguments.files, "delay_s": _DELAY_S},
            take=afresh,
        )


if __name__ == "__main__":
    main()
