"""Hosts that write to S3: rows go there from where they are made."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

import cctrawl
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls, FakeServer

if TYPE_CHECKING:
    from tests.hosts.conftest import Lab

CRAWL = "CC-MAIN-2024-22"
PORT = 5005
_ASK = "import sys, urllib3; urllib3.request(*sys.argv[1:])"


@pytest.mark.slow
def test_hosts_upload_their_parts(
    lab: Lab, fake: FakeCrawls, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Over three hosts each part goes from its host to S3, where they are those of a folder here, byte for byte."""
    caplog.set_level(logging.INFO, "werkzeug")
    url = f"http://{lab.hosts.address}:{PORT}"
    python = lab.shared / "python"  # as if each host had these in its ~/.aws
    variables = f"AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=secret"
    python.write_text(f'#!/bin/sh\nexport {variables}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with lab.hosts.network():
        s3 = ThreadedMotoServer(lab.hosts.address, PORT)
        s3.start()
        server = FakeServer(fake.root, address=lab.hosts.address)
    try:
        with server:
            lab.hosts.run([sys.executable, "-c", _ASK, "PUT", f"{url}/bucket"])
            words = ["run", "themes", "-c", CRAWL, "-o", "s3://bucket/out/", "-f", "csv", "--report", "report.json"]
            words += ["--hosts", str(lab.hosts.hosts_file("h1", "h2 1", "h3 1")), "--workdir", str(lab.scratch)]
            words += ["--python", str(python), "--base-url", server.url, "--data-dir", str(tmp_path / "data")]
            done = lab.hosts.run([str(python), "-m", "cctrawl", *words], cwd=lab.shared)
            assert done.returncode == 0, done.stderr
            settings = Settings.resolve(base_url=str(fake.root))
            cctrawl.run("themes", crawl=CRAWL, output=f"{tmp_path}/out/", format="csv", settings=settings)
        keys = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets["bucket"].keys
        expected = {f"out/{path.name}": path.read_bytes() for path in (tmp_path / "out").glob("part-*")}
        assert {name: keys[name].value for name in keys} == expected
    finally:
        s3.stop()
    uploads = [line.split()[0] for line in caplog.messages if '"PUT /bucket/out/.cctrawl-parts/0' in line]
    assert len(uploads) == len(fake.files(CRAWL))
    assert lab.hosts.address not in uploads
    hosts = json.loads((lab.shared / "report.json").read_text())["hosts"]
    assert sum(host["files_done"] for host in hosts) == len(uploads)
