"""The two ways to keep records: `save_records` into files, resumable, and `print_records` to a stream."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from cctrawl.captures.outputs import views
from cctrawl.captures.outputs.destination import destination
from cctrawl.captures.outputs.failures import FailureList
from cctrawl.captures.outputs.journal import Journal
from cctrawl.captures.outputs.report import FetchReport
from cctrawl.captures.outputs.saving import Saving, no_captures
from cctrawl.captures.records import FailedRecord, record_source
from cctrawl.progress import Progress, Topics, open_progress
from cctrawl.settings import Settings
from cctrawl.transport import CONNECTIONS, GAP_BYTES, Transport, TransportEvent

SIZE_BYTES = 2**30
_LOOKED_AT = 1000  # captures whose crawls a WARC file names


@dataclass(frozen=True)
class FetchOptions:
    """How a fetch goes about its work.

    Attributes:
        kind: of the records: ``warc``, ``wet`` or ``wat``.
        verify: see that each record is the capture's, and whole.
        gap_bytes: records with at most so many bytes between them are asked for together.
        connections: requests at once.
        size_bytes: WARC files split before they get longer.
        max_failures: the share of the last 200 captures that the network may fail.
        restart: drop what was done on this output and begin anew.
        command: the command line, for the WARC files.
        quiet: no progress.
    """

    kind: str = "warc"
    verify: bool = True
    gap_bytes: int = GAP_BYTES
    connections: int = CONNECTIONS
    size_bytes: int = SIZE_BYTES
    max_failures: float = 0.05
    restart: bool = False
    command: str = ""
    quiet: bool = False


def save_records(
    captures: Iterable[Mapping[str, Any]],
    output: str,
    *,
    view: str | None = None,
    total: int | None = None,
    options: FetchOptions | None = None,
    settings: Settings | None = None,
) -> FetchReport:
    """Fetch the records of captures into files; the same call goes on where the last one stopped.

    Args:
        captures: in the order that the output is to have; to go on, the same ones again.
        output: a file, whose ending tells the format, or a folder, which ends in ``/``.
        view: what of each record; ``None`` to follow the ending.
        total: captures there are, if that is known.
        options: how to go about it.
        settings: how to ask.

    Raises:
        InvalidInputError: the output holds something else, or cannot be.
        NotFoundError: there are no captures.
        AbortedError: patience is spent, or too many failed for the network; all is kept.
        TransportError: nothing could be fetched, for the network.
        OSError: the output cannot be written.
    """
    options, settings = options or FetchOptions(), settings or Settings.resolve()
    place = destination(output, view)
    began = time.monotonic()
    captures = iter(captures)
    first = list(islice(captures, _LOOKED_AT))
    sink = place.sink(options.size_bytes, _about(first, options, settings))
    asked = {"as": place.view, "format": place.format, "kind": options.kind, "size": options.size_bytes}
    with (
        closing(Journal(place.state)) as journal,
        closing(open_progress(quiet=options.quiet)) as progress,
        _transport(settings, options, progress) as transport,
    ):
        source = record_source(
            options.kind, settings, transport, verify=options.verify, gap_bytes=options.gap_bytes
        )
        failures = FailureList(place.failures)
        saving = Saving(sink, journal, failures, asked, transport, progress, total, options.max_failures)
        earlier = _done_before(journal, restart=options.restart)
        state = saving.run(chain(first, captures), source, restart=options.restart)
        counters = transport.counters.snapshot()
    return FetchReport(
        output,
        saving.files,
        state.records,
        state.failed,
        _shown(place.failures, output) if state.failed else "",
        earlier,
        sink.written_bytes,
        counters.requests,
        counters.bytes_received,
        counters.retries + source.asked_again,
        time.monotonic() - began,
        saving.first_failure,
    )


def print_records(
    captures: Iterable[Mapping[str, Any]],
    stream: IO[bytes],
    *,
    view: str = "warc",
    options: FetchOptions | None = None,
    settings: Settings | None = None,
) -> FetchReport:
    """Fetch the records of captures to a stream, one behind the other; failures are told on stderr.

    Raises:
        NotFoundError: there are no captures.
        CctrawlError: ``captures`` is a list of one, and it failed: why.
        AbortedError: patience is spent.
    """
    options, settings = options or FetchOptions(), settings or Settings.resolve()
    began = time.monotonic()
    records = failed = written_bytes = 0
    with closing(open_progress(quiet=True)) as progress, _transport(settings, options, progress) as transport:
        source = record_source(
            options.kind, settings, transport, verify=options.verify, gap_bytes=options.gap_bytes
        )
        with closing(source.each(captures)) as outcomes:
            for outcome in outcomes:
                if isinstance(outcome, FailedRecord):
                    if isinstance(captures, list) and len(captures) == 1:
                        raise outcome.reason
                    failed += 1
                    progress.note(f"failed: {outcome.reason}")
                    continue
                data = views.stored_form(outcome, view)
                stream.write(data)
                records += 1
                written_bytes += len(data)
        stream.flush()
        counters = transport.counters.snapshot()
    if not records + failed:
        raise no_captures()
    retries = counters.retries + source.asked_again
    return FetchReport(
        "-", (), records, failed, "", 0, written_bytes, counters.requests, counters.bytes_received, retries,
        time.monotonic() - began,
    )  # fmt: skip


def _shown(path: Path, output: str) -> str:
    """Return a path as the user would write it who gave the output so."""
    return str(path) if os.path.isabs(output) else os.path.relpath(path)  # noqa: PTH117 - a text, as it was given


def _transport(settings: Settings, options: FetchOptions, progress: Progress) -> Transport:
    topics = Topics()

    def tell(event: TransportEvent) -> None:
        if topics.is_due(event.kind):
            progress.note(str(event))

    return Transport(settings, connections=options.connections, on_event=tell)


def _done_before(journal: Journal, *, restart: bool) -> int:
    state = None if restart else journal.load()
    return 0 if state is None else state.captures


def _about(captures: list[Mapping[str, Any]], options: FetchOptions, settings: Settings) -> list[tuple[str, str]]:
    """Return what a WARC file says of where its records come from."""
    version = sys.modules["cctrawl"].__version__
    crawls = sorted({str(capture["crawl"]) for capture in captures if capture.get("crawl")})
    about = [
        ("software", f"cctrawl/{version} https://pypi.org/project/cctrawl/"),
        ("format", "WARC File Format 1.0"),
        ("conformsTo", "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.0/"),
        ("description", f"records of captures ({options.kind}), unchanged, from {settings.base_url}"),
    ]
    about += [("isPartOf", ", ".join(crawls))] if crawls else []
    about += [("operator", settings.contact)] if settings.contact else []
    return about + ([("cctrawl-command", options.command)] if options.command else [])
