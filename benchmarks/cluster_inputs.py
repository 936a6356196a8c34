"""Claim: 100,000 tiny inputs over Dask take at most 2.5 times what Dask itself takes for tasks that do nothing.

Both give the same workers as many tasks at once, in one run, by turns; the driver of ours stays below 200 MB. What
ours does besides: a file is opened, its one record read, its row sent to the driver, made durable there and entered
in the ledger. All inputs are one WARC file with a small page, by many names.

    python benchmarks/cluster_inputs.py [--inputs 100000] [--workers 3] [--rounds 1]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from many_inputs import make_links
from memory import watched
from side_by_side import keep

MUST, AIM, LIMIT_BYTES = 2.5, 1.5, 200_000_000

SCHEDULER = """
import sys
import dask
from cctrawl.runs.cluster.scheduler import CONFIG
dask.config.set(CONFIG)  # as over our own hosts
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=int(sys.argv[1]), threads_per_worker=1, host="127.0.0.1",
                      dashboard_address="127.0.0.1:0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""

BARE = """
import json, sys, time
from distributed import Client, as_completed

def nothing(name):
    return None

def main(address, names, window):
    names = iter(open(names).read().split())
    with Client(address) as client:
        began = time.monotonic()
        running = as_completed([client.submit(nothing, next(names), pure=False) for _ in range(window)])
        count = 0
        for future in running:
            count += 1
            future.release()
            following = next(names, None)
            if following is not None:
                running.add(client.submit(nothing, following, pure=False))
        print(json.dumps([count, time.monotonic() - began]))

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    bare, ours, peaks = [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        names = make_links(folder, given.inputs)
        (folder / "scheduler.py").write_text(SCHEDULER)
        (folder / "bare.py").write_text(BARE)
        with subprocess.Popen(
            [sys.executable, folder / "scheduler.py", str(given.workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as cluster:
            assert cluster.stdin is not None  # noqa: S101 - both are pipes
            assert cluster.stdout is not None  # noqa: S101 - both are pipes
            address = cluster.stdout.readline().strip()
            for number in range(given.rounds):
                bare.append(_bare(folder, address, names, given.workers) / given.inputs)
                seconds, peak_bytes = _ours(folder, address, names, number)
                ours.append(seconds / given.inputs)
                peaks.append(peak_bytes)
                print(f"round {number + 1}: bare {bare[-1] * 1000:.2f} ms, ours {ours[-1] * 1000:.2f} ms an input")
            cluster.stdin.close()
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f"ours takes {ratio:.2f} times the time of bare Dask (must: {MUST}, aim: {AIM})")
    print(f"driver: {max(peaks) / 1e6:.0f} MB (must: {LIMIT_BYTES / 1e6:.0f})")
    facts = {"inputs": given.inputs, "workers": given.workers, "s_per_input": ours, "bare_s_per_input": bare}
    keep("cluster_inputs", {**facts, "ratio": ratio, "driver_peak_bytes": peaks})


def _bare(folder: Path, address: str, names: Path, workers: int) -> float:
    window = workers + -(-workers // 4)  # as ours
    words = [sys.executable, str(folder / "bare.py"), address, str(names), str(window)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    count, seconds = json.loads(done.stdout)
    assert count == len(names.read_text().split())  # noqa: S101 - else the figure says nothing
    return float(seconds)


def _ours(folder: Path, address: str, names: Path, number: int) -> tuple[float, int]:
    command = [
        *(str(Path(sys.executable).parent / "cctrawl"), "run", "themes", "--files", "-", "-q"),
        *("-o", f"{folder}/{number}.csv", "--scheduler", address, "--data-dir", str(folder)),
    ]
    with names.open("rb") as stdin:
        driver, _, seconds = watched(command, stdin)
    return seconds, driver.rss


if __name__ == "__main__":
    main()
