"""A small, exact, fake Common Crawl, for tests and demonstrations, yours too.

`build` writes it into a folder: several crawls with ``collinfo.json``, path listings, WARC, WAT and WET files and
both indexes, and returns a `FakeCrawls` that knows what is in it. `FakeServer` serves a folder on loopback, with
faults on demand. `WarcWriter` writes WARC files of your own. `FakeHosts` are machines to reach by ssh, with faults
on demand. ``python -m cctrawl.testing FOLDER --serve`` does the first two from a shell.

Read in this order: ``build`` (what lies where), ``archive`` (the records of a file), ``answer``, ``pages``,
``wordpress`` and ``sites`` with ``corpus`` (what the fake web answers), ``derived`` (WAT, WET), ``arc``
(crawls before WARC), ``cdxj`` (the index in lines), ``columnar`` with ``rows``, ``generations`` and ``footers``
(the index in Parquet), ``catalogue`` (collinfo.json and path listings), ``writer`` (WARC bytes); ``server`` and
``faults``; ``hosts`` with ``guardian`` (machines to reach by ssh).
"""

from __future__ import annotations

from cctrawl.testing.archive import FakePage
from cctrawl.testing.build import SIZES, FakeCrawls, Size, build
from cctrawl.testing.columnar import FakeIndexFile, FakeRowGroup
from cctrawl.testing.faults import (
    ChangedFile,
    CutBody,
    DropRandomly,
    Fault,
    IgnoreRange,
    NoLength,
    Refuse,
    RefuseAboveRate,
    Reset,
    SlowAnswer,
    SlowBytes,
    WrongContentRange,
    WrongLength,
    XmlWith200,
)
from cctrawl.testing.hosts import FakeHosts
from cctrawl.testing.server import FakeServer, LoggedRequest
from cctrawl.testing.writer import Member, WarcWriter, gzip_member, http_message, sha1_digest

__all__ = [
    "SIZES",
    "ChangedFile",
    "CutBody",
    "DropRandomly",
    "FakeCrawls",
    "FakeHosts",
    "FakeIndexFile",
    "FakePage",
    "FakeRowGroup",
    "FakeServer",
    "Fault",
    "IgnoreRange",
    "LoggedRequest",
    "Member",
    "NoLength",
    "Refuse",
    "RefuseAboveRate",
    "Reset",
    "Size",
    "SlowAnswer",
    "SlowBytes",
    "WarcWriter",
    "WrongContentRange",
    "WrongLength",
    "XmlWith200",
    "build",
    "gzip_member",
    "http_message",
    "sha1_digest",
]
