"""Claim: all footers are harvested 2.2 times as fast as before, and the table is there 5 times as fast.

25,193 footers, 50 ms per answer, 64 connections, a fresh data folder. ``cctrawl harvest`` is the whole command:
start, listings, one request a footer, decoding, compression, SQLite with the row-group table. Before: the way of
the article that first read them all, aiohttp with HEAD, the last 8 bytes and the footer, kept in a sqlitedict,
then fastparquet and pandas make the table (see footer_clients.py). obstore only fetches: it is the floor of the
network part. Further: at most 1.2 requests a footer, 20 s of CPU, 250 MB; and the same command again, with
nothing to do, takes less than 1 s.

    python benchmarks/harvest_footers.py [--files 25193] [--rounds 3] [--peers seed,obstore]
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from footer_clients import CONNECTIONS
from footer_corpus import FILES, FooterCorpus
from footer_server import FooterServer
from memory import watched
from side_by_side import keep, medians

_DELAY_S = 0.05


@dataclass(frozen=True)
class Harvest:
    """What one harvest took, as a whole process.

    Attributes:
        fetched_s: until the last footer was stored; the rest is the making of the table.
        requests: to the server, for each footer that arrived.
        again_s: the same command, with nothing left to do; 0 if there is no such thing.
    """

    arrived: int
    seconds: float
    fetched_s: float
    cpu_s: float
    peak_bytes: int
    requests: float
    again_s: float = 0.0


def our_command(url: str, data_dir: Path) -> list[str]:
    """Return the command that harvests all that a server has."""
    command = [str(Path(sys.executable).parent / "cctrawl"), "harvest", "-c", "all", "--quiet"]
    return [*command, "--connections", str(CONNECTIONS), "--base-url", url, "--data-dir", str(data_dir)]


def ours(server: FooterServer, out: Path) -> Harvest:
    """Harvest with the command, twice."""
    command = [*our_command(server.url, out), "--rate", "0"]
    seconds, cpu_s, peak_bytes, _ = _run(command)
    requests = server.take_counts().requests
    arrived = held_footers(out)
    again_s, *_ = _run(command)
    if server.take_counts().requests > 1:
        raise SystemExit("the second harvest asked for what was held")
    return Harvest(arrived, seconds, seconds, cpu_s, peak_bytes, requests / arrived, again_s)


def held_footers(data_dir: Path) -> int:
    """Return how many footers the store in a data folder holds."""
    (store,) = data_dir.glob("index*.sqlite")
    connection = sqlite3.connect(store)
    (count,) = connection.execute("SELECT count(*) FROM file WHERE state = 'held'").fetchone()
    connection.close()
    return int(count)


def peer(client: str, server: FooterServer, out: Path) -> Harvest:
    """Harvest with a client of footer_clients.py."""
    script = str(Path(__file__).parent / "footer_clients.py")
    seconds, cpu_s, peak_bytes, printed = _run([sys.executable, script, client, server.url, str(out)])
    told = json.loads(printed)
    requests = server.take_counts().requests / told["arrived"]
    return Harvest(told["arrived"], seconds, told["fetched_s"], cpu_s, peak_bytes, requests)


def _run(command: Sequence[str]) -> tuple[float, float, int, bytes]:
    """Return seconds, CPU seconds, peak of resident memory in bytes, and what was printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile() as output:
        peak, children, seconds = watched(command, stdout=output)
        output.seek(0)
        printed = output.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu_s, peak.rss + sum(child.rss for child in children), printed


def _median(harvests: Sequence[Harvest]) -> Harvest:
    return Harvest(**medians([asdict(harvest) for harvest in harvests]))  # type: ignore[arg-type]  # a median of counts may be a half


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="seed,obstore")
    arguments = parser.parse_args()
    FooterCorpus(arguments.files)  # made before anything is timed
    clients = ["cctrawl", *(name for name in arguments.peers.split(",") if name)]
    taken: dict[str, list[Harvest]] = {client: [] for client in clients}
    with FooterServer(arguments.files, delay_s=_DELAY_S) as server:
        for _ in range(arguments.rounds):
            for client in clients:
                with tempfile.TemporaryDirectory() as folder:
                    out = Path(folder)
                    taken[client].append(ours(server, out) if client == "cctrawl" else peer(client, server, out))
    report({client: _median(harvests) for client, harvests in taken.items()}, arguments.files, arguments.rounds)


def report(typical: dict[str, Harvest], files: int, rounds: int) -> None:
    """Print the medians and the ratios, and write them."""
    mine, ideal_s = typical["cctrawl"], files * _DELAY_S / CONNECTIONS
    print(f"harvest_footers: medians of {rounds} rounds, {files:,} footers; {ideal_s:.1f} s would be ideal")
    ratios = {}
    for client, found in typical.items():
        ratios[client] = {"fetch": found.fetched_s / mine.fetched_s, "whole": found.seconds / mine.seconds}
        print(
            f"  {client:8} {found.arrived:6,.0f} arrived, fetched in {found.fetched_s:6.1f} s"
            f" ({ratios[client]['fetch']:.2f}x), all in {found.seconds:6.1f} s ({ratios[client]['whole']:.2f}x),"
            f" {found.cpu_s:5.1f} CPU s, {found.peak_bytes / 1e6:4.0f} MB, {found.requests:.3f} requests each"
        )
    print(f"  nothing to do: {mine.again_s:.2f} s")
    facts = {client: asdict(found) for client, found in typical.items()}
    settings = {
        "files": files,
        "rounds": rounds,
        "delay_s": _DELAY_S,
        "connections": CONNECTIONS,
        "ideal_s": ideal_s,
    }
    keep("harvest_footers", {**settings, "ideal_s": ideal_s, "clients": facts, "ratio_to_cctrawl": ratios})


if __name__ == "__main__":
    main()
