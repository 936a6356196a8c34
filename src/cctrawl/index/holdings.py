"""What is held of the index: which crawls a name means, whether all of their files are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.errors import InvalidInputError, NotFoundError
from cctrawl.listings import SUBSETS, is_crawl_id, named_crawls, split_crawls
from cctrawl.settings import Settings
from cctrawl.store import (
    HoldingRow,
    IndexFile,
    Selection,
    held_crawls,
    holdings,
    incomplete_subsets,
    open_index,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def open_held(settings: Settings | None = None) -> IndexFile:
    """Open the index of the base URL in force, of which something is held.

    Args:
        settings: the settings in force if not given.

    Raises:
        NotFoundError: nothing is.
        CctrawlError: the file cannot be read.
    """
    settings = settings or Settings.resolve()
    return open_index(settings.data_dir, settings.base_url, must_exist=True)


def held_selection(index: IndexFile, crawls: str | Sequence[str] | None, subset: str = "warc") -> Selection:
    """Return the held files that are meant, newest crawl first; nothing is asked of the network.

    Args:
        index: the index.
        crawls: a crawl expression, or several, whose ``all``, ``latest`` and years are those among the held ones;
            ``None`` for all of them.
        subset: ``warc``, ``robotstxt``, ``crawldiagnostics`` or ``all``.

    Raises:
        InvalidInputError: no such subset, or no crawl is named.
        NotFoundError: a crawl that is named is not held, or none is.
    """
    if subset != "all" and subset not in SUBSETS:
        raise InvalidInputError(f"no subset: {subset!r}", hint=f"one of {', '.join(SUBSETS)}, all")
    one = "" if subset == "all" else subset
    held = held_crawls(index, one)
    expression = "all" if crawls is None else crawls if isinstance(crawls, str) else ",".join(crawls)
    named = set(split_crawls(expression))
    found = {crawl for name in named for crawl in _held(name, held, subset)}
    return Selection(sorted(found, reverse=True), one)


def incomplete_holdings(index: IndexFile, selection: Selection) -> list[HoldingRow]:
    """Return the held subsets of a selection that lack files of their listing, or have footers nobody can decode.

    Of an import alone nobody knows how many files the listing has: it counts as complete.

    Raises:
        CctrawlError: the index cannot be read.
    """
    chosen = set(selection.crawls)
    lacking = [
        (crawl, subset)
        for crawl, subset in incomplete_subsets(index)
        if crawl in chosen and selection.subset in ("", subset)
    ]
    return holdings(index, lacking) if lacking else []


def _held(name: str, held: list[str], subset: str) -> list[str]:
    found = [crawl for crawl in held if crawl == name.upper()] if is_crawl_id(name) else named_crawls(name, held)
    if not found:
        other = "" if subset == "warc" else f" --subset {subset}"
        where = "" if subset == "all" else f" for the subset {subset}"
        raise NotFoundError(
            f"no index of {'any crawl' if name == 'all' else name} is held{where}",
            hint=f"`cctrawl harvest -c {name}{other}` fetches it; `cctrawl index` lists what is held",
        )
    return found
