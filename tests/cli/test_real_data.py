"""The main job on real Common Crawl records, through the installed command."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

THEMES = [
    ("0900-hovenier.nl", "Bluemonkey"),
    ("0900-hovenier.nl", "Bluemonkey-child-hovenier"),
    ("commoncrawl.org", "commoncrawl"),
    ("commoncrawl.org", "hipwords"),
    ("commoncrawl.org", "commoncrawl"),
    ("commoncrawl.org", "hipwords"),
]


def test_the_main_job_on_real_records(real_data: Path, tmp_path: Path) -> None:
    """Every real file is read to its end, ARC too, what is cut is named, and rows are right."""
    program = str(Path(sys.executable).parent / "cctrawl")
    files = [str(path) for path in sorted((real_data / "warc").iterdir()) if path.suffix != ".json"]
    words = ["run", "themes", "--files", *files, "-o", "themes.csv", "--tries", "1", "--report", "run.json"]
    done = subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "run.json").read_text())
    golden = json.loads((real_data / "warc" / "GOLDEN.json").read_text())
    assert not report["failures"]
    assert [Path(place["input"]).name.rpartition("--")[2] for place in report["damages"]] == ["clipped.warc.gz"]
    found = sum(max(entry["warcio_1_8_1"][0], entry["fastwarc_2_0_1"][0]) for entry in golden)
    assert report["records"] == found - 1, "all but the cut record, which counts as damage"
    with (tmp_path / "themes.csv").open(newline="") as rows:
        assert [tuple(row) for row in csv.reader(rows)][1:] == THEMES
