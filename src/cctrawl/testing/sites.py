"""The hosts of the fake web and the URLs on them: ports, ``www``, punycode, IP addresses, odd paths and queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cctrawl.testing.corpus import LANGUAGES, Language

if TYPE_CHECKING:
    import random

# Suffixes below which people, not registries, hand out names: the registry's suffix is the last label.
_PRIVATE_SUFFIXES = ("github.io", "blogspot.com")
_SYLLABLES = ("ba", "den", "kor", "li", "mar", "no", "pel", "qui", "ros", "sta", "tu", "vel", "wen", "zo")
_PATHS = (
    "/", "/about/", "/Blog/{n}", "/blog/{n}/", "/index.html", "/INDEX.HTML", "/shop/item-{n}.html",
    "/a/b/../c/{n}", "/caf%C3%A9/{n}", "/tag/%E6%9C%AC/", "/~user{n}/", "/wp/{n}/feed/", "/{n}", "/docs//v{n}/",
    "/(a(4hqa0555fwsecu455xqckv45))/page{n}.aspx", "/x%20y/{n}",
)  # fmt: skip
_QUERIES = (
    "p={n}", "z=1&a={n}", "ID={n}&lang=EN", "utm_source=x&utm_medium=y&id={n}", "q=%C3%BC+{n}", "b&a&c={n}",
    "PHPSESSID=0123456789abcdefghijklmnopqrstuv&id={n}", "q=a%2520b&n={n}",
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """One host of the fake web.

    Attributes:
        host: its name, without port.
        language: what its pages are written in, mostly.
        registry_suffix: public suffix of the registries, "" for an IP address.
        private_suffix: public suffix, private ones such as ``github.io`` included.
        scheme: ``http`` or ``https``.
        port: the port in its URLs, or ``None``.
        theme: the WordPress theme of the site, "" if it is no WordPress site.
    """

    host: str
    language: Language
    registry_suffix: str
    private_suffix: str
    scheme: str
    port: int | None
    theme: str

    @property
    def root(self) -> str:
        """The URL of the host without a path."""
        return f"{self.scheme}://{self.host}" + ("" if self.port is None else f":{self.port}")

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address."""
        return not self.registry_suffix


def make_sites(rng: random.Random, count: int, themes: tuple[str, ...]) -> list[Site]:
    """Return ``count`` sites, the same for the same state of ``rng``; some well-known odd ones come first."""
    english = LANGUAGES[0]
    sites = [
        Site("commoncrawl.org", english, "org", "org", "https", None, "commoncrawl"),
        Site("www.example.com", english, "com", "com", "https", None, ""),
        Site("www2.example.com", english, "com", "com", "http", None, themes[0]),
        Site("example.com", english, "com", "com", "http", 8080, themes[1]),
        Site("xn--mnchen-3ya.de", LANGUAGES[1], "de", "de", "https", None, themes[2]),
        Site("192.0.2.17", english, "", "", "http", None, ""),
        Site("a.b.c.d.example.co.uk", english, "co.uk", "co.uk", "https", None, themes[3]),
    ]
    while len(sites) < count:
        sites.append(_site(rng, themes))
    return sites[:count]


def _site(rng: random.Random, themes: tuple[str, ...]) -> Site:
    language = rng.choice(LANGUAGES)
    name = "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4)))
    suffix = rng.choice(_PRIVATE_SUFFIXES) if rng.random() < 0.1 else rng.choice(language.tlds)
    registry_suffix = suffix.rpartition(".")[2] if suffix in _PRIVATE_SUFFIXES else suffix
    prefix = rng.choice(("", "", "www.", "blog.", "shop.", "news.archive."))
    theme = rng.choice(themes) if rng.random() < 0.5 else ""
    port = rng.choice((8080, 8443)) if rng.random() < 0.04 else None
    scheme = rng.choice(("http", "https", "https"))
    return Site(f"{prefix}{name}.{suffix}", language, registry_suffix, suffix, scheme, port, theme)


def make_path(rng: random.Random) -> str:
    """Return a path and perhaps a query, such as ``/blog/12/?z=1&a=9``."""
    path = rng.choice(_PATHS).format(n=rng.randrange(1000))
    if rng.random() < 0.25:
        path += "?" + rng.choice(_QUERIES).format(n=rng.randrange(100))
    return path
