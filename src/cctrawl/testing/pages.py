"""What the fake web answers: pages of many languages and charsets, redirects, robots.txt, errors."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING

from cctrawl.surt import surt_key
from cctrawl.testing.answer import Answer, Fragment
from cctrawl.testing.corpus import LABELS, LANGUAGES
from cctrawl.testing.sites import make_path
from cctrawl.testing.wordpress import theme_fragments

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from cctrawl.testing.sites import Site
    from cctrawl.testing.writer import Fields

_ENCODINGS = ("gzip", "gzip", "br", "")
_SERVERS = ("nginx", "Apache/2.4.57 (Debian)", "cloudflare", "LiteSpeed", "Microsoft-IIS/10.0")


def make_page(rng: random.Random, site: Site, page_bytes: int) -> Answer:
    """Return a successful answer: an HTML page mostly, now and then another type of document."""
    path = "/" if rng.random() < 0.15 else make_path(rng)
    if rng.random() < 0.06:
        return _document(rng, site, path)
    charset = rng.choice(site.language.charsets)
    declared = _declaration(rng, charset)
    second = rng.choice(LANGUAGES) if charset == "utf-8" and rng.random() < 0.15 else site.language
    languages = tuple(dict.fromkeys((site.language.code, second.code)))
    sentences = tuple(dict.fromkeys((*site.language.sentences, *second.sentences)))
    title = f"{rng.choice(site.language.sentences)} {rng.randrange(10**6)}"
    fragments = _head(site, title, charset if declared in ("meta", "both") else "")
    fragments += theme_fragments(rng, site, charset)
    fragments += _body(rng, sentences, int(page_bytes * rng.choice((0.3, 0.6, 1, 1, 1.5, 3))))
    truncated = rng.choice(("length", "time", "disconnect")) if rng.random() < 0.06 else ""
    if truncated:
        # A cut in the middle of a theme's name (no slash follows, so it is no theme), and of a character.
        fragments = [*fragments[: len(fragments) // 2 + 4], Fragment('<img src="/wp-content/themes/cut-o')]
    payload = _encoded(fragments, charset, declared)
    payload += "€".encode()[:2] if truncated and charset == "utf-8" else b""
    answer = Answer(
        site=site, url=site.root + path, status=200, headers=[], payload=payload,
        mime="text/html", mime_detected=rng.choice(("text/html", "text/html", "application/xhtml+xml")),
        charset=LABELS[charset], declared=declared, languages=languages, title=title, truncated=truncated,
        fragments=fragments, themes=_distinct(fragment.theme for fragment in fragments),
    )  # fmt: skip
    answer.headers = _headers(rng, answer)
    return answer


def make_long_page(rng: random.Random, sites: Iterable[Site], page_bytes: int) -> Answer:
    """Return a page whose URL is longer than 4 KiB and whose SURT key comes after those of all other pages."""
    last = max(sites, key=lambda site: surt_key(f"{site.root}/~~"))
    return replace(make_page(rng, last, page_bytes), url=f"{last.root}/~~{'long' * 1050}")


def make_failure(rng: random.Random, site: Site) -> Answer:
    """Return an answer that is no page: a redirect, an error, or 304."""
    url, status = site.root + make_path(rng), rng.choice((301, 301, 302, 304, 307, 308, 403, 404, 404, 410, 500))
    if status == 304:
        return Answer(site, url, 304, [("Server", "nginx"), ("ETag", '"5e1-a"')], b"", "warc/revisit", "")
    redirect = f"{site.root}/moved{make_path(rng)}" if status in (301, 302, 307, 308) else ""
    text = f"<html><head><title>{status}</title></head><body><h1>{status}</h1>"
    fragments = [Fragment(text + "<hr>nginx</body></html>\n")]
    if status == 404 and site.theme:
        link = f'<link href="/wp-content/themes/{site.theme}/404.css"></body></html>\n'
        fragments = [Fragment(text), Fragment(link, theme=site.theme)]
    payload = b"" if redirect and rng.random() < 0.5 else _encoded(fragments, "utf-8", "header")
    themes = _distinct(fragment.theme for fragment in fragments) if payload else ()
    answer = Answer(
        site, url, status, [], payload, "text/html", "text/html", title=str(status), redirect=redirect,
        fragments=fragments if payload else [], themes=themes,
    )  # fmt: skip
    answer.headers = _headers(rng, answer)
    return answer


def make_robots(rng: random.Random, site: Site) -> Answer:
    """Return the site's robots.txt, or what it sends in its place."""
    status = rng.choice((200, 200, 200, 404))
    lines = ["User-agent: *", "Disallow: /wp-admin/", "Allow: /wp-content/themes/", "Crawl-delay: 2"]
    theme = site.theme if status == 200 and rng.random() < 0.5 else ""
    if theme:
        lines.insert(2, f"Disallow: /wp-content/themes/{theme}/private")
    payload = "\n".join([*lines, f"Sitemap: {site.root}/sitemap.xml", ""]).encode()
    answer = Answer(
        site, f"{site.root}/robots.txt", status, [], payload if status == 200 else b"<h1>404</h1>",
        "text/plain" if status == 200 else "text/html", "text/x-robots" if status == 200 else "text/html",
        themes=(theme,) if theme else (),
    )  # fmt: skip
    answer.headers = _headers(rng, answer)
    return answer


def _document(rng: random.Random, site: Site, path: str) -> Answer:
    """Text, PDF or JSON: a theme path in a text file counts, for the job reads every payload."""
    kind = rng.choice(("txt", "pdf", "json"))
    url = f"{site.root}{path.partition('?')[0].rstrip('/')}/file.{kind}"
    blank = Answer(site, url, 200, [], b"", "", "")
    if kind == "pdf":
        noise = bytes(rng.randrange(256) for _ in range(900))
        answer = replace(blank, payload=b"%PDF-1.4\n" + noise, mime="application/pdf")
    elif kind == "json":
        answer = replace(blank, payload=b'{"style": "wp-content\\/themes\\/none\\/a.css"}', mime="application/json")
    else:
        fragment = Fragment(
            "cp -r wp-content/themes/from-text/ .\n", "from-text", ("cp -r wp-content/themes/from-text/ .",)
        )
        answer = replace(
            blank, payload=fragment.text.encode(), mime="text/plain", charset="UTF-8", declared="header",
            languages=("eng",), fragments=[fragment], themes=("from-text",),
        )  # fmt: skip
    answer = replace(answer, mime_detected=answer.mime)
    answer.headers = _headers(rng, answer)
    return answer


def _declaration(rng: random.Random, charset: str) -> str:
    """How the page tells its charset: UTF-16 by its mark; the rest as servers do, or not at all."""
    if charset == "utf-16-le":
        return "bom"
    if charset == "utf-8" and rng.random() < 0.1:
        return "bom"
    return rng.choice(
        ("header", "meta", "both", "both", "none") if charset == "utf-8" else ("header", "meta", "both")
    )


def _encoded(fragments: list[Fragment], charset: str, declared: str) -> bytes:
    mark = "\ufeff" if declared == "bom" else ""
    return (mark + "".join(fragment.text for fragment in fragments)).encode(charset)


def _distinct(themes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(theme for theme in themes if theme))


def _head(site: Site, title: str, meta_charset: str) -> list[Fragment]:
    meta = f'<meta charset="{LABELS[meta_charset]}">\n' if meta_charset else ""
    viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    script = "https://cdn.example.net/jquery.min.js"
    return [
        Fragment(f'<!DOCTYPE html>\n<html lang="{site.language.code2}">\n<head>\n{meta}'),
        Fragment(f"<title>{html.escape(title, quote=False)}</title>\n", lines=(title,)),
        Fragment(f'<meta name="viewport" content="{viewport["content"]}">\n', head=("Metas", viewport)),
        Fragment(f'<script src="{script}"></script>\n', head=("Scripts", {"path": "SCRIPT@/src", "url": script})),
    ]


def _body(rng: random.Random, sentences: tuple[str, ...], body_bytes: int) -> list[Fragment]:
    fragments, written = [Fragment("</head>\n<body>\n")], 0
    while written < body_bytes:
        line = " ".join(rng.choice(sentences) for _ in range(rng.randint(2, 6))) + f" {rng.getrandbits(64):x}"
        if rng.random() < 0.3:
            target = make_path(rng) if rng.random() < 0.7 else "https://commoncrawl.org/"
            word = line.split(" ", 1)[0]
            text = f'<p><a href="{html.escape(target)}" rel="nofollow">{html.escape(word)}</a></p>\n'
            link = {"path": "A@/href", "url": target, "rel": "nofollow", "text": word}
            fragments.append(Fragment(text, lines=(word,), links=(link,)))
        fragments.append(Fragment(f"<p>{html.escape(line, quote=False)}</p>\n", lines=(line,)))
        written += 2 * len(line)
    return [*fragments, Fragment("</body>\n</html>\n")]


def _headers(rng: random.Random, answer: Answer) -> Fields:
    """HTTP headers as the crawler stores them: what the server said of the encoding stands behind X-Crawler-."""
    label = f"; charset={answer.charset}" if answer.declared in ("header", "both") else ""
    headers = [("Server", rng.choice(_SERVERS)), ("Content-Type", answer.mime + label)]
    if answer.redirect:
        headers.append(("Location", answer.redirect))
    encoding = rng.choice(_ENCODINGS)
    if encoding:
        headers += [("X-Crawler-Content-Encoding", encoding), ("Vary", "Accept-Encoding")]
    if rng.random() < 0.5:
        headers.append(("X-Crawler-Transfer-Encoding", "chunked"))
    elif encoding:
        headers.append(("X-Crawler-Content-Length", str(len(answer.payload) // 4)))
    if answer.site.theme:
        # A theme in a header is no theme of the page.
        style = f"<{answer.site.root}/wp-content/themes/in-header-only/style.css>"
        headers += [("Link", f"{style}; rel=preload; as=style"), ("Link", f"<{answer.site.root}/wp-json/>")]
    return [*headers, ("Content-Length", str(len(answer.payload)))]
