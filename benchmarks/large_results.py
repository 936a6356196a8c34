"""Claim: 60 results of 10 MB from three hosts leave the driver below 250 MB, its scheduler answers within 0.5 s.

Rows are hexadecimal digits of random bytes, which compress to half; the output is in a folder that hosts do not
see, so that they send all rows. A thread of the driver asks its scheduler something again and again. The hosts are
namespaces of this machine with a real sshd each, two workers on each, through the tunnel.

    python benchmarks/large_results.py [--inputs 60] [--result-bytes 10MB]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from many_inputs import make_links
from memory import watched
from side_by_side import keep

from cctrawl.settings import parse_size
from cctrawl.testing import FakeHosts

LIMIT_BYTES, LIMIT_S, WORKERS = 250_000_000, 0.5, 2
ROW_BYTES = 500

JOB = """
import os
import cctrawl

@cctrawl.job("digits")
def write(records):
    for record in records:
        for _ in range({rows}):
            yield (os.urandom({row_bytes} // 2).hex(),)
"""
# The driver, and beside it what asks its scheduler. Nothing public leads to it: strangers shall not ask.
DRIVER = """
import json, sys, threading, time
import cctrawl
from cctrawl.runs.cluster import scheduler

begin, answers = scheduler.OwnScheduler.__init__, []

def ask(client):
    while client.status == "running":
        began = time.monotonic()
        try:
            client.run_on_scheduler(int)
        except Exception:
            return  # the run is over
        answers.append(time.monotonic() - began)
        time.sleep(0.02)

def begin_and_ask(self, *arguments, **options):
    begin(self, *arguments, **options)
    threading.Thread(target=ask, args=(self.client,), daemon=True).start()

scheduler.OwnScheduler.__init__ = begin_and_ask
output, listed, hosts = sys.argv[1:]
report = cctrawl.run("writing.py:write", files=open(listed).read().split(), output=output, hosts=hosts, tunnel=True,
                     python=sys.executable, quiet=True)
answers.sort()
print(json.dumps([report.state, report.rows, len(answers), answers[len(answers) * 99 // 100], answers[-1]]))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=60)
    parser.add_argument("--result-bytes", type=parse_size, default=10_000_000)
    arguments = parser.parse_args()
    rows = arguments.result_bytes // (ROW_BYTES + 1)
    with tempfile.TemporaryDirectory() as scratch:
        own = Path(scratch, "own")
        own.mkdir()
        (own / "writing.py").write_text(JOB.format(rows=rows, row_bytes=ROW_BYTES))
        (own / "driver.py").write_text(DRIVER)
        listed = make_links(Path(scratch), arguments.inputs)
        with FakeHosts(Path(scratch) / "hosts", private=[own]) as hosts, (own / "told").open("wb") as told:
            lines = hosts.hosts_file(*(f"{name} {WORKERS}" for name in hosts.names))
            words = [sys.executable, "driver.py", "out.csv", str(listed), str(lines)]
            driver, _, seconds = watched(words, stdout=told, popen=partial(hosts.popen, cwd=own))
        state, found, asked, most_s, longest_s = json.loads((own / "told").read_text())
        size = (own / "out.csv").stat().st_size
    if (state, found) != ("done", rows * arguments.inputs):
        sys.exit(f"{state}: {found:,} rows, not {rows * arguments.inputs:,}")
    print(f"{arguments.inputs} results, {size / 1e6:.0f} MB of rows in {seconds:.1f} s")
    print(f"driver {driver}   (must: RSS {LIMIT_BYTES / 1e6:.0f} MB)")
    print(
        f"{asked:,} answers of the scheduler: 99 % within {most_s:.3f} s, all within {longest_s:.3f} s", end="   "
    )
    print(f"(must: {LIMIT_S} s)")
    facts = {"results": arguments.inputs, "output_bytes": size, "s": seconds, "longest_answer_s": longest_s}
    keep("large_results", {**facts, "driver_peak_bytes": vars(driver)})


if __name__ == "__main__":
    main()
