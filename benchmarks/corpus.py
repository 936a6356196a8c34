"""The file that benchmarks read: a WARC as Common Crawl writes them, of real HTML.

The pages are those of Debian's documentation packages (fetched once with apt-get, or given with --html FOLDER), in
a shuffled order that is always the same, as request, response and metadata records, each its own gzip member. Pages
below 20 kB are left out, and each page holds a script with random text, as pages of today do: that gives about
12 kB compressed per page, near the real Common Crawl records we have (8.5 and 19 kB). A third of the pages name
WordPress themes, a third of those several. Pages are used again, each time with other random text, until the file
has the size that was asked for.

    python benchmarks/corpus.py --compressed-bytes 1GB
"""

from __future__ import annotations

import argparse
import base64
import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cctrawl.settings import parse_size
from cctrawl.testing import WarcWriter

DATA = Path(__file__).parent / "data"
PACKAGES = ("python3.11-doc", "libboost1.74-doc", "libstdc++-12-doc", "postgresql-doc-15", "openjdk-17-doc")
_SMALLEST_PAGE_BYTES = 20_000
_RANDOM_SHARE = 0.06
_LARGEST_PAGE_BYTES = 1 << 20  # Common Crawl cut pages there until 2025


def corpus(compressed_bytes: int, html: Path | None = None) -> Path:
    """Return the WARC file of at least this size; made if it is not there yet."""
    path = DATA / f"corpus-{compressed_bytes}.warc.gz"
    if not path.exists():
        part = path.with_suffix(".part")
        _write(part, compressed_bytes, html or _documentation())
        part.replace(path)
    return path


def _documentation() -> Path:
    folder = DATA / "html"
    if folder.exists():
        return folder
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA) as scratch:
        subprocess.run(["apt-get", "download", *PACKAGES], cwd=scratch, check=True)
        root = Path(scratch) / "root"
        for package in Path(scratch).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, root], check=True)
        root.rename(folder)
    return folder


def _write(path: Path, compressed_bytes: int, html: Path) -> None:
    files = sorted(file for file in html.rglob("*.htm*") if file.is_file() and not file.is_symlink())
    files = [file for file in files if file.stat().st_size >= _SMALLEST_PAGE_BYTES]
    if not files:
        raise SystemExit(f"no HTML below {html}")
    dice = random.Random(1)
    dice.shuffle(files)
    with WarcWriter(path) as writer:
        writer.write("warcinfo", b"software: benchmark\r\n", content_type="application/warc-fields")
        for number, file in enumerate(_for_ever(files)):
            domain = f"www.site{number % 9973}.example"
            url = f"https://{domain}/{file.name}"
            page = _page(file.read_bytes()[:_LARGEST_PAGE_BYTES], domain, number, dice)
            request = f"GET /{file.name} HTTP/1.1\r\nUser-Agent: CCBot/2.0\r\nHost: {domain}\r\n\r\n".encode()
            writer.write("request", request, url=url, content_type="application/http; msgtype=request")
            writer.write_response(url, page)
            end = writer.write("metadata", b"fetchTimeMs: 120\r\n", url=url, content_type="application/warc-fields")
            if end.offset > compressed_bytes:
                return


def _for_ever(files: list[Path]) -> Iterator[Path]:
    while True:
        yield from files


def _page(html: bytes, domain: str, number: int, dice: random.Random) -> bytes:
    themes = dice.sample(range(500), 1 + 2 * (number % 9 == 0)) if number % 3 == 0 else []
    links = "".join(
        f'<link rel="stylesheet" href="https://{domain}/wp-content/themes/theme-{theme}/style.css">\n'
        for theme in themes
    )
    middle = len(html) // 2
    state = base64.b64encode(dice.randbytes(int(len(html) * _RANDOM_SHARE)))
    script = b"<script>window.__STATE__ = '" + state + b"';</script>\n"
    return html[:middle] + links.encode() + script + html[middle:]


def main() -> None:
    """Make the file and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--compressed-bytes", type=parse_size, default=1_000_000_000)
    parser.add_argument("--html", type=Path)
    arguments = parser.parse_args()
    print(corpus(arguments.compressed_bytes, arguments.html))


if __name__ == "__main__":
    main()
