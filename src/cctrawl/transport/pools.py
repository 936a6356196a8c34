"""Connections: pools of them, direct or through proxies, as the usual variables say."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from cctrawl.errors import InvalidInputError, TransportError
from cctrawl.transport.certificates import make_context
from cctrawl.transport.location import host_of

if TYPE_CHECKING:
    from typing import Any

_CONNECTIONS = 64
_LOOPBACK = ("localhost", "127.0.0.1", "::1")  # no proxy reaches our own machine


class Pools:
    """Chooses the pool of connections for a URL: direct, or through a proxy. Safe for threads.

    Honours ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY`` (in any case).

    Args:
        timeout_s: seconds without a byte after which a connection counts as dead.
        bundle_variable: a variable that names certificates and comes before the usual ones.
    """

    def __init__(self, timeout_s: float, bundle_variable: str = "") -> None:
        self._bundle_variable = bundle_variable
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._proxies: dict[str, str] = {}
        self._pools: dict[tuple[str, bool], urllib3.PoolManager] = {}
        self._is_closed = False

    def pool_for(self, url: str) -> urllib3.PoolManager:
        """Return the pool that serves ``url``.

        Raises:
            InvalidInputError: a proxy that cannot be, or of a kind that is not supported; or a variable that should
                name certificates and does not.
            TransportError: the pools are closed.
        """
        host = host_of(url)
        with self._lock:
            if self._is_closed:
                raise TransportError("the transport is closed")
            if host not in self._proxies:
                self._proxies[host] = _proxy_of(url)
            proxy = self._proxies[host]
            tls = host.startswith("https:") or proxy.startswith("https:")  # reading certificates takes time
            if (proxy, tls) not in self._pools:
                self._pools[proxy, tls] = self._make(proxy, tls=tls)
            return self._pools[proxy, tls]

    def close(self) -> None:
        """Close all connections that are not in use, and make no more."""
        with self._lock:
            self._is_closed = True
            for pool in self._pools.values():
                pool.clear()
            self._pools.clear()

    def _make(self, proxy: str, *, tls: bool) -> urllib3.PoolManager:
        context = make_context(self._bundle_variable) if tls else None
        common: dict[str, Any] = {
            "num_pools": 16,
            "maxsize": _CONNECTIONS,
            "timeout": urllib3.Timeout(connect=min(30.0, self._timeout_s), read=self._timeout_s),
            "ssl_context": context,
            "retries": urllib3.Retry(
                5, connect=0, read=0, status=0, other=0, redirect=5, respect_retry_after_header=False
            ),
        }
        if not proxy:
            return urllib3.PoolManager(**common)
        parts = _proxy_parts(proxy)
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, proxy_ssl_context=context, **common)


def _proxy_parts(proxy: str) -> SplitResult:
    """Return the parts of a proxy's URL; errors do not show its password."""
    try:
        parts = urlsplit(proxy)
        port = parts.port
    except ValueError as error:
        raise InvalidInputError("the proxy's URL cannot be", hint="use http://user:password@host:port") from error
    shown = f"{parts.scheme}://{parts.hostname}:{port}"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInputError(
            f"no support for the proxy {shown}",
            hint="use an http:// or https:// proxy; a SOCKS proxy needs one of these in front of it",
        )
    return parts


def _proxy_of(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _LOOPBACK or proxy_bypass(host):
        return ""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"
