"""``python -m cctrawl.testing FOLDER [--size medium] [--seed 1] [--serve]``: builds the fake and serves it."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path

from cctrawl.testing.build import SIZES, build
from cctrawl.testing.server import FakeServer


def main() -> None:
    """Build the fake in a new folder; with ``--serve``, serve it (built now or before) until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m cctrawl.testing", description="A small, exact, fake Common Crawl."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--serve", action="store_true", help="serve the folder on loopback; print the base URL first"
    )
    given = parser.parse_args()
    if not (given.serve and (given.folder / "collinfo.json").exists()):
        build(given.folder, seed=given.seed, size=given.size)
    if given.serve:
        with FakeServer(given.folder) as server:
            print(server.url, flush=True)  # noqa: T201 - who starts it reads the URL here
            threading.Event().wait()


if __name__ == "__main__":
    main()
