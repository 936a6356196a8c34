"""`cctrawl.find`: what is looked for, checked at once; asked for when somebody takes the answer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cctrawl.captures.cdxj import CLUSTER_CACHE_BYTES
from cctrawl.captures.choice import see_route
from cctrawl.captures.columns import COLUMN_KINDS, COLUMN_NAMES, DEFAULT_COLUMNS
from cctrawl.captures.conditions import KEY, all_of
from cctrawl.captures.execution import see_indexed
from cctrawl.captures.filters import filters
from cctrawl.captures.query import Query
from cctrawl.captures.search import Search, Wanted
from cctrawl.captures.targets import Sought, read_targets, sought
from cctrawl.captures.where import column_hint, parse_where
from cctrawl.errors import InvalidInputError
from cctrawl.listings import SUBSETS
from cctrawl.settings import Settings, parse_size, path_text
from cctrawl.transport import CONNECTIONS, MOST_CONNECTIONS

if TYPE_CHECKING:
    from cctrawl.captures.filters import Time, Values


def find(
    targets: str | Iterable[str] = (),
    *,
    crawl: str | Sequence[str],
    hosts_file: str | os.PathLike[str] | None = None,
    where: str | None = None,
    status: Values = None,
    mime: Values = None,
    language: Values = None,
    from_: Time = None,
    to: Time = None,
    columns: str | Sequence[str] | None = None,
    subset: str = "warc",
    route: str = "auto",
    exact: bool = False,
    latest: bool = False,
    unique: bool = False,
    limit: int | None = None,
    count_by: str | None = None,
    connections: int = CONNECTIONS,
    cluster_cache: str | int = CLUSTER_CACHE_BYTES,
    quiet: bool = True,
    settings: Settings | None = None,
) -> Search:
    """Look for captures, in any crawls, and return them as a `Search`: nothing is asked before it is used.

    Args:
        targets: one target or several: ``https://host/path`` or ``host/path`` (its SURT key: scheme, ``www.`` and
            letter case do not count), ``host/prefix*``, ``host`` (on any port; ``host:8080`` on that one),
            ``*.domain`` (and every host below it), ``surt:org,example)/`` (a key as it stands). None: all captures,
            for which a filter, ``count_by`` or ``limit`` must be given.
        crawl: ``"CC-MAIN-2024-22"``, ``"2020"``, ``"latest-3"``, ``"all"``, or a comma list; or several. But for
            ids crawls without an index are passed over, and named in the log ``cctrawl``.
        hosts_file: a file of further targets, one a line (``#``: a comment); ``"-"`` is stdin.
        where: a condition: ``"content_languages = isl and not fetch_status in (301, 302)"``, see `captures.where`.
        status: ``200``, ``"4xx"``, ``"200,301"``, or several.
        mime: values of ``content_mime_detected``: ``"application/pdf"``, ``"image/*"``, a comma list, or several.
        language: codes of which one is in ``content_languages``: ``"isl"``, a comma list, or several.
        from_: fetched at this time or later: ``"2020"``, ``"2020-06"``, ``"2020-06-01T12:00:00Z"``, or a datetime.
        to: fetched before this time: ``"2020-06"`` is until the end of May.
        columns: names of columns of the index, or a comma list, or ``"all"``; else `DEFAULT_COLUMNS`.
        subset: ``"warc"``, ``"robotstxt"``, ``"crawldiagnostics"`` or ``"all"``.
        route: ``"columnar"``, ``"cdx"``, or ``"auto"`` for the cheaper one.
        exact: compare ``url``, not its key, for targets that are URLs or prefixes, and in ``latest``.
        latest: keep the newest capture of each URL over all crawls: of each ``url_surtkey``; if ``exact``, ``url``.
        unique: keep one capture of each ``content_digest``, the first in the order of results.
        limit: rows at most; reading stops there.
        count_by: count the captures of each crawl by this column instead: ``crawl``, the column, ``count``, the
            most frequent first.
        connections: requests at once, 1 to 128; how many per second is a matter of the settings.
        cluster_cache: what may be kept in the data folder of CDXJ's directories, in bytes or as ``"256MiB"``: lines
            once read, so that the same places are found at once later. The oldest go first.
        quiet: no progress on stderr.
        settings: how to ask for bytes; else the environment's.

    Raises:
        InvalidInputError: a target, condition, column or option that cannot be; a file of targets that cannot be
            read; or a question that would list a whole index.
    """
    in_force = settings or Settings.resolve()
    expression = _expression(crawl)
    see_indexed(expression)
    _see_options(subset=subset, limit=limit, connections=connections, columns=columns, count_by=count_by)
    found = _sought(targets, hosts_file, exact=exact)
    tests = filters(status=status, mime=mime, language=language, from_=from_, to=to)
    if where is not None:
        tests.insert(0, parse_where(where))
    if not (found.number or tests or count_by or limit):
        raise InvalidInputError(
            "that would list a whole index", hint="give a target, a filter (--where, --status …) or --limit"
        )
    shown = _columns(columns)
    newest_by = ("url" if exact else KEY) if latest else None
    is_sifted = latest or unique  # which is done here, row by row
    query = Query(
        ranges=found.ranges,
        condition=all_of([*([found.condition] if found.condition else []), *tests]),
        columns=_needed([count_by] if count_by else shown, newest_by, unique=unique),
        subset=subset,
        count_by=None if is_sifted else count_by,
        limit=None if is_sifted or count_by else limit,
    )
    see_route(route, query)
    wanted = Wanted(
        crawl=expression,
        sought=found,
        query=query,
        columns=shown,
        newest_by=newest_by,
        is_unique=unique,
        limit=limit,
        count_by=count_by,
        route=route,
        connections=connections,
        cluster_cache_bytes=parse_size(cluster_cache),
    )
    return Search(wanted, in_force, quiet=quiet)


def _expression(crawl: object) -> str:
    names = [crawl] if isinstance(crawl, str) else list(crawl) if isinstance(crawl, Iterable) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidInputError(f"no crawls: {crawl!r:.80}", hint="for example '2024' or 'latest'")
    return ",".join(map(str, names))


def _sought(targets: str | Iterable[str], hosts_file: str | os.PathLike[str] | None, *, exact: bool) -> Sought:
    given = [targets] if isinstance(targets, str) else list(targets)
    if hosts_file is None:
        return sought(given, exact=exact)
    file = path_text(hosts_file)
    from_file = list(read_targets(file))
    if not from_file:
        raise InvalidInputError(f"{file} holds no target", hint="give a host, URL or *.domain a line")
    return sought([*given, *from_file], exact=exact)


def _needed(columns: Sequence[str], newest_by: str | None, *, unique: bool) -> tuple[str, ...]:
    """The columns that crawls are asked for: those that decide what is kept, too."""
    deciding = ([KEY, newest_by] if newest_by else []) + (["content_digest"] if unique else [])
    return tuple(dict.fromkeys([*columns, *deciding]))


def _columns(given: str | Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return DEFAULT_COLUMNS
    if given == "all":
        return COLUMN_NAMES
    words = given.split(",") if isinstance(given, str) else given
    names = tuple(dict.fromkeys(name.strip() for name in words if name.strip()))
    if not names:
        raise InvalidInputError("no column is named", hint=column_hint(""))
    for name in names:
        _see_column(name)
    return names


def _see_column(name: str) -> None:
    if name not in COLUMN_KINDS:
        raise InvalidInputError(f"no column: {name!r}", hint=column_hint(name))


def _see_options(
    *, subset: str, limit: int | None, connections: int, columns: str | Sequence[str] | None, count_by: str | None
) -> None:
    if subset != "all" and subset not in SUBSETS:
        raise InvalidInputError(f"no subset: {subset!r}", hint=f"one of {', '.join(SUBSETS)}, all")
    if limit is not None and limit < 1:
        raise InvalidInputError(f"--limit {limit} cannot be", hint="give 1 or more")
    if not 1 <= connections <= MOST_CONNECTIONS:
        raise InvalidInputError(f"--connections {connections} cannot be", hint=f"give 1 to {MOST_CONNECTIONS}")
    if count_by is None:
        return
    _see_column(count_by)
    if columns is not None:
        raise InvalidInputError("counts have columns of their own", hint="give --columns or --count-by, not both")
