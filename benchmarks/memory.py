"""Peak memory of a command and of the processes it starts, each by itself, from Linux's /proc."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PAUSE_S = 0.05


@dataclass
class Peak:
    """The most that one process held, in bytes.

    Attributes:
        rss: resident memory, pages shared with other processes included; the kernel's own high-water mark.
        pss: the same, shared pages divided by the number of their users; the highest sample.
        uss: pages of this process alone; the highest sample.
    """

    rss: int = 0
    pss: int = 0
    uss: int = 0

    def see(self, process: int) -> None:
        """Look at a process once more; one that is gone changes nothing."""
        self.rss = max(self.rss, _bytes(process, "status", "VmHWM"))
        self.pss = max(self.pss, _bytes(process, "smaps_rollup", "Pss"))
        self.uss = max(self.uss, _bytes(process, "smaps_rollup", "Private_Clean", "Private_Dirty"))

    def __str__(self) -> str:
        """Return the three in MB."""
        return f"RSS {self.rss / 1e6:6.1f} MB   PSS {self.pss / 1e6:6.1f} MB   USS {self.uss / 1e6:6.1f} MB"


def watched(
    command: Sequence[str],
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
) -> tuple[Peak, list[Peak], float]:
    """Run a command to its end, started by ``popen``.

    Returns:
        The peak of the command itself, those of the processes it started, and the seconds it took.

    Raises:
        SystemExit: the command failed.
    """
    began = time.perf_counter()
    with (
        tempfile.TemporaryFile() as errors,
        popen(command, stdin=stdin, stdout=stdout, stderr=errors) as process,
    ):
        main, children = Peak(), dict[int, Peak]()
        while process.poll() is None:
            main.see(process.pid)
            for child in _children(process.pid):
                children.setdefault(child, Peak()).see(child)
            time.sleep(_PAUSE_S)
        seconds = time.perf_counter() - began
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{errors.read().decode(errors='replace')}")
    return main, list(children.values()), seconds


def _children(process: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _bytes(process: int, file: str, *fields: str) -> int:
    try:
        text = Path(f"/proc/{process}/{file}").read_text()
    except OSError:
        return 0
    return sum(
        int(number) * 1024
        for field in fields
        for number in re.findall(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    )
