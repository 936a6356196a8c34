"""Locations: absolute folder paths and full URLs."""

from __future__ import annotations

import os
from urllib.parse import quote, unquote

from cctrawl.errors import InvalidInputError
from cctrawl.settings import local_path, path_text, split_url

_LISTED = ("crawl-data/", "cc-index/", "contrib/", "projects/")


def locate(source: str | os.PathLike[str], base_url: str) -> str:
    """Return the location of what a user or a listing names.

    A URL stays as it is, ``file://`` becomes a path; a local path that exists becomes absolute; a listed path
    (``crawl-data/…``, ``cc-index/…``, ``contrib/…``, ``projects/…``) is put below ``base_url``; anything else is
    taken for a local path.

    Args:
        source: path, URL or listed path.
        base_url: a URL or folder ending in ``/``, as ``Settings.base_url`` has it.

    Raises:
        InvalidInputError: a URL of another scheme than ``http``, ``https``, ``s3`` or ``file``, a path of bytes, or
            neither URL nor path.
    """
    text = path_text(source)
    if not text:
        raise InvalidInputError("an empty name is no location")
    if isinstance(source, str) and "://" in text:
        return _checked(text)
    local = local_path(text)
    if is_listed(text):
        return base_url + (quote(text, safe="/=:@!$&'()*+,;~", errors="replace") if is_url(base_url) else text)
    return str(local.absolute())


def is_listed(path: str) -> bool:
    """Tell a path as Common Crawl's listings have it from a local one; a file that is there is local."""
    return path.startswith(_LISTED) and not os.path.exists(path)  # noqa: PTH110 - Path.exists raises for odd text


def is_url(location: str) -> bool:
    """Tell a URL from a folder path."""
    return "://" in location


def host_of(location: str) -> str:
    """Return ``scheme://host[:port]`` of a URL, in lower case, the default port left out.

    Raises:
        InvalidInputError: no URL with a host and port that can be.
    """
    parts = split_url(location)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"


def _checked(url: str) -> str:
    parts = split_url(url)
    if parts.scheme == "file":
        return str(local_path(unquote(parts.path) or "/"))
    if parts.scheme not in ("http", "https", "s3") or not parts.hostname:
        raise InvalidInputError(f"no location: {url!r}", hint="use https://…, http://…, or a path")
    return url
