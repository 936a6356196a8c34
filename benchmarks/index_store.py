"""Claim: 88,000 footers of 57 KB take less than 2.0 GB, the table of 900,000 row groups less than 60 MB.

The footers of footer_corpus.py, half of them with page indexes, are harvested, at first a tenth of them, to see
how the store grows; what 88,000 take is reckoned from the last ones. The exported table, nine columns as Parquet,
is that of the store of row_group_store.py; the export and, into an empty data folder, the import are timed and
their memory is watched.

    python benchmarks/index_store.py [--files 25193] [--crawls 100]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from footer_corpus import FILES, FooterCorpus
from footer_server import FooterServer
from harvest_footers import held_footers, our_command
from memory import watched
from row_group_store import CRAWLS, make_store
from side_by_side import keep, measured

from cctrawl.settings import Settings

_ALL_FILES = 88_000
_CCTRAWL = str(Path(sys.executable).parent / "cctrawl")


def harvested(files: int) -> dict[str, float]:
    """Harvest from a server that answers at once; return what the store takes."""
    with tempfile.TemporaryDirectory() as folder, FooterServer(files, delay_s=0) as server:
        data_dir = Path(folder)
        measured([*our_command(server.url, data_dir), "--rate", "0"])
        footers = held_footers(data_dir)
        size_bytes = sum(file.stat().st_size for file in data_dir.glob("index*.sqlite*"))
    return {"footers": footers, "bytes": size_bytes, "bytes_per_footer": size_bytes / footers}


def exchanged(crawls: int) -> dict[str, float]:
    """Export the table of a store, and import it into an empty one; return what that takes."""
    with tempfile.TemporaryDirectory() as folder:
        here, there = Settings.resolve(data_dir=f"{folder}/here"), Settings.resolve(data_dir=f"{folder}/there")
        for settings in (here, there):
            settings.data_dir.mkdir()
        row_groups = make_store(here.data_dir, here.base_url, crawls)
        table = Path(folder) / "row_groups.parquet"
        exported, _, export_s = watched([*_index(here, "export"), str(table), "--subset", "all"])
        imported, _, import_s = watched([*_index(there, "import"), str(table)])
        return {
            "row_groups": row_groups,
            "table_bytes": table.stat().st_size,
            "export_s": export_s,
            "export_peak_bytes": exported.rss,
            "import_s": import_s,
            "import_peak_bytes": imported.rss,
        }


def _index(settings: Settings, command: str) -> list[str]:
    return [
        _CCTRAWL,
        "index",
        command,
        "--base-url",
        settings.base_url,
        "--data-dir",
        str(settings.data_dir),
        "--quiet",
    ]


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--crawls", type=int, default=CRAWLS)
    arguments = parser.parse_args()
    footer_bytes = sum(len(footer) for footer in map(FooterCorpus(arguments.files).footer, range(arguments.files)))
    stores = [harvested(files) for files in (arguments.files // 10, arguments.files)]
    for store in stores:
        size, each = store["bytes"] / 1e6, store["bytes_per_footer"]
        print(f"store of {store['footers']:,} footers: {size:,.1f} MB, {each:,.0f} bytes each")
    few, many = stores
    grown = (many["bytes"] - few["bytes"]) / (many["footers"] - few["footers"])
    all_bytes = many["bytes"] + (_ALL_FILES - many["footers"]) * grown
    print(f"  of {footer_bytes / arguments.files:,.0f} bytes each; {_ALL_FILES:,} take {all_bytes / 1e9:.2f} GB")
    table = exchanged(arguments.crawls)
    print(
        f"table of {table['row_groups']:,} row groups: {table['table_bytes'] / 1e6:.1f} MB;"
        f" export {table['export_s']:.1f} s, {table['export_peak_bytes'] / 1e6:.0f} MB,"
        f" import {table['import_s']:.1f} s, {table['import_peak_bytes'] / 1e6:.0f} MB"
    )
    facts = {
        "footer_bytes": footer_bytes / arguments.files,
        "stores": stores,
        "bytes_of_88000": all_bytes,
        "table": table,
    }
    keep("index_store", facts)


if __name__ == "__main__":
    main()
