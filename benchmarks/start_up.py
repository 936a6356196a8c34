"""Claim: `cctrawl --help` takes at most 6 times as long as a bare interpreter, and `import cctrawl` little.

python benchmarks/start_up.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from side_by_side import compare


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "import": [sys.executable, "-c", "import cctrawl"],
        "--help": [str(Path(sys.executable).parent / "cctrawl"), "--help"],
    }
    compare("start_up", commands, rounds=arguments.rounds, subject="python", facts={})


if __name__ == "__main__":
    main()
