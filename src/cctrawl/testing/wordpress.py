"""WordPress: how a page names its theme, and what looks like a theme but is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.testing.answer import Fragment
from cctrawl.testing.corpus import THEMES

if TYPE_CHECKING:
    import random

    from cctrawl.testing.sites import Site

# Each way to name a theme; {base} is empty or a site's root, {theme} the name.
_MENTIONS = (
    '<link rel="stylesheet" media="all" href="{base}/wp-content/themes/{theme}/style.css?ver=6.4.2">\n',
    "<link rel='stylesheet' href='{base}/wp-content/themes/{theme}/style.css' type='text/css' />\n",
    '<script src="{base}/wp-content/themes/{theme}/js/main.js" defer></script>\n',
    "<style>body{{background:url({base}/wp-content/themes/{theme}/img/bg.png)}}</style>\n",
    '<img srcset="{base}/wp-content/themes/{theme}/a.png 1x, {base}/wp-content/themes/{theme}/b.png 2x">\n',
    "<!-- wp-content/themes/{theme}/ -->",
)
# None of these is a theme: empty, white space, quotes, angle brackets, backslashes, other folders, other case.
_DECOYS = (
    '<link href="/wp-content/plugins/contact-form-7/includes/css/styles.css?ver=5.8" rel="stylesheet">\n',
    '<script>var s = {"css": "https:\\/\\/example.com\\/wp-content\\/themes\\/escaped\\/style.css"};</script>\n',
    '<img src="/wp-content/themes//empty.png">\n',
    '<a href="/wp-content/themes/my theme/readme.txt">white space</a>\n',
    '<a href="/wp-content/themes/it\'s/readme.txt">quote</a>\n',
    '<a href="/wp-content/themes/archive.zip">no folder</a>\n',
    "<p>Put it into wp-content/themes/ and <b>reload</b> the page.</p>\n",
    '<link href="/wp-content/themes/<?php echo $theme; ?>/style.css">\n',
    "<p>C:\\www\\wp-content/themes/back\\slash\\style.css</p>\n",
    '<link href="/WP-CONTENT/THEMES/upper-case/style.css">\n',
    '<img src="/wp-content/themes-old/other-folder/a.png">\n',
    '<img src="/wp-content/uploads/2024/05/photo.jpg">\n',
)


def theme_fragments(rng: random.Random, site: Site, charset: str) -> list[Fragment]:
    """Return the head of a WordPress page: mentions of the site's themes among decoys; nothing for other sites.

    A theme must be reported if the bytes of its name are UTF-8; in UTF-16 the marker itself is spelled in other
    bytes, so there is none to report.
    """
    if not site.theme:
        return [Fragment(rng.choice(_DECOYS))] if rng.random() < 0.1 else []
    themes = [site.theme, site.theme]
    if rng.random() < 0.4:
        themes.append(rng.choice(THEMES))
    if charset in ("utf-8", "windows-1252", "iso-8859-1") and rng.random() < 0.1:
        themes.append("thème-été")
    fragments = [Fragment('<link rel="https://api.w.org/" href="/wp-json/">\n')]
    for theme in themes:
        base = rng.choice(("", site.root))
        text = rng.choice(_MENTIONS).format(base=base, theme=theme)
        spelled_in_utf8 = theme.isascii() or charset == "utf-8"
        reported = theme if spelled_in_utf8 and charset != "utf-16-le" else ""
        fragments += [Fragment(rng.choice(_DECOYS)), Fragment(text, theme=reported)]
    return fragments
