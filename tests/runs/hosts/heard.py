"""What tests of links share: events that were heard, and a host's work that only waits."""

from __future__ import annotations

import queue
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from cctrawl.runs.hosts import Host, Linked, LinkEvent, Linking, Printed, stop_links
from cctrawl.runs.hosts.link import Link

WITHIN_S = 30.0
WAITING = """
import threading, time
stopped = threading.Event()
def serve(spec):
    print("serving in", spec["scratch"], flush=True)
    for line in spec.get("lines", ()):
        print(line)
    if spec.get("fails"):
        raise RuntimeError(spec["fails"])
    stopped.wait(spec.get("serves_s", 1000))
def end(reason):
    print("ending:", reason, flush=True)
"""
Event = TypeVar("Event", bound=LinkEvent)


def waiting_python(folder: Path) -> str:
    """Return an interpreter that knows the module ``waiting``."""
    (folder / "waiting.py").write_text(WAITING, encoding="utf-8")
    program = folder / "python-that-waits"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def packages_but_ours(folder: Path) -> Path:
    """Return a folder with all packages of this Python but cctrawl, for ``PYTHONPATH`` where there is no index."""
    folder.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "cctrawl" not in path.name and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
    return folder


class Heard:
    """Events, in the order in which they come."""

    def __init__(self) -> None:
        self._events: queue.Queue[LinkEvent] = queue.Queue()
        self.printed: list[str] = []

    def __call__(self, event: LinkEvent) -> None:
        """Take an event."""
        if isinstance(event, Printed):
            self.printed.append(event.line)
        else:
            self._events.put(event)

    def next(self, kind: type[Event], host: str = "") -> Event:
        """Return the next event, which must be of a kind and, if a name is given, of that host."""
        event = self._events.get(timeout=WITHIN_S)
        assert isinstance(event, kind), event
        assert not host or event.host.name == host
        return event

    def await_line(self, text: str) -> str:
        """Return the first printed line with a text, as soon as it is there."""
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            for line in list(self.printed):
                if text in line:
                    return line
            time.sleep(0.01)
        raise AssertionError(f"no line {text!r} in {self.printed}")

    def is_quiet(self) -> bool:
        """Return whether nothing has come that was not taken."""
        return self._events.empty()


@contextmanager
def linked(
    hosts: Sequence[Host],
    *,
    spec: Mapping[str, Any] | None = None,
    **options: Any,  # noqa: ANN401 - any of Linking
) -> Iterator[Heard]:
    """Keep links to hosts, and yield what is heard of them; their work is to wait."""
    heard = Heard()
    work = {"module": "waiting", **(spec or {})}

    def specified(_: Linked) -> Mapping[str, Any]:
        return work

    linking = Linking(**{"ssh": "", "key": "key", "scheduler_port": 9, "spec": specified, **options})
    links = [Link(host, linking, heard) for host in hosts]
    for link in links:
        link.start()
    try:
        yield heard
    finally:
        stop_links(links)
