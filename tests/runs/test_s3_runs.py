"""Runs that read from S3."""

from __future__ import annotations

from pathlib import Path

import pytest

import cctrawl
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls, FakeServer, Refuse, Reset

CRAWL = "CC-MAIN-2024-22"


def test_a_run_reads_from_a_bucket(fake: FakeCrawls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base URL of S3 gives the rows that a folder gives, through refusals and broken connections."""
    with FakeServer(fake.root.parent, [Refuse(status=503, times=2), Reset(after_bytes=9000, chance=0.3)]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        for name, base_url in (("folder.csv", str(fake.root)), ("s3.csv", f"s3://{fake.root.name}")):
            settings = Settings.resolve(base_url=base_url, data_dir=tmp_path, tries=20)
            cctrawl.run("themes", crawl=CRAWL, limit=2, output=tmp_path / name, workers=1, settings=settings)
        assert server.count("*/warc/*") > 2
    assert (tmp_path / "s3.csv").read_bytes() == (tmp_path / "folder.csv").read_bytes()
