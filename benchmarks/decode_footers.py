"""Claim: a footer becomes the nine columns at ten times the speed of the seed's way, and faster than with pyarrow.

The nine columns are those of the row-group table: path, crawl, subset, row group, rows, bytes, least and greatest
url_surtkey, kind of the statistics. Footers have 55 to 60 KB, 11 row groups and 30 columns (see footer_corpus.py);
they are every fifth of all crawls' subset warc, so of all ages. Measured is the CPU of the loop alone, one core, as
each says of itself. A footer of each crawl is decoded before: what is learned of a kind of footers, once in 25,193,
does not count.

`seed` is the way of the article that first read them all: fastparquet's Thrift reader, and one DataFrame of all
rows; `fastparquet` leaves pandas out; `pyarrow` is `read_metadata` and the statistics of the one column.

    python benchmarks/decode_footers.py [--every 5] [--rounds 3]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
import time
from collections.abc import Callable, Sequence

from footer_clients import seed_rows
from footer_corpus import FILES, FILES_PER_CRAWL, FooterCorpus
from side_by_side import compare, self_reported

from cctrawl.index import distil

_ORDERED_SINCE = "CC-MAIN-2018-43"  # before, there are only the deprecated bounds, which not all of them tell
_PLACE = re.compile(r"crawl=([^/]+)/subset=([^/]+)/")
Row = Sequence[object]
Footers = Sequence[tuple[str, bytes]]  # path, and the footer without the eight bytes behind it
Decode = Callable[[Footers], "list[Row]"]


def cctrawl(footers: Footers) -> list[Row]:
    """What the harvest does."""
    return [
        (path, *_PLACE.findall(path)[0], number, row.num_rows, row.byte_size, row.min, row.max, row.statistics)
        for path, footer in footers
        for number, row in enumerate(distil(footer).rows)
    ]


def fastparquet(footers: Footers) -> list[Row]:
    """What the seed read, without pandas."""
    return [
        (*row.values(), "ordered" if row["max_url_surtkey"] else "absent")
        for path, footer in footers
        for row in seed_rows(path, footer)
    ]


def seed(footers: Footers) -> list[Row]:
    """The seed's DataFrame of all, its rows taken out again once."""
    import pandas as pd

    table = pd.DataFrame(row for path, footer in footers for row in seed_rows(path, footer))
    table["statistics"] = table["max_url_surtkey"].isna().map({True: "absent", False: "ordered"})
    return list(table.itertuples(index=False, name=None))


def pyarrow(footers: Footers) -> list[Row]:
    """The metadata as pyarrow reads it: it hides the deprecated bounds."""
    import pyarrow.parquet as pq

    rows: list[Row] = []
    for path, footer in footers:
        file = io.BytesIO(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
        metadata = pq.read_metadata(file)
        index = metadata.schema.names.index("url_surtkey")
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            told = group.column(index).statistics
            bounds = (told.min_raw, told.max_raw) if told and told.has_min_max else (None, None)
            kind = "ordered" if bounds[1] is not None else "absent"
            sizes = (number, group.num_rows, group.total_byte_size)
            rows.append((path, *_PLACE.findall(path)[0], *sizes, *bounds, kind))
    return rows


LOOPS: dict[str, Decode] = {function.__name__: function for function in (cctrawl, fastparquet, seed, pyarrow)}


def take(name: str, every: int) -> None:
    """Decode the footers, print the CPU seconds of the loop and a digest of rows and ordered bounds as JSON."""
    decode = LOOPS[name]
    corpus = FooterCorpus()
    footers = [(corpus.paths[number], corpus.footer(number)) for number in range(0, FILES, every)]
    decode(footers[:: max(1, FILES_PER_CRAWL // every)])
    began = time.process_time()
    rows = decode(footers)
    cpu_s = time.process_time() - began
    digest = hashlib.sha256()
    for row in rows:
        is_ordered = row[8] == "ordered" and str(row[1]) >= _ORDERED_SINCE
        bounds = [_as_bytes(bound) if is_ordered else None for bound in row[6:8]]
        digest.update(repr((*row[:4], int(str(row[4])), int(str(row[5])), *bounds)).encode())
    print(json.dumps({"cpu_s": cpu_s, "result": digest.hexdigest()}))


def _as_bytes(bound: object) -> object:
    return bound.encode() if isinstance(bound, str) else bound


def main() -> None:
    """Measure and print; or be one of the loops that are measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", choices=LOOPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.loop:
        take(arguments.loop, arguments.every)
        return
    FooterCorpus()  # made once, before anything is measured
    command = [sys.executable, __file__, "--every", str(arguments.every), "--loop"]
    ratios = compare(
        "decode_footers",
        {name: [*command, name] for name in LOOPS},
        rounds=arguments.rounds,
        subject="cctrawl",
        facts={"files": len(range(0, FILES, arguments.every))},
        take=self_reported,
    )
    print(
        f"  {ratios['seed']:.1f}x the seed (at least 10), pyarrow is {ratios['seed'] / ratios['pyarrow']:.1f}x it"
    )


if __name__ == "__main__":
    main()
