"""Parts: what is on disk after `finish`, and only then."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cctrawl.errors import InvalidInputError, JobError
from cctrawl.output import format_of, header_bytes, open_part, parquet


def written(path: Path, format: str, columns: tuple[str, ...] | None, rows: list[Any]) -> bytes:  # noqa: A002 - the option's name
    """Return the bytes of a part of these rows."""
    part = open_part(path, format, columns)
    for row in rows:
        part.write(row)
    summary = part.finish()
    part.close()
    assert summary.rows == len(rows)
    assert summary.size_bytes == path.stat().st_size
    return path.read_bytes()


texts = st.text(st.characters(exclude_categories=["Cs"]))
rows_of_text = st.lists(st.tuples(texts, texts))
slow_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)


@slow_fixture
@given(rows=rows_of_text)
@example(rows=[("\x00", '"')])
def test_csv_reads_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    """Any text survives CSV, whatever quotes, commas and line ends it holds."""
    data = written(tmp_path / "part", "csv", ("a", "b"), rows)
    if sys.version_info < (3, 11) and b"\x00" in data:
        return  # that reader cannot read a NUL; later ones can
    assert [tuple(row) for row in csv.reader(io.StringIO(data.decode(), newline=""))] == rows


@slow_fixture
@given(rows=rows_of_text)
def test_json_lines_read_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    """Any text survives JSON lines, one object a line."""
    data = written(tmp_path / "part", "jsonl", ("a", "b"), rows)
    assert [tuple(json.loads(line).values()) for line in data.decode().split("\n")[:-1]] == rows


@slow_fixture
@given(rows=st.lists(st.tuples(texts | st.none(), st.integers(-(2**63), 2**63 - 1) | st.none())))
def test_parquet_reads_back(tmp_path: Path, rows: list[tuple[str | None, int | None]]) -> None:
    """Text, whole numbers and nulls survive Parquet."""
    written(tmp_path / "part", "parquet", ("a", "b"), rows)
    assert [tuple(row.values()) for row in pq.read_table(tmp_path / "part").to_pylist()] == rows


MOMENT = datetime(2024, 1, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))
VALUES = [
    (None, "", None),
    (True, "true", True),
    (1.5, "1.5", 1.5),
    (float("nan"), "nan", None),
    (MOMENT, "2024-01-01T12:00:00Z", "2024-01-01T12:00:00Z"),
    (MOMENT.date(), "2024-01-01", "2024-01-01"),
    (b"caf\xc3\xa9 \xff", "café \\xff", "café \\xff"),
    ([1, "x"], '[1, "x"]', [1, "x"]),
    ({"k": float("inf")}, '{"k": Infinity}', {"k": None}),
    ({3, 1}, "[1, 3]", [1, 3]),
    ({1, "x"}, '["x", 1]', ["x", 1]),
    ("half \ud83d pair", "half \\ud83d pair", "half \\ud83d pair"),
]


@pytest.mark.parametrize(("value", "as_csv", "as_json"), VALUES, ids=map(str, range(len(VALUES))))
def test_values_in_text_formats(tmp_path: Path, value: object, as_csv: str, as_json: object) -> None:
    """Each type has one spelling in CSV and one in JSON lines; times are UTC."""
    cell = next(csv.reader(io.StringIO(written(tmp_path / "c", "csv", ("v",), [(value,)]).decode())))
    assert cell in ([as_csv], [])  # an empty cell alone is an empty line
    assert json.loads(written(tmp_path / "j", "jsonl", ("v",), [(value,)])) == {"v": as_json}


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_part_that_is_not_finished_leaves_nothing(tmp_path: Path, format: str) -> None:  # noqa: A002 - the option's name
    """A try that fails half way leaves no file behind."""
    part = open_part(tmp_path / "part", format, ("a",))
    part.write(("x",))
    part.close()
    assert list(tmp_path.iterdir()) == []


def test_a_parquet_column_may_widen_within_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that is null, then whole, then fractional becomes one double column; no batch is lost."""
    monkeypatch.setattr(parquet, "BATCH_ROWS", 2)
    values = [None, None, 1, 2, 2.5, None, 3]
    written(tmp_path / "part", "parquet", ("v",), [(value,) for value in values])
    table = pq.read_table(tmp_path / "part")
    assert table.schema.field("v").type == pa.float64()
    assert table["v"].to_pylist() == values
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_a_parquet_column_of_mixed_types_is_the_jobs_error(tmp_path: Path) -> None:
    """Text after numbers in one column is named, with the column and a way out."""
    part = open_part(tmp_path / "part", "parquet", ("v",))
    part.write((1,))
    part.write(("x",))
    with pytest.raises(JobError, match="'v'") as caught:
        part.finish()
    part.close()
    assert "jsonl" in (caught.value.hint or "")


def test_parts_join_in_order_with_the_wider_schema(tmp_path: Path) -> None:
    """Parts with different types, and empty ones, become one file whose rows keep their order."""
    parts = []
    schemas = []
    parts_rows: list[list[tuple[object, ...]]] = [[(None, 1)], [], [("x", 2.5)]]
    for number, rows in enumerate(parts_rows):
        path = tmp_path / str(number)
        part = open_part(path, "parquet", ("a", "b"))
        for row in rows:
            part.write(row)
        schemas.append(parquet.deserialized(part.finish().schema))
        parts.append(path)
    parquet.join_parts(parts, tmp_path / "all", parquet.storable(parquet.unify(schemas)))
    assert pq.read_table(tmp_path / "all").to_pylist() == [{"a": None, "b": 1.0}, {"a": "x", "b": 2.5}]


@pytest.mark.parametrize(
    ("output", "given", "format"),
    [
        ("themes.csv", None, "csv"),
        ("themes.JSONL", None, "jsonl"),
        ("themes.ndjson", None, "jsonl"),
        ("themes.parquet", None, "parquet"),
        ("themes.txt", "csv", "csv"),
        ("out/", None, "parquet"),
        ("out/", "csv", "csv"),
        ("-", None, "jsonl"),
        ("-", "csv", "csv"),
    ],
)
def test_the_format_follows_the_ending(output: str, given: str | None, format: str) -> None:  # noqa: A002 - the option's name
    """A given format wins, then the ending; folders hold Parquet, stdout JSON lines."""
    assert format_of(output, given) == format


@pytest.mark.parametrize(("output", "given"), [("themes.txt", None), ("themes.csv", "xml"), ("-", "parquet")])
def test_a_format_that_cannot_be_is_refused(output: str, given: str | None) -> None:
    """An ending that tells nothing, an unknown format and Parquet on stdout are usage errors with a hint."""
    with pytest.raises(InvalidInputError) as caught:
        format_of(output, given)
    assert caught.value.hint


def test_only_csv_has_a_header() -> None:
    """The column names stand before the rows of CSV alone."""
    assert header_bytes("csv", ("a", 'b"c')) == b'a,"b""c"\n'
    assert header_bytes("jsonl", ("a",)) == b""
    assert header_bytes("csv", None) == b""


class Unprintable:
    """A value that cannot be shown."""

    def __str__(self) -> str:
        """Fail."""
        raise ZeroDivisionError("no text")

    __repr__ = __str__


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("value", [Unprintable(), CIRCLE, {b"k": 1}, {}, {1, "x"}, {"\ud83d": "\ud83d"}, 1 << 70])
def test_a_value_is_written_or_the_jobs_error(tmp_path: Path, value: object, format: str) -> None:  # noqa: A002 - the option's name
    """Whatever a job yields ends as a row or as its error, never as another exception; no pieces are left."""
    part = open_part(tmp_path / "part", format, ("v",))
    try:
        part.write((value,))
        part.finish()
    except JobError as error:
        assert "written" in str(error) or "'v'" in str(error)  # noqa: PT017 - either end is right
    part.close()
    assert {path.name for path in tmp_path.iterdir()} <= {"part"}


def test_whole_numbers_of_no_common_type_are_the_jobs_error() -> None:
    """Numbers from 2**63 on and ordinary ones are told apart when their types meet, not when their rows do."""
    schemas = [pa.schema([("v", type)]) for type in (pa.uint64(), pa.int64())]  # noqa: A001 - Arrow's word
    with pytest.raises(JobError, match="'v'"):
        parquet.unify(schemas)
    assert parquet.unify([*schemas[:1], pa.schema([("v", pa.null())])]) == schemas[0]


def test_an_empty_dict_in_parquet_is_the_jobs_error(tmp_path: Path) -> None:
    """Parquet has no column without fields."""
    part = open_part(tmp_path / "part", "parquet", ("v",))
    part.write(({},))
    with pytest.raises(JobError, match="cannot be written"):
        part.finish()
    part.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["half \ud83d pair", ["half \ud83d pair"], {"half \ud83d pair": 1}])
def test_parquet_spells_lone_surrogates_as_text_formats_do(tmp_path: Path, value: object) -> None:
    """A lone surrogate becomes a backslash escape, in names of columns too."""
    written(tmp_path / "part", "parquet", ("\ud83d",), [(value,)])
    assert "half \\ud83d pair" in str(pq.read_table(tmp_path / "part").to_pylist()[0]["\\ud83d"]).replace(
        "\\\\", "\\"
    )


def test_json_lines_with_half_characters_can_be_read_by_all(tmp_path: Path) -> None:
    """The text of an escape, not the escape: readers refuse files with half of a surrogate pair."""
    value = {"v": "half \ud83d pair", "w": ["\\ud83d \ude00\ud83d", "\U0001f600"]}
    written(tmp_path / "part.jsonl", "jsonl", ("\ud83d",), [(value,)])
    expected = {"v": r"half \ud83d pair", "w": [r"\ud83d \ude00\ud83d", "\U0001f600"]}
    assert json.loads((tmp_path / "part.jsonl").read_text("utf-8")) == {r"\ud83d": expected}
    assert pyarrow.json.read_json(tmp_path / "part.jsonl").to_pylist() == [{r"\ud83d": expected}]


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value]], ids=["plain", "list"])
def test_whole_numbers_beyond_double_widen_to_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap: Callable[[object], object]
) -> None:
    """A column of big whole numbers that turns fractional has the nearest doubles, within a part and across."""
    monkeypatch.setattr(parquet, "BATCH_ROWS", 1)
    big = 2**53 + 1
    written(tmp_path / "part", "parquet", ("v",), [(wrap(big),), (wrap(0.5),)])
    assert pq.read_table(tmp_path / "part")["v"].to_pylist() == [wrap(float(big)), wrap(0.5)]
    written(tmp_path / "whole", "parquet", ("v",), [(wrap(big),)])
    schema = parquet.schema_of(tmp_path / "part")
    parquet.join_parts([tmp_path / "whole", tmp_path / "part"], tmp_path / "all", schema)
    assert pq.read_table(tmp_path / "all").num_rows == 3
