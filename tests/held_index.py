"""Indexes for tests: a small one whose row groups a test writes down itself, and that of the fake crawl."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cctrawl.index import harvest
from cctrawl.settings import Settings
from cctrawl.store import HELD, GroupRow, IndexFile, note_listing, open_index, put_file, put_row_groups
from cctrawl.testing import FakeCrawls

Enter = Callable[..., str]


@pytest.fixture
def held(tmp_path: Path) -> Settings:
    """Settings of a data folder of its own."""
    return Settings.resolve(data_dir=tmp_path / "held", base_url="s3://mine/")


@pytest.fixture
def index(held: Settings) -> Iterator[IndexFile]:
    """Return the index of those settings, empty at first."""
    with open_index(held.data_dir, held.base_url) as index:
        yield index


@pytest.fixture
def enter(index: IndexFile) -> Enter:
    """Return what enters a file with these row groups and returns its path."""

    def entered(
        groups: Sequence[GroupRow] = (),
        *,
        crawl: str = "CC-MAIN-2020-24",
        subset: str = "warc",
        number: int = 0,
        state: str = HELD,
    ) -> str:
        path = path_of(crawl, subset, number)
        with index.transaction() as connection:
            file = put_file(
                connection,
                path=path,
                crawl=crawl,
                subset=subset,
                size=1000,
                footer_bytes=10,
                num_rows=sum(group.num_rows for group in groups),
                row_groups=len(groups),
                state=state,
                schema=None,
                error=None if state == HELD else "no footer",
            )
            put_row_groups(connection, file, groups)
        return path

    return entered


def path_of(crawl: str, subset: str, number: int) -> str:
    """Return a listed path."""
    return f"cc-index/table/cc-main/warc/crawl={crawl}/subset={subset}/part-{number:05d}-x.c000.gz.parquet"


@pytest.fixture
def listed(index: IndexFile) -> Callable[[str, int], None]:
    """Return what enters how many files of the subset warc a listing has."""
    return lambda crawl, files: note_listing(index, {(crawl, "warc"): files})


def group(low: bytes | None, high: bytes | None, statistics: str = "ordered", num_rows: int = 10) -> GroupRow:
    """Return a row group with these bounds, given as a footer has them."""
    if statistics == "signed":
        low, high = (bound and bytes(byte ^ 0x80 for byte in bound) for bound in (low, high))
    return GroupRow(num_rows, min(100 * num_rows, 1 << 62), statistics, low, high)


@pytest.fixture(scope="session")
def harvested(fake: FakeCrawls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a data folder that holds all footers of the fake crawl; whoever changes it makes a copy."""
    settings = Settings.resolve(data_dir=tmp_path_factory.mktemp("harvested"), base_url=str(fake.root))
    harvest("all", subset="all", quiet=True, settings=settings)
    return settings


@pytest.fixture
def copied(harvested: Settings, tmp_path: Path) -> Settings:
    """Settings of a copy of that folder."""
    shutil.copytree(harvested.data_dir, tmp_path / "copied")
    return replace(harvested, data_dir=tmp_path / "copied")
