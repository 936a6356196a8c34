"""The main job over what is no usual crawl: ARC files, CC-NEWS, zstd."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from cctrawl.testing import FakeCrawls, FakeServer
from cctrawl.warc import read_records


def run(*words: str | Path, cwd: Path) -> tuple[list[tuple[str, ...]], str]:
    """Return the rows that the command writes to stdout, and what it says."""
    program = Path(sys.executable).parent / "cctrawl"
    done = subprocess.run([program, "run", "themes", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [tuple(row) for row in csv.reader(io.StringIO(done.stdout))][1:], done.stderr


@pytest.mark.parametrize("crawl", ["CC-MAIN-2009-2010", "CC-NEWS-2024-05"])
def test_crawls_of_other_forms(crawl: str, fake: FakeCrawls, server: FakeServer, tmp_path: Path) -> None:
    """The themes of an ARC crawl and of a month of CC-NEWS come out over HTTP like those of any crawl."""
    words = ("-c", crawl, "--limit", "2", "-o", "-", "-f", "csv", "--base-url", server.url)
    rows, said = run(*words, cwd=tmp_path)
    assert rows == fake.expected_themes(fake.files(crawl)[:2])
    assert rows
    assert "damaged" not in said


def test_a_listed_arc_path(fake: FakeCrawls, tmp_path: Path) -> None:
    """A listed path of an ARC file, which does not begin with crawl-data/, is found below the base URL."""
    path = fake.files("CC-MAIN-2009-2010")[1]
    rows, _ = run("--files", path, "-o", "-", "-f", "csv", "--base-url", fake.root, cwd=tmp_path)
    assert rows == fake.expected_themes([path])


def test_a_zstd_file(fake: FakeCrawls, tmp_path: Path) -> None:
    """A .warc.zst gives the rows of the .warc.gz that it was made of."""
    path = fake.files("CC-MAIN-2024-22")[0]
    file = fake.root / path
    data = file.read_bytes()
    members = [data[record.offset : record.offset + (record.length or 0)] for record in read_records(file)]
    frames = [zstandard.compress(gzip.decompress(member)) for member in members]
    (tmp_path / "a.warc.zst").write_bytes(b"".join(frames))
    rows, _ = run("--files", "a.warc.zst", "-o", "-", "-f", "csv", cwd=tmp_path)
    assert rows == fake.expected_themes([path])
