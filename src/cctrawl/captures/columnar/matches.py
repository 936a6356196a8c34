"""Which rows of a row group match: small columns first, and of large ones only the pages that may decide.

No order of the rows is taken for granted. The bounds of a page say that all of its keys are in a range, that none
is, or that the keys must be read; in a sorted row group the latter is so for the page or two at the edges, in one
of zipped runs for many, and then the columns of hosts are cheaper. So sortedness shows in the cost, and what the
file says of its order does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cctrawl.captures.columnar.hosts import HostTest, host_tests, implies, is_name_test
from cctrawl.captures.columnar.limits import may_hold, surely_in
from cctrawl.captures.columnar.rows import Runs, count, difference, intersection, selected, union
from cctrawl.captures.conditions import KEY, And, Condition, KeyIn
from cctrawl.captures.masks import mask
from cctrawl.index import joined_runs

if TYPE_CHECKING:
    import pyarrow as pa

    from cctrawl.captures.columnar.group import Group
    from cctrawl.captures.query import Query

# Some 50 MB of the default columns, and 100,000 captures of one domain in one round.
SLICE_ROWS: Final = 2**17
# So few rows are read together with what is to be handed out: that saves a round, which takes 50 ms.
_FEW_ROWS = 2**14
_ROUND_BYTES = 256 * 2**10  # a round takes as long as so many bytes
_PAGE_ROWS = 20_000  # of small columns, as parquet-mr writes them
_MOST_PAGES = 0.7  # of the pages are needed: where they are is not worth knowing
_BOUNDED = "url"  # columns of which bounds exclude pages: rows stand together by host
_CLUSTERED = ("url", "content_languages", "content_charset")  # in which neighbours are alike
_SCATTERED_FACTOR = 5  # for other columns: they exclude rows, but hardly any page
_HOST_SHARE = 0.5  # columns of hosts are read first if they cost less than this share of keys that are read anyway


@dataclass
class Matches:
    """Rows of a row group that match, as far as was read.

    Attributes:
        rows: which.
        rest: conditions that are to be held against the rows when they are read.
        known: columns of the rows that have been read already, if any have.
    """

    rows: Runs
    rest: list[Condition]
    known: pa.Table | None = None


def conjuncts(query: Query) -> list[Condition]:
    """Return the conditions that a capture must meet, all of them."""
    found: list[Condition] = [KeyIn(query.ranges)] if query.ranges else []
    waiting = [query.condition] if query.condition is not None else []
    while waiting:
        condition = waiting.pop(0)
        if isinstance(condition, And):
            waiting[:0] = condition.parts
        else:
            found.append(condition)
    return found


def find_matches(
    group: Group, conditions: Sequence[Condition], columns: Sequence[str], slice_rows: int = SLICE_ROWS
) -> Matches:
    """Return the rows of a row group that may match, with what is left to be tested on them.

    Args:
        group: the row group.
        conditions: what must hold, all of it.
        columns: what will be read of the rows that match.
        slice_rows: more rows than so many will be read in slices.

    Raises:
        CctrawlError: the file cannot be read, or is damaged.
    """
    if not group.num_rows or not all(may_hold(condition, group.limits) for condition in conditions):
        return Matches([], [])
    left = _decided_without_reading(group, conditions)
    if left is None:
        return Matches([], [])
    search = _Search(group, left, columns)
    search.look_at_pages()
    while search.goes_on():
        search.narrow()
    return search.found(slice_rows)


def _decided_without_reading(group: Group, conditions: Sequence[Condition]) -> list[Condition] | None:
    """The conditions that depend on stored columns; ``None`` if one of the others is not true."""
    left = []
    for condition in conditions:
        if group.stored(condition.columns):
            left.append(condition)
        elif not mask(condition, group.read(condition.columns, [(0, 1)]))[0].as_py():
            return None
    return left


class _Search:
    """The rows that may match, getting fewer."""

    def __init__(self, group: Group, conditions: Sequence[Condition], columns: Sequence[str]) -> None:
        self._group = group
        self._conditions = list(conditions)
        self._columns = set(group.stored(columns))
        self._keys = next((one for one in conditions if isinstance(one, KeyIn)), None)
        self._implying = [one for one in conditions if self._keys is not None and implies(one, self._keys)]
        self._hosts: HostTest | None = None  # what is read in the place of keys, or before them
        self._rows: Runs = [(0, group.num_rows)]
        self._sure: Runs = []  # rows whose keys are in the ranges without having been read
        self._known: pa.Table | None = None  # columns of the rows, as far as they have been read
        self._has_places = False

    def look_at_pages(self) -> None:
        """Read bounds of pages, where they may exclude rows, and exclude those."""
        group = self._group
        read = {KEY} if self._keys is not None else self._deciding()
        bounded = [name for name in group.stored(read) if name.startswith(_BOUNDED) and group.has_bounds(name)]
        if bounded:
            self._load_places(bounded)
        for column in bounded:
            pages = group.page_limits(column)
            for condition in self._conditions:
                if pages and column in condition.columns:
                    may = [rows for rows, limits in pages if may_hold(condition, {column: limits})]
                    self._rows = intersection(self._rows, joined_runs(may))
        if self._keys is not None:
            self._see_sure(self._keys)

    def _see_sure(self, keys: KeyIn) -> None:
        group = self._group
        if not group.has_nulls(KEY):
            self._sure = joined_runs([rows for rows, limits in group.page_limits(KEY) if surely_in(keys, limits)])
        if not self._unsure:
            self._drop(keys)
        elif not self._implying:
            self._hosts = self._worthwhile(keys)

    @property
    def _unsure(self) -> Runs:
        return difference(self._rows, self._sure)

    def _worthwhile(self, keys: KeyIn) -> HostTest | None:
        """The test by a column of hosts that costs least, if it is cheaper than reading keys."""
        group, unsure = self._group, self._unsure
        tests = [test for test in host_tests(keys) if group.stored([test.column])]
        costs = [group.cost_bytes([test.column], unsure) for test in tests]
        cost, best = min(zip(costs, tests, strict=True), key=lambda found: found[0], default=(0, None))
        if best is None:
            return None
        share = 1.0 if best.decides and KEY not in self._columns else _HOST_SHARE
        return best if cost < share * group.cost_bytes([KEY], unsure) else None

    def goes_on(self) -> bool:
        """Tell whether something is to be read before the rows themselves are."""
        if not self._rows or not self._conditions:
            return False
        if self._hosts:
            return True
        self._see_places()
        return count(self._rows) > _FEW_ROWS or self._is_dear()

    def _is_dear(self) -> bool:
        """Tell whether reading what is wanted of few rows takes much more than reading what decides."""
        # Names of hosts will be told by the URLs.
        deciding = [one for one in self._conditions if not (is_name_test(one) and "url" in self._columns)]
        if not deciding:
            return False
        wanted = self._columns.union(*(one.columns for one in deciding))
        cost = self._group.cost_bytes(wanted - self._names_known(), self._rows)
        return cost - min(map(self._cost, deciding)) > _ROUND_BYTES

    def narrow(self) -> None:
        """Read what decides at the least cost, and keep the rows that it leaves."""
        if self._hosts:
            self._test_hosts(self._hosts)
            self._hosts = None
            return
        condition = self._cheapest()
        is_keys = condition is self._keys
        rows = self._unsure if is_keys else self._rows
        known = self._known if rows == self._rows else None
        table = with_known(self._group, condition.columns, rows, known, coded=True)
        meets = mask(condition, table)
        self._drop(condition)
        if rows == self._rows:
            self._keep(selected(rows, meets), meets, table)
        else:
            self._rows, self._known = union(selected(rows, meets), intersection(self._rows, self._sure)), None

    def _test_hosts(self, test: HostTest) -> None:
        """Exclude rows by a column of hosts, and learn of which rows the keys need not be read.

        What is small is read along, so that it takes no round of its own.
        """
        sure = intersection(self._rows, self._sure)
        along = self._columns if self._group.cost_bytes(self._columns, self._rows) < _ROUND_BYTES else set()
        rows = self._rows if along else self._unsure
        table = self._group.read({test.column, *along}, rows, coded=True)
        may, surely = test.masks(table[test.column])
        left = selected(rows, may)
        if along and not difference(sure, left):
            self._keep(left, may, table)
        else:
            self._rows, self._known = union(difference(left, sure), sure), None
        surely_left = left if surely.equals(may) else selected(rows, surely)
        self._sure = union(difference(surely_left, sure), sure)
        if self._keys is not None and not self._unsure:
            self._drop(self._keys)

    def _drop(self, condition: Condition) -> None:
        """Take a condition as tested, with the one on keys, if that follows."""
        self._conditions = [
            one
            for one in self._conditions
            if one is not condition and not (one is self._keys and condition in self._implying)
        ]

    def _cheapest(self) -> Condition:
        return min(self._conditions, key=lambda one: self._cost(one) * _factor(one))

    def _cost(self, condition: Condition) -> int:
        rows = self._unsure if condition is self._keys else self._rows
        return self._group.cost_bytes(condition.columns - self._names_known(), rows)

    def _keep(self, rows: Runs, meets: pa.ChunkedArray, table: pa.Table) -> None:
        """Keep the rows, and what was read of them if it will be handed out, or decides more."""
        wanted = self._columns | self._deciding()
        columns = {name: table[name] for name in table.column_names if name in wanted}
        if self._known is not None:
            columns |= {name: self._known[name] for name in self._known.column_names}
        self._known = table.from_pydict(columns).filter(meets) if columns else None
        self._rows = rows

    def _deciding(self) -> set[str]:
        return {column for condition in self._conditions for column in condition.columns}

    def _names_known(self) -> set[str]:
        return set(self._known.column_names) if self._known is not None else set()

    def _see_places(self) -> None:
        """Learn where pages are, if many are not needed."""
        pages = {
            row // _PAGE_ROWS for start, stop in self._rows for row in (*range(start, stop, _PAGE_ROWS), stop - 1)
        }
        if not self._has_places and len(pages) * _PAGE_ROWS < _MOST_PAGES * self._group.num_rows:
            self._load_places([])

    def _load_places(self, bounded: Sequence[str]) -> None:
        group = self._group
        tests = host_tests(self._keys) if self._keys is not None else []
        names = self._columns | self._deciding() | {test.column for test in tests}
        group.reader.load_page_index(group.stored(names), bounds_of=bounded)
        self._has_places = True

    def found(self, slice_rows: int) -> Matches:
        """Return what was found."""
        if self._rows:
            is_large = count(self._rows) > slice_rows
            if is_large and KEY in self._columns and self._group.has_bounds(KEY):
                self._load_places([KEY])  # it will be cut at the bounds of keys
            self._see_places()
        if any(condition in self._implying for condition in self._conditions) and self._keys is not None:
            self._drop(self._keys)
        return Matches(self._rows, self._conditions, self._known)


def _factor(condition: Condition) -> int:
    return 1 if all(column.startswith(_CLUSTERED) for column in condition.columns) else _SCATTERED_FACTOR


def with_known(
    group: Group, columns: Iterable[str], rows: Runs, known: pa.Table | None, *, coded: bool = False
) -> pa.Table:
    """Return rows of columns, of which some may be known: those are not read again.

    Raises:
        CctrawlError: as `Group.read`.
    """
    names = list(dict.fromkeys(columns))
    if known is None:
        return group.read(names, rows, coded=coded)
    kept = [name for name in names if name in known.column_names]
    table = group.read([name for name in names if name not in kept], rows, coded=coded)
    return known.from_pydict({name: known[name] if name in kept else table[name] for name in names})
