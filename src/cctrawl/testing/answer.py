"""An answer of the fake web, and the fragments that it is put together from.

Each fragment knows which theme, links and lines of text it brings: so what a job must report is known from the
making, not from looking at the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cctrawl.testing.sites import Site
    from cctrawl.testing.writer import Fields


@dataclass(frozen=True)
class Fragment:
    """A piece of a page and what it brings.

    Attributes:
        text: the piece; it is encoded in the page's charset.
        theme: the theme that the ``themes`` job must report for it, "" for none.
        lines: what the text extractor keeps of it.
        links: what WAT lists of it under ``Links``.
        head: what WAT lists of it under ``Head``: (``Metas`` | ``Scripts`` | ``Link``, entry).
    """

    text: str
    theme: str = ""
    lines: tuple[str, ...] = ()
    links: tuple[dict[str, str], ...] = ()
    head: tuple[str, dict[str, str]] | None = None


@dataclass
class Answer:
    """An answer of the fake web: everything its records, their derivatives and the index are made of."""

    site: Site
    url: str
    status: int
    headers: Fields
    payload: bytes
    mime: str
    mime_detected: str
    charset: str = ""
    declared: str = ""
    languages: tuple[str, ...] = ()
    title: str = ""
    truncated: str = ""
    redirect: str = ""
    fragments: list[Fragment] = field(default_factory=list)
    themes: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The lines of text that WET has of it."""
        return [line for fragment in self.fragments for line in fragment.lines]

    def html_metadata(self) -> dict[str, Any]:
        """What WAT has of it as ``HTML-Metadata``."""
        head: dict[str, Any] = {}
        for fragment in self.fragments:
            if fragment.head is not None:
                head.setdefault(fragment.head[0], []).append(fragment.head[1])
        head["Title"] = self.title
        links = [link for fragment in self.fragments for link in fragment.links]
        return {"Head": head, "Links": links} if links else {"Head": head}
