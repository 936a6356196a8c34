"""The lists that make a tree findable: collinfo.json and the path listings of each crawl."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cctrawl.testing.arc import ARC_CRAWLS
from cctrawl.testing.writer import gzip_member

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def crawl_start(crawl: str) -> date:
    """Return the day a crawl such as ``CC-MAIN-2024-22`` began: some days before the week it is named after."""
    year, week = crawl.split("-")[-2:]
    return date.fromisocalendar(int(year), int(week), 1) - timedelta(days=10)


def crawl_span(crawl: str) -> tuple[str, str, str]:
    """Return a crawl's name, and the times of its first and last capture, as ``collinfo.json`` has them."""
    arc = ARC_CRAWLS.get(crawl)
    if arc is not None:
        return arc.name, f"{arc.start:%Y-%m-%dT%H:%M:%S}", f"{arc.end:%Y-%m-%dT%H:%M:%S}"
    start = crawl_start(crawl)
    return f"{start:%B %Y} Index", f"{start}T00:00:00", f"{start + timedelta(days=12)}T23:59:59"


def write_collinfo(root: Path, crawls: Iterable[str]) -> None:
    """Write ``collinfo.json`` at the top of the tree, newest crawl first, in the form the index server gives it."""
    entries = []
    for crawl in sorted(crawls, reverse=True):
        name, start, end = crawl_span(crawl)
        entry = {
            "id": crawl,
            "name": name,
            "timegate": f"https://index.commoncrawl.org/{crawl}/",
            "cdx-api": f"https://index.commoncrawl.org/{crawl}-index",
            "from": start,
            "to": end,
        }
        entries.append(entry)
    (root / "collinfo.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def write_listing(root: Path, folder: str, kind: str, paths: Iterable[str]) -> None:
    """Write ``<folder><kind>.paths.gz``: one path a line."""
    target = root / folder / f"{kind}.paths.gz"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip_member("".join(f"{path}\n" for path in paths).encode()))
