"""Footers into the index and out of it: all that is known of a file appears at once, or not at all."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cctrawl.store.database import storable
from cctrawl.store.dictionaries import Dictionaries, Dictionary, Packed
from cctrawl.store.index import HELD, IMPORTED, UNDECODABLE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from cctrawl.store.index import IndexFile

ABSENT = "absent"


class GroupRow(NamedTuple):
    """A row group: its size, and the bounds of its keys as bytes that compare.

    Attributes:
        num_rows: its rows.
        byte_size: ``total_byte_size`` of its columns, uncompressed.
        statistics: ``ordered``, ``signed``, ``computed`` or ``absent``.
        low: no key of it is below; those of ``signed`` have each byte XOR 0x80; ``None`` if absent.
        high: no key of it is above, in the same form.
    """

    num_rows: int
    byte_size: int
    statistics: str
    low: bytes | None
    high: bytes | None


@dataclass(frozen=True)
class FooterRow:
    """A footer that was fetched.

    Attributes:
        path: the file's path below the base URL.
        crawl: its crawl.
        subset: its subset.
        size: size of the file in bytes.
        footer_bytes: size of the footer in bytes.
        packed: the footer.
        columns: names of the file's columns; ``None`` if the footer cannot be decoded.
        num_rows: the file's rows; ``None`` if the footer cannot be decoded.
        groups: its row groups.
        error: why it cannot be decoded; ``None`` if it can.
    """

    path: str
    crawl: str
    subset: str
    size: int
    footer_bytes: int
    packed: Packed
    columns: tuple[str, ...] | None = None
    num_rows: int | None = None
    groups: tuple[GroupRow, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class FailureRow:
    """A file whose footer did not come.

    Attributes:
        path: its path.
        crawl: its crawl.
        subset: its subset.
        kind: ``missing``, ``denied``, ``no footer`` or ``network``.
        message: what happened.
        tries: in how many harvests it failed.
    """

    path: str
    crawl: str
    subset: str
    kind: str
    message: str
    tries: int = 1


@dataclass(frozen=True)
class HeldFooter:
    """A footer that is held.

    Attributes:
        file: the file's id.
        path: its path.
        data: the footer, without the eight bytes behind it.
    """

    file: int
    path: str
    data: bytes


def put_footers(index: IndexFile, footers: Iterable[FooterRow], failures: Iterable[FailureRow] = ()) -> None:
    """Enter what was fetched, and what failed, in one transaction; what failed before and came now is forgotten.

    Raises:
        TransportError: the disk refuses; nothing was entered.
    """
    ids: dict[Dictionary, int | None] = {}
    with index.transaction() as connection:
        for row in footers:
            _put_footer(connection, row, ids)
        now = time.time()
        for failed in failures:
            connection.execute(
                "INSERT INTO failure VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT (path) DO UPDATE"
                " SET kind = excluded.kind, message = excluded.message, tries = tries + 1, at = excluded.at",
                (failed.path, failed.crawl, failed.subset, failed.kind, storable(failed.message), now),
            )
    for dictionary, number in ids.items():
        dictionary.id = number  # now that it is there for good


def _put_footer(connection: sqlite3.Connection, row: FooterRow, ids: dict[Dictionary, int | None]) -> None:
    file = put_file(
        connection,
        path=row.path,
        crawl=row.crawl,
        subset=row.subset,
        size=row.size,
        footer_bytes=row.footer_bytes,
        num_rows=row.num_rows,
        row_groups=None if row.error else len(row.groups),
        state=UNDECODABLE if row.error else HELD,
        schema=schema_id(connection, row.columns),
        error=storable(row.error),
    )
    connection.execute("DELETE FROM failure WHERE path = ?", (row.path,))
    dictionary = row.packed.dictionary
    if dictionary.id is None and dictionary not in ids:
        statement = "INSERT INTO dictionary (crawl, data) VALUES (?, ?)"
        ids[dictionary] = connection.execute(statement, (dictionary.crawl, dictionary.data)).lastrowid
    number = ids.get(dictionary, dictionary.id)
    connection.execute("INSERT OR REPLACE INTO footer VALUES (?, ?, ?)", (file, number, row.packed.data))
    if row.error is None:  # else row groups that were imported stay: they are all that is known
        put_row_groups(connection, file, row.groups)


def put_file(connection: sqlite3.Connection, *, path: str, **values: object) -> int:
    """Enter a file, in place of what was known of it, and return its id, which stays the same.

    Args:
        connection: of the transaction that is open.
        path: the file's path.
        **values: the other columns of the table ``file``; all but the nullable ones must be there.
    """
    names, marks = ", ".join(values), ", ?" * len(values)
    statement = f"INSERT OR IGNORE INTO file (path, {names}) VALUES (?{marks})"  # noqa: S608 - our own column names
    cursor = connection.execute(statement, (path, *values.values()))
    if cursor.rowcount and cursor.lastrowid is not None:
        return cursor.lastrowid
    assignments = ", ".join(f"{name} = ?" for name in values)
    update = f"UPDATE file SET {assignments} WHERE path = ?"  # noqa: S608 - our own column names
    connection.execute(update, (*values.values(), path))
    return int(connection.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()[0])


def put_row_groups(connection: sqlite3.Connection, file: int, groups: Sequence[GroupRow]) -> None:
    """Enter the row groups of a file and its own bounds, in place of those it had.

    Args:
        connection: of the transaction that is open.
        file: the file's id.
        groups: all of its row groups, in order.
    """
    connection.execute("DELETE FROM row_group WHERE file = ?", (file,))
    connection.executemany(
        "INSERT INTO row_group VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(file, number, *group) for number, group in enumerate(groups)],
    )
    connection.execute("INSERT OR REPLACE INTO file_bounds VALUES (?, ?, ?, ?)", (file, *bounds_of(groups)))


def bounds_of(groups: Sequence[GroupRow]) -> tuple[str, bytes | None, bytes | None]:
    """Return the kind and the widest bounds of row groups: absent if one has none, or if their kinds differ."""
    kinds = {group.statistics for group in groups}
    lows = [group.low for group in groups if group.low is not None]
    highs = [group.high for group in groups if group.high is not None]
    if len(kinds) != 1 or ABSENT in kinds or not len(lows) == len(highs) == len(groups):
        return ABSENT, None, None
    return kinds.pop(), min(lows), max(highs)


def schema_id(connection: sqlite3.Connection, columns: Sequence[str] | None) -> int | None:
    """Return the id of a schema with these columns, which is entered if it is new; ``None`` for none."""
    if columns is None:
        return None
    text = json.dumps(columns)
    found = connection.execute("SELECT id FROM schema WHERE columns = ?", (text,)).fetchone()
    if found:
        return int(found[0])
    return connection.execute("INSERT INTO schema (columns) VALUES (?)", (text,)).lastrowid


def note_listing(index: IndexFile, counts: Mapping[tuple[str, str], int]) -> None:
    """Keep how many files the listings have, by crawl and subset: it tells whether a harvest is complete.

    Raises:
        TransportError: the disk refuses.
    """
    now = time.time()
    with index.transaction() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?)",
            [(crawl, subset, files, now) for (crawl, subset), files in counts.items()],
        )


def held_paths(index: IndexFile, crawls: Collection[str]) -> set[str]:
    """Return the paths of the crawls' files whose footers are held, decodable or not.

    Raises:
        CctrawlError: the index cannot be read.
    """
    query = "SELECT path FROM file WHERE crawl = ? AND state != ?"
    return {path for crawl in crawls for (path,) in index.read(query, (crawl, IMPORTED))}


def footer_sizes(index: IndexFile, crawls: Collection[str]) -> Iterator[tuple[str, str, int]]:
    """Yield crawl, subset and footer size in bytes of the crawls' held footers.

    Raises:
        CctrawlError: the index cannot be read.
    """
    query = "SELECT crawl, subset, footer_bytes FROM file WHERE crawl = ? AND footer_bytes IS NOT NULL"
    for crawl in crawls:
        yield from index.read(query, (crawl,))


def listed_failures(index: IndexFile, crawls: Collection[str]) -> list[FailureRow]:
    """Return the files of the crawls that failed and did not come since, by path.

    Raises:
        CctrawlError: the index cannot be read.
    """
    query = "SELECT path, crawl, subset, kind, message, tries FROM failure WHERE crawl = ? ORDER BY path"
    return [FailureRow(*row) for crawl in crawls for row in index.read(query, (crawl,))]


def undecodable(index: IndexFile, crawls: Collection[str]) -> list[tuple[str, str]]:
    """Return path and reason of the crawls' held footers that cannot be decoded, by path.

    Raises:
        CctrawlError: the index cannot be read.
    """
    query = "SELECT path, error FROM file WHERE crawl = ? AND state = ? ORDER BY path"
    return [(path, error) for crawl in crawls for path, error in index.read(query, (crawl, UNDECODABLE))]


def held_footers(index: IndexFile, *, crawl: str | None = None, path: str | None = None) -> Iterator[HeldFooter]:
    """Yield held footers by the id of their files, lazily: all, those of a crawl, or that of one path.

    Raises:
        FormatError: a footer is damaged in the index.
        CctrawlError: the index cannot be read.
    """
    conditions = [(name, value) for name, value in (("crawl", crawl), ("path", path)) if value is not None]
    where = " AND ".join(["TRUE", *(f"{name} = ?" for name, _ in conditions)])
    query = (
        "SELECT file.id, path, dictionary, data FROM file JOIN footer ON footer.file = file.id"  # noqa: S608 - constants
        f" WHERE {where} ORDER BY file.id"
    )
    dictionaries = Dictionaries(index)
    for file, found, dictionary, data in index.read(query, [value for _, value in conditions]):
        yield HeldFooter(file, found, dictionaries.unpacked(data, dictionary, found))
