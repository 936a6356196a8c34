"""The peers of harvest_footers.py and limited_footers.py: each fetches all footers that a server's listings name.

    python benchmarks/footer_clients.py CLIENT URL OUT

CLIENT is ``seed-fetch``, the scheme of the article that first read them all
(https://skeptric.com/reading-parquet-metadata/): aiohttp asks HEAD for a file's length, then for its last 8 bytes,
then for the footer; a thousand files at a time over 64 connections, which go into a sqlitedict when all are there.
``seed`` does that, then decodes what it holds with fastparquet into the table of eight columns, with pandas.
``obstore`` fetches with 64 threads, a tail of 64 KiB at once, and trusts its own retries. All write below the
folder OUT and print as JSON what arrived and what failed.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

CONNECTIONS = 64
_BATCH = 1000
_FAILURES = 5  # of a batch
_TAIL_BYTES = 64 * 2**10
_TRIES = 10
_PLACE = re.compile(r"/crawl=(?P<crawl>[^/]+)/subset=(?P<subset>[^/]+)/")


async def seed_fetch(url: str, out: Path) -> dict[str, object]:
    """Fetch as the seed did: a thousand files at a time, then all of them into a sqlitedict.

    A batch in which five requests failed ends it; what failed once is asked for again with the next.
    """
    import aiohttp
    from sqlitedict import SqliteDict

    async with aiohttp.ClientSession(url, raise_for_status=True) as session:
        paths = await _seed_paths(session)
    waiting, error = list(paths), ""
    with SqliteDict(str(out / "footers.sqlite")) as held:
        while waiting and not error:
            batch = waiting[:_BATCH]
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
            async with aiohttp.ClientSession(url, connector=connector, raise_for_status=True) as session:
                found = await asyncio.gather(
                    *(_seed_footer(session, path) for path in batch), return_exceptions=True
                )
            failed = [path for path, footer in zip(batch, found, strict=True) if not isinstance(footer, bytes)]
            held.update(
                (path, footer) for path, footer in zip(batch, found, strict=True) if isinstance(footer, bytes)
            )
            held.commit()
            waiting[:_BATCH] = failed
            if len(failed) >= _FAILURES:
                raised = next(footer for footer in found if not isinstance(footer, bytes))
                error = f"{len(failed)} of {len(batch)} failed: {type(raised).__name__}: {raised}"
        return {"arrived": len(held), "listed": len(paths), "error": error}


async def _seed_paths(session: aiohttp.ClientSession) -> list[str]:
    async with session.get("/collinfo.json") as answer:
        crawls = [crawl["id"] for crawl in await answer.json(content_type=None)]

    async def listed(crawl: str) -> list[str]:
        async with session.get(f"/crawl-data/{crawl}/cc-index-table.paths.gz") as answer:
            lines = gzip.decompress(await answer.read()).decode().splitlines()
        return [line for line in lines if line.endswith(".parquet") and "/subset=warc/" in line]

    return [path for paths in await asyncio.gather(*map(listed, crawls)) for path in paths]


async def _seed_footer(session: aiohttp.ClientSession, path: str) -> bytes:
    async with session.head("/" + path) as answer:
        size = int(answer.headers["Content-Length"])
    end = await _seed_range(session, path, size - 8, size)
    if end[4:] != b"PAR1":
        raise ValueError(path)
    length = int.from_bytes(end[:4], "little")
    return await _seed_range(session, path, size - 8 - length, size - 8)


async def _seed_range(session: aiohttp.ClientSession, path: str, start: int, stop: int) -> bytes:
    async with session.get("/" + path, headers={"Range": f"bytes={start}-{stop - 1}"}) as answer:
        data: bytes = await answer.read()
        return data


def seed_rows(path: str, footer: bytes) -> Iterator[dict[str, object]]:
    """Yield the eight columns of one file's row groups as the seed did, by fastparquet's Thrift reader."""
    from fastparquet.cencoding import from_buffer

    place = _PLACE.search(path)
    for number, row_group in enumerate(from_buffer(footer, "FileMetaData").row_groups):
        low = _seed_statistics(row_group, "url_surtkey", "min_value")
        high = _seed_statistics(row_group, "url_surtkey", "max_value")
        yield {
            "path": path,
            "crawl": place and place["crawl"],
            "subset": place and place["subset"],
            "row_group": number,
            "num_rows": row_group.num_rows,
            "byte_size": row_group.total_byte_size,
            "min_url_surtkey": low.decode() if isinstance(low, bytes) else low,
            "max_url_surtkey": high.decode() if isinstance(high, bytes) else high,
        }


def _seed_statistics(row_group: Any, column: str, bound: str) -> object:  # noqa: ANN401 - fastparquet's ThriftObject
    """Look for a column among all, as the seed did for each bound anew."""
    (chunk,) = (chunk for chunk in row_group.columns if chunk.meta_data.path_in_schema == [column])
    statistics = chunk.meta_data.statistics
    return getattr(statistics, bound) if statistics else None


def seed_table(out: Path) -> int:
    """Decode all held footers into the table of eight columns; return its number of rows."""
    import pandas as pd
    from sqlitedict import SqliteDict

    with SqliteDict(str(out / "footers.sqlite"), flag="r") as held:
        return len(pd.DataFrame(row for path, footer in held.items() for row in seed_rows(path, footer)))


def obstore_fetch(url: str, out: Path) -> dict[str, object]:
    """Fetch with obstore and its own retries, which do not know 403; footers go into one file."""
    from obstore.store import HTTPStore

    retries: Any = {
        "max_retries": _TRIES,
        "retry_timeout": timedelta(minutes=3),
        "backoff": {"base": 2, "init_backoff": timedelta(seconds=1), "max_backoff": timedelta(seconds=30)},
    }
    store = HTTPStore.from_url(url, client_options={"allow_http": True}, retry_config=retries)
    paths: list[str] = []
    for crawl in json.loads(bytes(store.get("collinfo.json").bytes())):
        listing = bytes(store.get(f"crawl-data/{crawl['id']}/cc-index-table.paths.gz").bytes())
        paths += [line for line in gzip.decompress(listing).decode().splitlines() if line.endswith(".parquet")]

    def tail(path: str) -> bytes:
        try:
            return bytes(store.get(path, options={"range": {"suffix": _TAIL_BYTES}}).bytes())
        except Exception:  # noqa: BLE001 - whatever a peer raises, the footer did not arrive
            return b""

    arrived = 0
    with ThreadPoolExecutor(CONNECTIONS) as threads, (out / "footers").open("wb") as target:
        for data in threads.map(tail, paths):
            length = int.from_bytes(data[-8:-4], "little")
            arrived += bool(data) and target.write(data[-8 - length :]) == length + 8
    return {"arrived": arrived, "listed": len(paths), "error": ""}


def main() -> None:
    """Fetch, and print what became of it."""
    client, url, folder = sys.argv[1:]
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    began_s = time.perf_counter()
    told = obstore_fetch(url, out) if client == "obstore" else asyncio.run(seed_fetch(url, out))
    told["fetched_s"] = time.perf_counter() - began_s
    if client == "seed":
        told["rows"] = seed_table(out)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
