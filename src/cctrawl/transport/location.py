"""Locations: absolute folder paths and full URLs."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from cctrawl.errors import InvalidInputError
from cctrawl.settings import is_text, local_path, path_text, split_url

# What listed paths begin with; the ARC files of 2008 to 2012 lie in the last three.
_LISTED = ("crawl-data/", "cc-index/", "contrib/", "projects/", "crawl-001/", "crawl-002/", "parse-output/")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def locate(source: str | os.PathLike[str], base_url: str) -> str:
    """Return the location of what a user or a listing names.

    A URL stays as it is, ``file://`` becomes a path; a local path that exists becomes absolute; a listed path
    (``crawl-data/…``, ``cc-index/…``, ``contrib/…``, ``projects/…``; of ARC files ``crawl-002/…``) is put below
    ``base_url``; anything else is taken for a local path. Keys of ``s3://`` stand as they are, those of other URLs
    are quoted.

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
        return below(base_url, text)
    return str(local.absolute())


def below(base_url: str, path: str) -> str:
    """Return the location of a path of a listing, whatever lies on this machine.

    Args:
        base_url: as for `locate`.
        path: the path as the listing has it.
    """
    quoted = is_url(base_url) and not is_s3(base_url)  # the keys of s3:// stand as they are
    return base_url + (quote(path, safe="/=:@!$&'()*+,;~", errors="replace") if quoted else path)


def is_listed(path: str) -> bool:
    """Tell a path as Common Crawl's listings have it from a local one; a file that is there is local."""
    return path.startswith(_LISTED) and not os.path.exists(path)  # noqa: PTH110 - Path.exists raises for odd text


def is_url(location: str) -> bool:
    """Tell a URL from a folder path."""
    return "://" in location


def is_s3(location: str) -> bool:
    """Tell an object of S3, or what is kept there in its way, from other locations."""
    return location.startswith("s3://")


def split_s3(location: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``; a key stands as it is, nothing in it is quoted.

    Raises:
        InvalidInputError: no such bucket can be, or a key with ``.`` or ``..`` between slashes, for which no
            URL can ask.
    """
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise InvalidInputError(f"no bucket: {bucket!r} in {location!r}", hint="write s3://bucket/key")
    if {".", ".."} & set(key.split("/")) or not is_text(key):
        raise InvalidInputError(f"no key that can be asked for: {location!r}", hint="leave out /./ and /../")
    return bucket, key


def see_s3(location: str) -> None:
    """Do nothing if a location of S3 can be, and the extra ``s3`` is installed.

    Raises:
        InvalidInputError: not so.
    """
    from cctrawl.transport.aws import see_botocore  # noqa: PLC0415 - few need it

    split_s3(location)
    see_botocore()


def split_object(location: str) -> tuple[str, str]:
    """Return bucket and key, as `split_s3`, of what must be an object.

    Raises:
        InvalidInputError: there is no key.
    """
    bucket, key = split_s3(location)
    if not key:
        raise InvalidInputError(f"{location} is a bucket, not a file", hint="write s3://bucket/key")
    return bucket, key


def host_of(location: str) -> str:
    """Return ``scheme://host[:port]`` of a URL, in lower case, the default port left out; of S3 ``s3://bucket``.

    Raises:
        InvalidInputError: no URL with a host and port that can be.
    """
    if is_s3(location):
        return f"s3://{split_s3(location)[0]}"
    if not location.isascii():
        split_url(location)  # it may be no text at all
    scheme, separator, rest = location.partition("://")
    return _host_of_root(scheme + separator + rest.partition("/")[0])


@lru_cache(maxsize=256)  # asked for several times with each request
def _host_of_root(root: str) -> str:
    parts = split_url(root)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"


def path_of(location: str) -> str:
    """Return what of a URL comes behind `host_of` it, query included; it begins with ``/``."""
    if is_s3(location):
        return "/" + split_s3(location)[1]
    parts = urlsplit(location)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _checked(url: str) -> str:
    if is_s3(url):
        split_s3(url)
        return url
    parts = split_url(url)
    if parts.scheme == "file":
        return str(local_path(unquote(parts.path) or "/"))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInputError(f"no location: {url!r}", hint="use https://…, http://…, s3://… or a path")
    return url
