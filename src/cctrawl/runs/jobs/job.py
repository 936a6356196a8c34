"""A job: a function from the records of one file to rows, with what the run must know about it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cctrawl.errors import InvalidInputError

if TYPE_CHECKING:
    from cctrawl.warc import Record, RecordHead

    Rows = Iterable[Any] | None
    JobFunction = Callable[[Iterator[Record]], Rows]
    Want = Callable[[RecordHead], bool]

KINDS = ("warc", "wat", "wet", "robotstxt", "non200responses")


@dataclass(frozen=True)
class Job:
    """A function over the records of one file, and what the run must know about it.

    Calling a job calls its function, so it can be tested like any other.

    Attributes:
        function: takes an iterator of records, returns or yields rows.
        columns: the names of the rows' fields; ``None`` to learn them from the first row.
        want: tells from a record's head whether its body is needed; ``None`` for all.
        kind: the kind of file the job is for.
        sums: the columns that a run also adds up over all inputs, grouped by the others.

    Raises:
        InvalidInputError: a column name twice or that is no string, an unknown kind, or a sum of no column.
    """

    function: JobFunction
    columns: tuple[str, ...] | None = None
    want: Want | None = None
    kind: str = "warc"
    sums: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.columns or (), self.kind, self.sums)

    def __call__(self, records: Iterator[Record]) -> Rows:
        """Return the rows of one file's records."""
        return self.function(records)

    @property
    def name(self) -> str:
        """The function's name."""
        inner = innermost(self.function)
        return getattr(inner, "__name__", type(inner).__name__)

    @property
    def summary(self) -> str:
        """The first line of the function's docstring, or nothing."""
        return (innermost(self.function).__doc__ or "").strip().partition("\n")[0]

    @classmethod
    def of(cls, candidate: Callable[..., Any]) -> Job:
        """Return a job as it is, and any other callable as a job without declarations.

        Raises:
            InvalidInputError: it cannot be called.
        """
        if isinstance(candidate, Job):
            return candidate
        if not callable(candidate):
            raise InvalidInputError(
                f"no job: {candidate!r:.80}", hint="give a function that takes records and yields rows"
            )
        return cls(candidate)


def innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function within ``functools.partial``, however deep: the one that has a name and a home."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def job(
    *columns: str, want: Want | None = None, kind: str = "warc", sums: Iterable[str] = ()
) -> Callable[[JobFunction], Job]:
    """Declare a function a job, with the columns of the rows it yields.

    The function is called once per file with an iterator of its records, and yields rows: tuples in the order of
    the columns, dicts, named tuples or dataclasses::

        @cctrawl.job("domain", "server", want=cctrawl.responses)
        def servers(records):
            for record in records:
                yield record.url, record.http_headers.get("server")

    Args:
        *columns: the column names; none to learn them from the first row.
        want: tells from a record's head whether its body is needed; bodies it does not want are skipped
            without being inflated.
        kind: the kind of file the job is for: ``warc``, ``wat``, ``wet``, ``robotstxt``, ``non200responses``.
        sums: columns of numbers that the run also adds up over all inputs, grouped by the other columns, into
            ``NAME.totals.EXT``.

    Raises:
        InvalidInputError: a column name twice or that is no string, an unknown kind, or a sum of no column.
    """
    added_up = (sums,) if isinstance(sums, str) else tuple(sums)
    _check(columns, kind, added_up)

    def declare(function: JobFunction) -> Job:
        return Job(function, columns or None, want, kind, added_up)

    return declare


def _check(columns: tuple[str, ...], kind: str, sums: tuple[str, ...]) -> None:
    if not all(isinstance(column, str) and column for column in columns) or len(set(columns)) != len(columns):
        raise InvalidInputError(
            f"no column names: {columns!r}", hint='write @cctrawl.job("domain", "theme"), each name once'
        )
    if kind not in KINDS:
        raise InvalidInputError(f"no such kind of file: {kind!r}", hint=f"choose one of {', '.join(KINDS)}")
    if not set(sums) <= set(columns) or len(set(sums)) != len(sums):
        raise InvalidInputError(
            f"no columns to add up: {sums!r}",
            hint='name declared columns, each once: @cctrawl.job("server", "count", sums=("count",))',
        )


def responses(head: RecordHead) -> bool:
    """Want the pages only: records of type ``response``."""
    return head.type == "response"
