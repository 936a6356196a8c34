"""Which engine does the tasks of a run: processes of this machine, or of hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from cctrawl.runs.engine import Engine, LocalEngine
from cctrawl.runs.options import RunOptions
from cctrawl.runs.outputs import Place
from cctrawl.runs.task import Setup
from cctrawl.transport import is_listed, is_url


def engine_for(
    setup: Setup,
    options: RunOptions,
    inputs: Iterable[str],
    *,
    staged: Path,
    place: Place,
    note: Callable[[str], None],
) -> Engine:
    """Return the engine that the options ask for. No host is asked if there is nothing to do.

    Args:
        setup: what all tasks share.
        options: how the run goes about its work.
        inputs: what is left to do.
        staged: the folder of parts that wait for their place.
        place: where the output is.
        note: hears what users should know of hosts.

    Raises:
        CctrawlError: no host can be used.
    """
    left = [] if options.cluster is None else list(inputs)
    if options.cluster is None or not left:
        return local_engine(setup, options)
    from cctrawl.runs.cluster import open_engine  # noqa: PLC0415 - an extra, and Dask takes a second to load

    engine: Engine = open_engine(
        replace(setup, parts_url=place.take_uploads()),
        options.cluster,
        workers=options.workers,
        timeout_s=options.timeout_s,
        max_memory_bytes=options.max_memory_bytes,
        staged=staged,
        inputs=_files_of(left, setup.settings.base_url),
        note=note,
    )
    return engine


def local_engine(setup: Setup, options: RunOptions) -> LocalEngine:
    """Return the engine of this machine; its workers are started as they are needed."""
    return LocalEngine(
        setup, options.workers or 1, timeout_s=options.timeout_s, max_memory_bytes=options.max_memory_bytes
    )


def _files_of(inputs: Iterable[str], base_url: str) -> list[str]:
    """Return the files, and the folder of listed ones, that a host must have to read these inputs."""
    sources = dict.fromkeys(base_url if is_listed(name) else name for name in inputs)
    return [source for source in sources if not is_url(source)]
