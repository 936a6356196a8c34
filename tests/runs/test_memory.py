"""Memory: what a run holds does not grow with the number of its inputs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIMIT_KIB = 200 << 10


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads peak memory from /proc")
def test_a_hundred_thousand_inputs_fit_in_a_small_driver(tmp_path: Path) -> None:
    """A list of 100,000 inputs costs the driver under 200 MB, while it is read and while it is worked on."""
    listed = "".join(
        f"crawl-data/CC-MAIN-2024-22/segments/1715905020494.65/warc/file-{n:05}.warc.gz\n" for n in range(100_000)
    )
    (tmp_path / "list.txt").write_text(listed)
    words = [
        "run",
        "themes",
        "--files",
        "-",
        "-o",
        "x.csv",
        "--base-url",
        str(tmp_path),
        "--max-failures",
        "100%",
        "-q",
    ]
    with (tmp_path / "list.txt").open() as stdin, (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cctrawl", *words], stdin=stdin, stdout=log, stderr=log, cwd=tmp_path
        )
        with process:
            peak_kib = 0
            while (tmp_path / "log").stat().st_size < 200_000 and process.poll() is None:
                time.sleep(0.1)
                peak_kib = max(peak_kib, _peak_kib(process.pid))
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        log.seek(0)
        assert "failed: crawl-data/" in log.read()
    assert process.returncode == 130
    assert 10_000 < peak_kib < LIMIT_KIB


def _peak_kib(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0
