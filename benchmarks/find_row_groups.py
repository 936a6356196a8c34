"""Claim: which of 900,000 row groups may hold a key is known within 50 ms, and from a fresh command within 0.3 s.

The store is that of 100 crawls (see row_group_store.py). Asked are URLs, hosts and a domain of all crawls:
`cctrawl.index.find_row_groups`, which opens the store each time, and `cctrawl index groups`, a new process each
time. Peers ask the exported table: DuckDB and pyarrow's dataset the Parquet file, pandas the table in memory, as
the article did that thought of it. They compare the bounds as the table has them, which is wrong for deprecated
statistics; keys here are ASCII, so they find nearly what we find, and must find no row group that we do not.

    python benchmarks/find_row_groups.py [--rounds 9] [--crawls 100]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from row_group_store import CRAWLS, make_store
from side_by_side import keep

from cctrawl.index import find_row_groups
from cctrawl.settings import Settings
from cctrawl.surt import target_ranges

_TARGETS = ("https://www.example.com/", "commoncrawl.org", "*.is", "https://kanigo.de/x/y", "surt:com,weather)/")
_COLUMNS = ["path", "row_group", "min_url_surtkey", "max_url_surtkey"]
RowGroups = set[tuple[str, int]]
Ask = Callable[[str], RowGroups]


def ours(settings: Settings) -> Ask:
    """Return the Python way."""
    return lambda target: {
        (row.path, row.row_group) for row in find_row_groups(target, "all", settings=settings).row_groups
    }


def fresh_command(settings: Settings) -> Ask:
    """Return the way of the shell: a process for each question."""
    base = [str(Path(sys.executable).parent / "cctrawl"), "index", "groups", "-c", "all", "-f", "csv"]
    base += ["--data-dir", str(settings.data_dir), "--base-url", settings.base_url]

    def ask(target: str) -> RowGroups:
        lines = subprocess.run([*base, target], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
        return {(path, int(number)) for path, number in (line.split(",")[:2] for line in lines)}

    return ask


def duckdb_table(table: Path) -> Ask:
    """Return DuckDB's way, over the Parquet file."""
    import duckdb

    connection = duckdb.connect()
    connection.read_parquet(str(table)).create_view("row_groups")
    query = """SELECT path, row_group FROM row_groups WHERE subset = 'warc'
        AND (min_url_surtkey < ? OR min_url_surtkey IS NULL)
        AND (max_url_surtkey >= ? OR max_url_surtkey IS NULL)"""

    def ask(target: str) -> RowGroups:
        return {
            row for start, stop in _spans(target) for row in connection.execute(query, [stop, start]).fetchall()
        }

    return ask


def pyarrow_dataset(table: Path) -> Ask:
    """Return the way of pyarrow's dataset, over the Parquet file."""
    import pyarrow.dataset

    field, dataset = pyarrow.dataset.field, pyarrow.dataset.dataset(table)
    low, high = field("min_url_surtkey"), field("max_url_surtkey")

    def ask(target: str) -> RowGroups:
        found: RowGroups = set()
        for start, stop in _spans(target):
            chosen = (
                (field("subset") == "warc") & ((low < stop) | low.is_null()) & ((high >= start) | high.is_null())
            )
            rows = dataset.to_table(columns=_COLUMNS[:2], filter=chosen)
            found.update(zip(rows["path"].to_pylist(), rows["row_group"].to_pylist(), strict=True))
        return found

    return ask


def pandas_frame(table: Path) -> Ask:
    """Return the article's way: the table in memory, held already when the clock starts."""
    import pandas as pd

    frame = pd.read_parquet(table, columns=[*_COLUMNS, "subset"])
    low, high = frame["min_url_surtkey"], frame["max_url_surtkey"]

    def ask(target: str) -> RowGroups:
        found: RowGroups = set()
        for start, stop in _spans(target):
            chosen = (frame["subset"] == "warc") & ((low < stop) | low.isna()) & ((high >= start) | high.isna())
            rows = frame[chosen]
            found.update(zip(rows["path"], rows["row_group"], strict=True))
        return found

    return ask


def _spans(target: str) -> list[tuple[str, str]]:
    return [(key_range.start, key_range.stop or "\U0010ffff") for key_range in target_ranges(target)]


def timed(ask: Ask, target: str) -> tuple[float, RowGroups]:
    """Ask once; return seconds and the answer."""
    began_s = time.perf_counter()
    found = ask(target)
    return time.perf_counter() - began_s, found


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--crawls", type=int, default=CRAWLS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.resolve(data_dir=folder)
        row_groups = make_store(settings.data_dir, settings.base_url, arguments.crawls)
        table = Path(folder) / "row_groups.parquet"
        export = [str(Path(sys.executable).parent / "cctrawl"), "index", "export", str(table), "--subset", "all"]
        subprocess.run([*export, "--data-dir", folder, "--base-url", settings.base_url, "--quiet"], check=True)
        ways: dict[str, Ask] = {
            "cctrawl": ours(settings),
            "cctrawl, fresh command": fresh_command(settings),
            "duckdb": duckdb_table(table),
            "pyarrow dataset": pyarrow_dataset(table),
            "pandas in memory": pandas_frame(table),
        }
        report(row_groups, compare(ways, arguments.rounds), arguments.rounds)


def compare(ways: dict[str, Ask], rounds: int) -> dict[str, float]:
    """Ask everyone everything in turn; a first round warms up. Return the medians in seconds."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(rounds + 1):
        for target in _TARGETS:
            answers = {}
            for name, ask in ways.items():
                seconds, answers[name] = timed(ask, target)
                if round_number:
                    taken[name].append(seconds)
            for name, found in answers.items():
                if not found <= answers["cctrawl"]:
                    raise SystemExit(f"{target}: {name} finds {len(found - answers['cctrawl'])} row groups more")
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def report(row_groups: int, medians: dict[str, float], rounds: int) -> None:
    """Print the medians and write them."""
    print(f"find_row_groups: medians of {rounds} rounds, {len(_TARGETS)} targets, {row_groups:,} row groups")
    for name, seconds in medians.items():
        print(f"  {name:24} {seconds * 1e3:8.1f} ms {seconds / medians['cctrawl']:7.2f}x")
    keep("find_row_groups", {"row_groups": row_groups, "rounds": rounds, "seconds": medians})


if __name__ == "__main__":
    main()
