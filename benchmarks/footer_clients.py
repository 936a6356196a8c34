"""The peers of harvest_footers.py and limited_footers.py: each fetches all footers that a server's listings name.

    python benchmarks/footer_clients.py CLIENT URL OUT

CLIENT is ``seed-fetch``: aiohttp asks HEAD for a file's length, then for its last 8 bytes, then for the footer,
and puts it into a sqlitedict; one session and 64 connections. ``seed`` does that, then decodes what it holds with
fastparquet into the table of eight columns, with pandas. ``obstore`` fetches with 64 threads, a tail of 64 KiB at
once, and trusts its own retries. All write below the folder OUT and print as JSON what arrived and what failed.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp
    from sqlitedict import SqliteDict

CONNECTIONS = 64
_COMMIT_EVERY = 100
_TAIL_BYTES = 64 * 2**10
_TRIES = 10
_PLACE = re.compile(r"/crawl=(?P<crawl>[^/]+)/subset=(?P<subset>[^/]+)/")


async def seed_fetch(url: str, out: Path) -> dict[str, object]:
    """Fetch as the seed did, into a sqlitedict; the first failure ends it.

    It commits now and then and without waiting, which is kinder to it than a commit for each footer.
    """
    import aiohttp
    from sqlitedict import SqliteDict

    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(url, connector=connector, raise_for_status=True) as session:
        paths = await _seed_paths(session)
        waiting = iter(paths)
        with SqliteDict(str(out / "footers.sqlite")) as held:
            tasks = [asyncio.create_task(_seed_worker(session, waiting, held)) for _ in range(CONNECTIONS)]
            try:
                await asyncio.gather(*tasks)
                error = ""
            except aiohttp.ClientError as raised:
                error = f"{type(raised).__name__}: {raised}"
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            held.commit()
            return {"arrived": len(held), "listed": len(paths), "error": error}


async def _seed_paths(session: aiohttp.ClientSession) -> list[str]:
    async with session.get("/collinfo.json") as answer:
        crawls = [crawl["id"] for crawl in await answer.json(content_type=None)]

    async def listed(crawl: str) -> list[str]:
        async with session.get(f"/crawl-data/{crawl}/cc-index-table.paths.gz") as answer:
            lines = gzip.decompress(await answer.read()).decode().splitlines()
        return [line for line in lines if line.endswith(".parquet") and "/subset=warc/" in line]

    return [path for paths in await asyncio.gather(*map(listed, crawls)) for path in paths]


async def _seed_worker(session: aiohttp.ClientSession, waiting: Any, held: SqliteDict) -> None:  # noqa: ANN401 - any iterator
    for path in waiting:
        async with session.head("/" + path) as answer:
            size = int(answer.headers["Content-Length"])
        end = await _seed_range(session, path, size - 8, size)
        length = int.from_bytes(end[:4], "little")
        held[path] = await _seed_range(session, path, size - 8 - length, size)
        if random.randrange(_COMMIT_EVERY) == 0:
            held.commit(blocking=False)


async def _seed_range(session: aiohttp.ClientSession, path: str, start: int, stop: int) -> bytes:
    async with session.get("/" + path, headers={"Range": f"bytes={start}-{stop - 1}"}) as answer:
        return await answer.read()


def seed_rows(path: str, tail: bytes) -> list[dict[str, object]]:
    """Decode one file's footer, with the eight bytes behind it, as the seed did."""
    import fastparquet

    place = _PLACE.search(path)
    file = fastparquet.ParquetFile(io.BytesIO(b"PAR1" + tail))
    column = file.columns.index("url_surtkey")
    rows = []
    for number, row_group in enumerate(file.row_groups):
        statistics = row_group.columns[column].meta_data.statistics
        rows.append({
            "path": path,
            "crawl": place and place["crawl"],
            "subset": place and place["subset"],
            "row_group": number,
            "num_rows": row_group.num_rows,
            "byte_size": row_group.total_byte_size,
            "min_url_surtkey": statistics and statistics.min_value,
            "max_url_surtkey": statistics and statistics.max_value,
        })  # fmt: skip
    return rows


def seed_table(out: Path) -> int:
    """Decode all held footers into the table of eight columns; return its number of rows."""
    import pandas as pd
    from sqlitedict import SqliteDict

    with SqliteDict(str(out / "footers.sqlite"), flag="r") as held:
        rows = [row for path, tail in held.items() for row in seed_rows(path, tail)]
    table = pd.DataFrame(rows)
    table.to_parquet(out / "row_groups.parquet", index=False)
    return len(table)


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
