"""A worker process as its engine sees it: the connection to it, what it does, what it printed, and its end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from cctrawl.runs.task import Setup, Task

_LAST_LINES_BYTES = 4096
_READ_BYTES = 1 << 16
_FULL_PIPE_READS = 2  # Linux: 64 KiB, or less
_LOOK_S = 0.002


class WorkerProcess:
    """A process of ours, the leader of a session and process group of its own.

    Args:
        number: by which its engine knows it.
        setup: what all tasks share.

    Attributes:
        number: by which its engine knows it.
        connection: what it sends can be read there.
        output: what it prints, while ``output_open``.
        ready: whether it has come up.
        task: what it does.
        moved_at: when its task last got on, on the monotonic clock.

    Raises:
        OSError: the system gives no further process.
    """

    def __init__(self, number: int, setup: Setup) -> None:
        self.number = number
        self.connection, theirs = Pipe()
        # The worker finds modules where we do, and nothing in its working folder can shadow them.
        path = [folder for folder in sys.path if isinstance(folder, str)]
        code = f"import sys; sys.path[:] = {path!r}; from cctrawl.runs.worker import main; main({theirs.fileno()})"
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,  # what cannot be read now is told as None
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the driver alone, and what a job starts ends with its worker
        )
        theirs.close()
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        self.output: IO[bytes] = self._process.stdout
        os.set_blocking(self.output.fileno(), False)
        self.output_open = True
        self._printed = b""
        self._unfinished = b""
        self._unsent: deque[object] = deque()
        self.ready = False
        self.task: Task | None = None
        self.moved_at = time.monotonic()
        self._memory_bytes = 0
        self._numbers: tuple[int, ...] = ()
        self._tell(setup)

    def begin(self, task: Task) -> None:
        """Give it a task."""
        self.task = task
        self.moved_at = time.monotonic()
        self._memory_bytes = 0
        self._numbers = ()
        self._tell(task)

    def begun(self) -> None:
        """Take note that the process has come up: only now the time for its task runs."""
        self.ready = True
        self.moved_at = time.monotonic()

    def moved(self, numbers: tuple[int, ...], memory_bytes: int, *, waiting: bool) -> None:
        """Take note of how far its task is; while it waits for a server it is not late."""
        self._memory_bytes = memory_bytes
        if waiting or numbers != self._numbers:
            self.moved_at = time.monotonic()
            self._numbers = numbers

    def answer(self, message: object) -> None:
        """Send a message that it waits for, as soon as it takes one; never waits for it."""
        self._unsent.append(message)
        self.send_answers()

    def send_answers(self) -> None:
        """Send what it has not taken so far."""
        while self._unsent and self._takes_more():
            self._tell(self._unsent.popleft())

    @property
    def has_unsent(self) -> bool:
        """Whether answers wait until it takes them."""
        return bool(self._unsent)

    def inform(self, message: object) -> None:
        """Send a message that it can do without: one that hangs, and reads nothing, must not hold up the others."""
        if self._takes_more():
            self._tell(message)

    def _takes_more(self) -> bool:
        """Tell whether there is room for a message: the kernel says so while most of the buffer is free."""
        poll = select.poll()
        poll.register(self.connection, select.POLLOUT)
        return bool(poll.poll(0))

    def _tell(self, message: object) -> None:
        try:
            self.connection.send(message)
        except OSError:
            return  # it is dead: the next look at the connection finds out, and says of what

    def held_bytes(self) -> int:
        """Return its resident memory, also while it cannot tell; where the kernel does not say, as told last."""
        with suppress(OSError):
            return max(self._memory_bytes, resident_bytes(self._process.pid))
        return self._memory_bytes

    def read_output(self) -> list[str]:
        """Return the lines the process has printed since the last call."""
        try:
            data: bytes | None = self.output.read(_READ_BYTES)
        except OSError:
            data = b""
        if data is None:
            return []
        if not data:
            self.output_open = False
        if self._unfinished and (not data or len(self._unfinished) > _READ_BYTES):
            data += b"\n"  # the last line of all, or one that does not end
        self._printed = (self._printed + data)[-_LAST_LINES_BYTES:]
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def read_all_output(self) -> list[str]:
        """Return the lines the process has printed by now, also one that has no end yet."""
        lines: list[str] = []
        for _ in range(_FULL_PIPE_READS):  # it may be printing on and on
            if self.output_open:
                lines += self.read_output()
        if self._unfinished:
            lines.append(self._unfinished.decode("utf-8", "replace"))
            self._unfinished = b""
        return lines

    def kill(self, grace_s: float = 0) -> list[str]:
        """End the process, unless it ends by itself within the grace, and whatever it has started.

        Returns:
            the lines it had printed.
        """
        self._wait_for_end(grace_s)
        with suppress(ProcessLookupError, PermissionError):  # macOS: no permission where all of it has ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        lines = self.read_output() if self.output_open else []
        self.connection.close()
        self.output.close()
        self.output_open = False
        return lines

    def has_ended(self) -> bool:
        """Tell whether it has ended; it stays in the process table, so that nobody else gets its number."""
        if sys.platform == "darwin":  # waitid came with Python 3.13
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _wait_for_end(self, grace_s: float) -> None:
        until = time.monotonic() + grace_s
        while time.monotonic() < until and not self.has_ended():
            time.sleep(_LOOK_S)

    def death(self) -> str:
        """Return how it ended, once it was killed or has ended."""
        code = self._process.returncode
        if code is not None and code < 0:
            return f"its worker was killed by {signal.Signals(-code).name}"
        return f"its worker ended with exit code {code}"

    def last_lines(self) -> str:
        """Return the last it printed, in one line."""
        return " / ".join(self._printed.decode("utf-8", "replace").split("\n")[-4:]).strip(" /")


def resident_bytes(process: int | str) -> int:
    """Return the resident memory of a process, ``self`` for ours.

    Raises:
        OSError: the kernel does not tell (it is not Linux), or there is no such process.
    """
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")
