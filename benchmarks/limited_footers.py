"""Claim: 4,000 footers arrive from a server that allows 200 requests a second, in 1.4 times the ideal time.

The server answers 503, or 403, to what comes faster (its bucket holds one second's worth). All footers must
arrive within 1.4 times the ideal 20 s, with under 8 % of the requests refused: the whole command, which begins
with the ramp of long runs and knows nothing of the limit. Peers: the way of the article (aiohttp, see
footer_clients.py), which gives up when five of a thousand files fail, and obstore with its own retries, ten a
footer.

    python benchmarks/limited_footers.py [--files 4000] [--rounds 3] [--peers seed-fetch,obstore]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from footer_corpus import FooterCorpus
from footer_server import FooterServer
from harvest_footers import held_footers, our_command
from side_by_side import keep, measured, medians

_PER_S = 200
_DELAY_S = 0.01
_REFILLED_S = 1.5  # until the server's bucket is full again


def fetched(client: str, server: FooterServer, files: int) -> dict[str, float]:
    """Let a client fetch all footers; return what arrived, in what time, at what cost."""
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.perf_counter()
        if client == "cctrawl":
            measured(our_command(server.url, Path(folder)))
            arrived = held_footers(Path(folder))
        else:
            script = str(Path(__file__).parent / "footer_clients.py")
            printed = subprocess.run(
                [sys.executable, script, client, server.url, folder], check=True, capture_output=True
            )
            arrived = json.loads(printed.stdout)["arrived"]
        seconds = time.perf_counter() - began_s
    counts = server.take_counts()
    return {
        "lost": files - arrived,
        "time_to_ideal": seconds / (files / _PER_S),
        "requests": counts.requests,
        "refused_share": counts.refused / counts.requests,
    }


def compare(status: int, files: int, rounds: int, clients: list[str]) -> dict[str, dict[str, float]]:
    """Measure all clients in turn against one status; return the medians."""
    taken: dict[str, list[dict[str, float]]] = {client: [] for client in clients}
    with FooterServer(files, delay_s=_DELAY_S, limit_per_s=_PER_S, status=status) as server:
        for _ in range(rounds):
            for client in clients:
                taken[client].append(fetched(client, server, files))
                time.sleep(_REFILLED_S)
    print(f"status {status}: medians of {rounds} rounds, {files:,} footers, {_PER_S} requests a second allowed")
    typical = {client: medians(outcomes) for client, outcomes in taken.items()}
    for client, found in typical.items():
        print(
            f"  {client:10} {found['time_to_ideal']:5.2f} of the ideal time, {found['refused_share']:6.1%} of"
            f" {found['requests']:6,.0f} requests refused, {found['lost']:5,.0f} footers lost"
        )
    return typical


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="seed-fetch,obstore")
    arguments = parser.parse_args()
    FooterCorpus(arguments.files)  # made before anything is timed
    clients = ["cctrawl", *(peer for peer in arguments.peers.split(",") if peer)]
    by_status = {str(status): compare(status, arguments.files, arguments.rounds, clients) for status in (503, 403)}
    settings = {"files": arguments.files, "rounds": arguments.rounds, "allowed_per_s": _PER_S}
    keep("limited_footers", {**settings, **by_status})


if __name__ == "__main__":
    main()
