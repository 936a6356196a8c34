"""A small, exact, fake Common Crawl, for tests and demonstrations, yours too.

`build` writes it into a folder: several crawls with ``collinfo.json``, path listings, WARC, WAT and WET files and
both indexes, and returns a `FakeCrawls` that knows what is in it. `WarcWriter` writes WARC files of your own.

Read in this order: ``build`` (what lies where), ``archive`` (the records of a file), ``pages``, ``wordpress`` and
``sites`` with ``corpus`` (what the fake web answers), ``derived`` (WAT, WET), ``catalogue`` (collinfo.json and
path listings), ``writer`` (WARC bytes).
"""

from __future__ import annotations

from cctrawl.testing.archive import FakePage
from cctrawl.testing.build import SIZES, FakeCrawls, Size, build
from cctrawl.testing.writer import Member, WarcWriter, gzip_member, http_message, sha1_digest

__all__ = [
    "SIZES",
    "FakeCrawls",
    "FakePage",
    "Member",
    "Size",
    "WarcWriter",
    "build",
    "gzip_member",
    "http_message",
    "sha1_digest",
]
