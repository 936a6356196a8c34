"""The reader over connections that break: every record comes out, once, in order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from cctrawl.settings import Settings
from cctrawl.testing import DropRandomly, FakeServer, WarcWriter
from cctrawl.transport import Policy, Transport
from cctrawl.warc import read_records

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = 24_000


def test_every_record_survives_connections_that_drop(tmp_path: Path) -> None:
    """A server that drops each connection after a random number of bytes gives 24,000 of 24,000 records."""
    words = random.Random(3).randbytes(3000).hex()
    folder = tmp_path / "served"
    folder.mkdir()
    with WarcWriter(folder / "a.warc.gz", level=1) as writer:
        for i in range(RECORDS):
            start = i * 37 % 5000
            writer.write("resource", words[start : start + 200 + i % 600].encode(), url=f"http://h/{i}")
    with FakeServer(folder, [DropRandomly(most_bytes=60_000)], seed=5) as server:
        settings = Settings.resolve(base_url=server.url, data_dir=tmp_path / "state")
        with Transport(settings, policy=Policy(retry_s=0.001)) as transport:
            stream = transport.open_stream(server.url + "a.warc.gz")
            with read_records(stream) as reader:
                seen = [(record.url, len(record.payload)) for record in reader]
            counted = transport.counters.snapshot()
    assert seen == [(f"http://h/{i}", 200 + i % 600) for i in range(RECORDS)]
    assert reader.damaged_count == 0
    assert counted.resumed_streams > 100
