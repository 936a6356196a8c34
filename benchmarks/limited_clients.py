"""The clients of limited_server.py: each asks for its share of small files and says what became of them.

    python benchmarks/limited_clients.py CLIENT URL STATE FIRST STOP

CLIENT is ``cctrawl-ramp`` (as long runs ask), ``cctrawl`` (as short commands do), ``urllib3`` or ``requests`` (both
with urllib3's Retry: ten tries, growing pauses, Retry-After), or ``obstore`` (its own retries, as many). All use 16
threads.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

THREADS = 16
TRIES = 10
Fetch = Callable[[str], bytes]


def cctrawl(url: str, state: str, *, ramp: bool) -> tuple[Fetch, Callable[[], None]]:
    """Return our transport's way."""
    from cctrawl.settings import Settings
    from cctrawl.transport import Transport

    transport = Transport(Settings.resolve(base_url=url, data_dir=state), ramp=ramp)
    return lambda name: transport.read_range(url + name, 0, 5), transport.close


def retry() -> Any:  # noqa: ANN401 - urllib3 is a peer here
    """Return urllib3's own retries, set as well as they can be."""
    import urllib3

    return urllib3.Retry(
        TRIES,
        backoff_factor=0.5,
        backoff_jitter=0.5,
        status_forcelist=[403, 429, 503],
        respect_retry_after_header=True,
    )


def urllib3_pool(url: str) -> Fetch:
    """Return urllib3's way."""
    import urllib3

    pool = urllib3.PoolManager(maxsize=THREADS, retries=retry())
    return lambda name: pool.request("GET", url + name, headers={"Range": "bytes=0-4"}).data


def requests_session(url: str) -> Fetch:
    """Return the way of requests."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=THREADS, max_retries=retry()))

    def fetch(name: str) -> bytes:
        return bytes(session.get(url + name, headers={"Range": "bytes=0-4"}, timeout=60).content)

    return fetch


def obstore_store(url: str) -> Fetch:
    """Return the way of obstore, whose retries do not know 403."""
    from obstore.store import HTTPStore

    store = HTTPStore.from_url(
        url,
        client_options={"allow_http": True},
        retry_config={
            "max_retries": TRIES,
            "retry_timeout": timedelta(minutes=3),
            "backoff": {"base": 2, "init_backoff": timedelta(seconds=1), "max_backoff": timedelta(seconds=30)},
        },
    )
    return lambda name: bytes(store.get_range(name, start=0, length=5))


def main() -> None:
    """Ask for the files FIRST to STOP and print what became of them."""
    client, url, state, first, stop = sys.argv[1:]
    close: Callable[[], None] = lambda: None  # noqa: E731 - most peers have nothing to close
    if client.startswith("cctrawl"):
        fetch, close = cctrawl(url, state, ramp=client.endswith("ramp"))
    else:
        fetch = {"urllib3": urllib3_pool, "requests": requests_session, "obstore": obstore_store}[client](url)

    def arrives(i: int) -> bool:
        try:
            return fetch(f"{i:05}.warc") == b"%05d" % i
        except Exception:  # noqa: BLE001 - whatever a peer raises, the file did not arrive
            return False

    began_s = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        arrived = sum(threads.map(arrives, range(int(first), int(stop))))
    close()
    print(json.dumps({"arrived": arrived, "seconds": time.perf_counter() - began_s}))


if __name__ == "__main__":
    main()
