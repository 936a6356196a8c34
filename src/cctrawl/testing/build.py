"""Builds the fake Common Crawl on disk."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from cctrawl.errors import InvalidInputError, NotFoundError
from cctrawl.testing.arc import ARC_CRAWLS, ArcWriter, arc_path
from cctrawl.testing.archive import ArchiveWriter, FakePage, Place
from cctrawl.testing.catalogue import crawl_start, write_collinfo, write_listing
from cctrawl.testing.cdxj import write_cdxj
from cctrawl.testing.columnar import FakeIndexFile, IndexShape, index_folder, write_columnar
from cctrawl.testing.corpus import THEMES
from cctrawl.testing.pages import make_failure, make_long_page, make_page, make_robots
from cctrawl.testing.sites import Site, make_sites

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from cctrawl.testing.answer import Answer

SUBSETS = ("warc", "robotstxt", "crawldiagnostics")


@dataclass(frozen=True)
class Size:
    """How much is built.

    Attributes:
        crawls: ids of the crawls, of the form ``CC-MAIN-2024-22``.
        segments: segments per crawl.
        files_per_segment: WARC files per segment (and as many WAT, WET, robots.txt and non-200 files).
        pages_per_file: pages per WARC file; the other files have a fourth of it.
        page_bytes: typical size of a page.
        arc: ids of crawls of the time before WARC, such as ``CC-MAIN-2009-2010``: ARC files, one per file of a
            segment, CDXJ and no columnar index.
        news: months of CC-NEWS, such as ``CC-NEWS-2024-05``: one WARC file each, no index.
        sites: hosts of the fake web, shared by all crawls.
        lines_per_block: lines in a gzip block of the CDXJ index (3,000 in Common Crawl).
        cdx_files: CDXJ files per crawl.
        index_files: files of the columnar index per crawl and subset (300 in Common Crawl).
        rows_per_group: rows in a row group of the columnar index.
        index_page_bytes: about how much of a column is in a page of the columnar index (1 MiB in Common Crawl).
        long_urls: ids of the crawls that have a page whose URL is longer than 4 KiB, so that the row group of the
            columnar index that it is in has no statistics.
    """

    crawls: tuple[str, ...] = ("CC-MAIN-2018-05", "CC-MAIN-2020-24", "CC-MAIN-2023-50", "CC-MAIN-2024-22")
    arc: tuple[str, ...] = ("CC-MAIN-2009-2010",)
    news: tuple[str, ...] = ("CC-NEWS-2024-05",)
    segments: int = 2
    files_per_segment: int = 4
    pages_per_file: int = 10
    page_bytes: int = 6_000
    sites: int = 40
    lines_per_block: int = 10
    cdx_files: int = 3
    index_files: int = 3
    rows_per_group: int = 10
    index_page_bytes: int = 256
    long_urls: tuple[str, ...] = ("CC-MAIN-2020-24",)


SIZES = {
    "small": Size(),
    "medium": Size(
        segments=4, files_per_segment=4, pages_per_file=120, page_bytes=15_000, sites=400,
        lines_per_block=300, rows_per_group=100, index_page_bytes=1024,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class FakeCrawls:
    """What was built, and what is true of it.

    Attributes:
        root: the folder; its absolute path is a base URL.
        size: how much was built.
        pages: every capture by the listed path of its WARC file, in the order of the file.
        index: every file of the columnar index, with its row groups and rows, by crawl, oldest first, and path.
    """

    root: Path
    size: Size
    pages: dict[str, list[FakePage]] = field(repr=False)
    index: list[FakeIndexFile] = field(repr=False)

    @property
    def crawls(self) -> list[str]:
        """Ids of the crawls, newest first."""
        return sorted((*self.size.crawls, *self.size.arc), reverse=True)

    def files(self, crawl: str, subset: str = "warc") -> list[str]:
        """Return the listed paths of the WARC files of a crawl (or a month of CC-NEWS), in the listing's order.

        Raises:
            NotFoundError: there is no such crawl or subset here.
        """
        folder = ARC_CRAWLS[crawl].folder if crawl in ARC_CRAWLS else _folder(crawl)
        found = [path for path in self.pages if path.startswith(folder) and self.pages[path][0].subset == subset]
        if not found:
            raise NotFoundError(
                f"the fake has no {subset} files of {crawl}", hint=f"it has {', '.join(self.crawls)}"
            )
        return found

    def index_files(self, crawl: str, subset: str = "warc") -> list[FakeIndexFile]:
        """Return the files of a crawl's columnar index, in the listing's order: what is in them, row by row.

        Raises:
            NotFoundError: there is no such crawl or subset here, or the crawl has no columnar index.
        """
        found = [file for file in self.index if (file.crawl, file.subset) == (crawl, subset)]
        if not found:
            raise NotFoundError(
                f"the fake has no columnar index of the {subset} files of {crawl}",
                hint=f"it has one of {', '.join(sorted(self.size.crawls, reverse=True))}",
            )
        return found

    def expected_themes(self, paths: Iterable[str | os.PathLike[str]]) -> list[tuple[str, str]]:
        """Return the rows (domain, theme) that the ``themes`` job must give for these WARC files, in order.

        Paths are listed paths, or anything that ends in one (a file on disk, a URL).
        """
        return [
            (page.domain, theme)
            for path in paths
            for page in self.pages[self._listed(str(path))]
            for theme in page.themes
        ]

    def _listed(self, path: str) -> str:
        """The listed path that ``path`` ends in."""
        return path if path in self.pages else next(listed for listed in self.pages if path.endswith(listed))


def build(folder: str | os.PathLike[str], *, seed: int = 0, size: str | Size = "small") -> FakeCrawls:
    """Build a small, exact, fake Common Crawl in a folder and return what is true of it.

    Args:
        folder: where; made if it is not there. It must be empty.
        seed: equal seeds and sizes give equal bytes (with the same zlib and pyarrow).
        size: ``small`` (a second, a few MB), ``medium`` (for demonstrations), or a `Size`.

    Raises:
        InvalidInputError: an unknown size, a number in it below 1, an id of another form, or a folder that is not
            empty.
    """
    size = _checked(size)
    root = Path(folder).absolute()
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise InvalidInputError(f"the folder {root} is not empty", hint="name a new folder")
    sites = make_sites(random.Random(f"{seed} sites"), size.sites, THEMES)  # noqa: S311 - content, not a secret
    pages: dict[str, list[FakePage]] = {}
    index: list[FakeIndexFile] = []
    for crawl in sorted(size.crawls):
        captures = _build_crawl(root, crawl, seed, size, sites)
        pages.update(captures)
        index += _write_indexes(root, crawl, seed, size, captures)
    for crawl in size.arc:
        pages.update(_build_arc(root, crawl, seed, size, sites))
    for month in size.news:
        pages.update(_build_news(root, month, seed, size, sites))
    fake = FakeCrawls(root, size, pages, index)
    write_collinfo(root, fake.crawls)
    return fake


def _checked(size: str | Size) -> Size:
    if isinstance(size, str):
        if size not in SIZES:
            raise InvalidInputError(f"no size: {size!r}", hint=f"one of {', '.join(SIZES)}, or a Size")
        return SIZES[size]
    for name, value in vars(size).items():
        if isinstance(value, int) and value < 1:
            raise InvalidInputError(f"no size: {name}={value}", hint="at least 1")
    wrong = [crawl for crawl in size.crawls if not re.fullmatch(r"CC-MAIN-\d{4}-\d{2}", crawl)]
    if wrong:
        raise InvalidInputError(f"no crawl to build: {wrong[0]!r}", hint="for example CC-MAIN-2024-22")
    unknown = sorted(set(size.arc) - set(ARC_CRAWLS))
    if unknown:
        raise InvalidInputError(f"no crawl of ARC files: {unknown[0]!r}", hint=f"one of {', '.join(ARC_CRAWLS)}")
    return size


def _build_crawl(root: Path, crawl: str, seed: int, size: Size, sites: list[Site]) -> dict[str, list[FakePage]]:
    pages: dict[str, list[FakePage]] = {}
    listings: dict[str, list[str]] = defaultdict(list)
    midnight = datetime.combine(crawl_start(crawl), time(), tzinfo=timezone.utc)
    for segment in range(size.segments):
        start = midnight + timedelta(hours=5 * segment, minutes=17 + 7 * segment)
        folder = f"{_folder(crawl)}segments/{int(start.timestamp())}{494 + segment}.{65 + segment}/"
        listings["segment"].append(folder)
        for number in range(size.files_per_segment):
            for subset in SUBSETS:
                path = f"{folder}{subset}/CC-MAIN-{_span(start)}-{number:05}.warc.gz"
                place = Place(root, path, crawl, subset, start, derived=subset == "warc")
                is_last = (segment, number) == (size.segments - 1, size.files_per_segment - 1)
                has_long_url = is_last and subset == "warc" and crawl in size.long_urls
                pages[path] = _build_file(place, f"{seed} {path}", size, sites, has_long_url=has_long_url)
                _list_file(listings, place)
    for kind in ("segment", "warc", "wat", "wet", "robotstxt", "non200responses"):
        write_listing(root, _folder(crawl), kind, listings[kind])
    return pages


def _build_arc(root: Path, crawl: str, seed: int, size: Size, sites: list[Site]) -> dict[str, list[FakePage]]:
    pages: dict[str, list[FakePage]] = {}
    for number in range(size.files_per_segment):
        start = ARC_CRAWLS[crawl].start + timedelta(days=188, minutes=17 * number)
        path = arc_path(crawl, start, number)
        place = Place(root, path, crawl, "warc", start, derived=False)
        rng = random.Random(f"{seed} {path}")  # noqa: S311 - content, not a secret
        with closing(ArcWriter(place, rng)) as writer:
            pages[path] = writer.write_answers(_answers(place, rng, size, sites))
    write_listing(root, _folder(crawl), "warc", pages)
    captures = [page for file in pages.values() for page in file]
    cdxj = write_cdxj(root, crawl, captures, lines_per_block=size.lines_per_block, file_count=size.cdx_files)
    write_listing(root, _folder(crawl), "cc-index", cdxj)
    return pages


def _build_news(root: Path, month: str, seed: int, size: Size, sites: list[Site]) -> dict[str, list[FakePage]]:
    year, number = month.split("-")[-2:]
    start = datetime(int(year), int(number), 1, 0, 20, 17, tzinfo=timezone.utc)
    path = f"{_folder(month)}CC-NEWS-{start:%Y%m%d%H%M%S}-00001.warc.gz"
    place = Place(root, path, "CC-NEWS", "warc", start, derived=False)
    write_listing(root, _folder(month), "warc", [path])
    return {path: _build_file(place, f"{seed} {path}", size, sites)}


def _folder(crawl: str) -> str:
    """The listed folder of a crawl: ``crawl-data/CC-MAIN-2024-22/``, ``crawl-data/CC-NEWS/2024/05/``."""
    if crawl.startswith("CC-NEWS-"):
        return f"crawl-data/CC-NEWS/{crawl[8:].replace('-', '/')}/"
    return f"crawl-data/{crawl}/"


def _write_indexes(
    root: Path, crawl: str, seed: int, size: Size, pages: dict[str, list[FakePage]]
) -> list[FakeIndexFile]:
    captures = [page for file in pages.values() for page in file]
    cdxj = write_cdxj(root, crawl, captures, lines_per_block=size.lines_per_block, file_count=size.cdx_files)
    write_listing(root, _folder(crawl), "cc-index", cdxj)
    shape = IndexShape(size.index_files, size.rows_per_group, size.index_page_bytes, salt=f"{seed} {size}")
    files = write_columnar(root, crawl, captures, shape)
    # Common Crawl's list begins with the folder.
    write_listing(root, _folder(crawl), "cc-index-table", [index_folder(crawl), *(file.path for file in files)])
    return files


def _span(start: datetime) -> str:
    return f"{start:%Y%m%d%H%M%S}-{start + timedelta(hours=3):%Y%m%d%H%M%S}"


def _list_file(listings: dict[str, list[str]], place: Place) -> None:
    kind = "non200responses" if place.subset == "crawldiagnostics" else place.subset
    listings[kind].append(place.path)
    if place.derived:
        for derived in ("wat", "wet"):
            listings[derived].append(place.sibling(derived))


def _build_file(
    place: Place, seed: str, size: Size, sites: list[Site], *, has_long_url: bool = False
) -> list[FakePage]:
    rng = random.Random(seed)  # noqa: S311 - content, not a secret
    answers = _answers(place, rng, size, sites)
    if has_long_url:
        answers.append(make_long_page(rng, sites, size.page_bytes))
    with closing(ArchiveWriter(place, rng)) as writer:
        return writer.write_answers(answers)


def _answers(place: Place, rng: random.Random, size: Size, sites: list[Site]) -> list[Answer]:
    """What the fake web answers to the requests that a file of this subset holds."""
    if place.subset == "warc":
        return [make_page(rng, rng.choice(sites), size.page_bytes) for _ in range(size.pages_per_file)]
    make = make_robots if place.subset == "robotstxt" else make_failure
    return [make(rng, rng.choice(sites)) for _ in range(max(1, size.pages_per_file // 4))]
