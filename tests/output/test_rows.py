"""What a job may yield, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest

from cctrawl.errors import JobError
from cctrawl.output import RowShaper


class Named(NamedTuple):
    """A row."""

    domain: str
    theme: str


@dataclass
class Data:
    """A row."""

    domain: str
    theme: str


ROWS = [
    ("a.org", "x"),
    ["a.org", "x"],
    {"theme": "x", "domain": "a.org"},
    Named("a.org", "x"),
    Data("a.org", "x"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_every_kind_of_row_takes_the_order_of_the_columns(row: object) -> None:
    """Tuples, lists, dicts, named tuples and dataclasses all become values in column order."""
    assert RowShaper(("domain", "theme")).shape(row) == ("a.org", "x")


@pytest.mark.parametrize("row", ROWS[2:], ids=lambda row: type(row).__name__)
def test_columns_come_from_the_first_row_that_names_its_fields(row: object) -> None:
    """Without declared columns the names of the first row's fields are the columns."""
    shaper = RowShaper()
    shaper.shape(row)
    assert sorted(shaper.columns or ()) == ["domain", "theme"]


def test_a_dict_may_lack_fields() -> None:
    """A field that a dict lacks is None."""
    assert RowShaper(("domain", "theme")).shape({"theme": "x"}) == (None, "x")


@pytest.mark.parametrize(
    ("columns", "row", "words"),
    [
        (("a",), ("x", "y"), "2 values for 1 columns"),
        (None, ("x",), "no columns declared"),
        (("a",), {"b": 1}, "do not fit the columns"),
        (("a",), "text", "which is no row"),
        (("a",), None, "which is no row"),
        (("a",), Data, "which is no row"),
    ],
)
def test_what_is_no_row_is_named(columns: tuple[str, ...] | None, row: object, words: str) -> None:
    """A row of the wrong size, with unknown fields or that is no row is the job's error, and says why."""
    with pytest.raises(JobError, match=words):
        RowShaper(columns).shape(row)


def test_names_of_fields_are_texts() -> None:
    """Keys that are no texts name columns by their text; two with one text are the job's error."""
    shaper = RowShaper()
    assert shaper.shape({1: "x", None: "y"}) == ("x", "y")
    assert shaper.columns == ("1", "None")
    assert shaper.shape({"1": "x"}) == ("x", None)
    with pytest.raises(JobError, match="do not fit"):
        shaper.shape({2: "x"})
    with pytest.raises(JobError, match="same name"):
        shaper.shape({1: "x", "1": "y"})
