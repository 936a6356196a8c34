"""Claim: 4,000 small requests to a server that allows 200 a second all arrive, politely and in little more time.

The server answers 503, or 403, to what comes faster (its bucket holds one second's worth). All files must arrive
within 1.4 times the ideal 20 s (aim: 1.15), with under 8 % of the requests refused, from one process and from two
that share the budget; with the ramp of long runs, and without. Peers are urllib3 and requests with urllib3's Retry,
and obstore with its own retries, each with ten tries and 16 threads, alternated with ours.

    python benchmarks/limited_server.py [--rounds 3] [--requests 4000] [--peers urllib3,requests,obstore]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from side_by_side import keep, medians

from cctrawl.testing import FakeServer, RefuseAboveRate

PER_S = 200.0
OURS = {"cctrawl-ramp": 1, "cctrawl-ramp, 2 processes": 2, "cctrawl": 1, "cctrawl, 2 processes": 2}


def measured(client: str, processes: int, server: FakeServer, status: int, requests: int) -> dict[str, float]:
    """Let a client's processes ask for all files at once; return what arrived, in what time, at what cost."""
    server.requests.clear()
    server.set_faults([RefuseAboveRate(per_s=PER_S, status=status)])
    script = str(Path(__file__).parent / "limited_clients.py")
    share = requests // processes
    with tempfile.TemporaryDirectory() as state:
        began = [
            subprocess.Popen(
                [sys.executable, script, client, server.url, state, str(i * share), str((i + 1) * share)],
                stdout=subprocess.PIPE,
            )
            for i in range(processes)
        ]
        told = [json.loads(process.communicate()[0]) for process in began]
    time.sleep(1.5)  # for the server's bucket to be full again
    refused = server.count(status=status)
    return {
        "lost": requests - sum(outcome["arrived"] for outcome in told),
        "time_to_ideal": max(outcome["seconds"] for outcome in told) / (requests / PER_S),
        "refused_share": refused / requests,
        "asked_in_vain": len(server.requests) - requests,
    }


def compare(status: int, rounds: int, requests: int, peers: list[str]) -> dict[str, dict[str, float]]:
    """Measure all clients in turn against one status; return the medians."""
    clients = {**OURS, **dict.fromkeys(peers, 1)}
    taken: dict[str, list[dict[str, float]]] = {client: [] for client in clients}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(requests):
            (Path(folder) / f"{i:05}.warc").write_bytes(b"%05d" % i)
        with FakeServer(folder) as server:
            for _ in range(rounds):
                for client, processes in clients.items():
                    taken[client].append(measured(client.partition(",")[0], processes, server, status, requests))
    print(f"status {status}: medians of {rounds} rounds, {requests:,} requests, {PER_S:.0f} a second allowed")
    typical = {client: medians(outcomes) for client, outcomes in taken.items()}
    for client, found in typical.items():
        print(
            f"  {client:26} {found['time_to_ideal']:5.2f} of the ideal time, {found['refused_share']:7.1%} refused,"
            f" {found['lost']:5.0f} lost"
        )
    return typical


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--peers", default="urllib3,requests,obstore")
    arguments = parser.parse_args()
    peers = [peer for peer in arguments.peers.split(",") if peer]
    by_status = {str(status): compare(status, arguments.rounds, arguments.requests, peers) for status in (503, 403)}
    settings = {"rounds": arguments.rounds, "requests": arguments.requests, "allowed_per_s": PER_S}
    keep("limited_server", {**settings, **by_status})


if __name__ == "__main__":
    main()
