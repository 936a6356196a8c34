"""Memory: what a run holds does not grow with the number of its inputs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cctrawl
from cctrawl.settings import Settings
from cctrawl.testing import WarcWriter

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


_ABOUT_PANDAS = '''
import sys
import cctrawl

@cctrawl.job("is_loaded")
def about_pandas(records):
    """Say whether pandas is loaded."""
    yield ("pandas" in sys.modules,)


@cctrawl.job("rows")
def uses_pandas(records):
    """Use pandas with pyarrow, which has made arrays before."""
    import pandas as pd
    import pyarrow as pa

    table = pa.table({"url": [record.url for record in records]})
    yield (len(pd.concat([table.to_pandas(), pa.Table.from_pandas(table.to_pandas()).to_pandas()])),)
'''


@pytest.mark.parametrize(("job", "values"), [("about_pandas", {False}), ("uses_pandas", {2})])
def test_parquet_does_not_load_pandas_but_jobs_may(tmp_path: Path, job: str, values: set[object]) -> None:
    """A worker that writes Parquet has no pandas in its memory, unless the job uses it, which works as ever."""
    pytest.importorskip("pandas")
    pq = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "about.py").write_text(_ABOUT_PANDAS)
    for number in range(3):
        with WarcWriter(tmp_path / f"{number}.warc.gz") as writer:
            writer.write_response(f"http://s{number}.org/", b"page")
    report = cctrawl.run(
        f"{tmp_path / 'about.py'}:{job}",
        files=[tmp_path / f"{number}.warc.gz" for number in range(3)],
        output=tmp_path / "rows.parquet",
        workers=1,
        quiet=True,
        settings=Settings(data_dir=tmp_path / "data"),
    )
    assert report.inputs_done == 3
    assert set(pq.read_table(tmp_path / "rows.parquet").column(0).to_pylist()) == values
