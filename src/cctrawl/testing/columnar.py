"""The columnar index of a crawl: one Parquet part per subset, in the newest generation's schema of 30 columns."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cctrawl.surt import surt_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pyarrow as pa

    from cctrawl.testing.archive import FakePage
    from cctrawl.testing.sites import Site

# Name, type, whether every row has a value: as cc-index-table declares them.
_COLUMNS = (
    ("url_surtkey", "string", True),
    ("url", "string", True),
    ("url_host_name", "string", True),
    ("url_host_tld", "string", False),
    ("url_host_2nd_last_part", "string", False),
    ("url_host_3rd_last_part", "string", False),
    ("url_host_4th_last_part", "string", False),
    ("url_host_5th_last_part", "string", False),
    ("url_host_registry_suffix", "string", False),
    ("url_host_registered_domain", "string", False),
    ("url_host_private_suffix", "string", False),
    ("url_host_private_domain", "string", False),
    ("url_host_name_reversed", "string", False),
    ("url_protocol", "string", True),
    ("url_port", "int32", False),
    ("url_path", "string", True),
    ("url_query", "string", False),
    ("fetch_time", "timestamp", True),
    ("fetch_status", "int16", True),
    ("fetch_redirect", "string", False),
    ("content_digest", "string", False),
    ("content_mime_type", "string", False),
    ("content_mime_detected", "string", False),
    ("content_charset", "string", False),
    ("content_languages", "string", False),
    ("content_truncated", "string", False),
    ("warc_filename", "string", True),
    ("warc_record_offset", "int32", True),
    ("warc_record_length", "int32", True),
    ("warc_segment", "string", True),
)


def write_columnar(
    root: Path, crawl: str, pages: Iterable[FakePage], subsets: Iterable[str], *, rows_per_group: int
) -> list[str]:
    """Write one part per subset and return the listed paths as Common Crawl lists them: a folder first."""
    import pyarrow as pa  # noqa: PLC0415 - only the index needs it, and it is slow to load
    from pyarrow import parquet  # noqa: PLC0415

    folder = f"cc-index/table/cc-main/warc/crawl={crawl}/"
    by_subset: dict[str, list[dict[str, Any]]] = {subset: [] for subset in subsets}
    for page in pages:
        by_subset[page.subset].append(_row(page))
    paths = [folder]
    schema = _schema(pa)
    for subset, rows in sorted(by_subset.items()):
        rows.sort(key=lambda row: (row["url_surtkey"].encode(), row["fetch_time"]))
        part = f"part-00000-{uuid.uuid5(uuid.NAMESPACE_URL, crawl)}.c000.gz.parquet"
        path = f"{folder}subset={subset}/{part}"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(
            pa.Table.from_pylist(rows, schema=schema),
            root / path,
            compression="gzip",
            row_group_size=rows_per_group,
            data_page_size=4096,
            data_page_version="1.0",
            use_dictionary=[name for name, _, _ in _COLUMNS if name not in ("url_surtkey", "url")],
            write_page_index=True,
            store_schema=False,
        )
        paths.append(path)
    return paths


def _schema(pa: Any) -> pa.Schema:  # noqa: ANN401 - the module, which is loaded late
    types = {
        "string": pa.string(),
        "int16": pa.int16(),
        "int32": pa.int32(),
        "timestamp": pa.timestamp("ms", tz="UTC"),
    }
    return pa.schema([pa.field(name, types[kind], nullable=not always) for name, kind, always in _COLUMNS])


def _row(page: FakePage) -> dict[str, Any]:
    parts = urlsplit(page.url)
    return {
        "url_surtkey": surt_key(page.url),
        "url": page.url,
        **_host_columns(page.site),
        "url_protocol": parts.scheme,
        "url_port": parts.port,
        "url_path": parts.path,
        "url_query": parts.query or None,
        "fetch_time": page.time,
        "fetch_status": page.status,
        "fetch_redirect": page.redirect or None,
        "content_digest": page.payload_digest,
        "content_mime_type": page.mime,
        "content_mime_detected": page.mime_detected or page.mime,
        "content_charset": page.charset or None,
        "content_languages": ",".join(page.languages) or None,
        "content_truncated": page.truncated or None,
        "warc_filename": page.warc_filename,
        "warc_record_offset": page.warc_record_offset,
        "warc_record_length": page.warc_record_length,
        "warc_segment": page.warc_filename.split("/")[3],
    }


def _host_columns(site: Site) -> dict[str, str | None]:
    if site.is_address:
        return {"url_host_name": site.host}
    labels = site.host.split(".")[::-1]
    padded = [*labels, *[None] * 5]
    return {
        "url_host_name": site.host,
        "url_host_tld": padded[0],
        "url_host_2nd_last_part": padded[1],
        "url_host_3rd_last_part": padded[2],
        "url_host_4th_last_part": padded[3],
        "url_host_5th_last_part": padded[4],
        "url_host_registry_suffix": site.registry_suffix,
        "url_host_registered_domain": _below(site.host, site.registry_suffix),
        "url_host_private_suffix": site.private_suffix,
        "url_host_private_domain": _below(site.host, site.private_suffix),
        "url_host_name_reversed": ".".join(labels),
    }


def _below(host: str, suffix: str) -> str:
    """The name one level below a public suffix."""
    return host.removesuffix("." + suffix).rpartition(".")[2] + "." + suffix
