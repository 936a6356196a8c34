"""One connection to a host, from its start to its end: an ssh, or a Python on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import IO, Any

from cctrawl.runs.hosts import boot
from cctrawl.runs.hosts.command import source_line
from cctrawl.runs.hosts.hostfile import Host
from cctrawl.runs.hosts.preflight import Facts, minor, own_python
from cctrawl.runs.hosts.troubles import Trouble, end_of, silence_of, trouble_of

GREETING_LIMIT_S = 60.0
_LONGEST_LINE_BYTES = 65536
_LAST_LINES = 20
_CLOSE_PATIENCE_S = 2.0


class Connection:
    """A process that speaks for a host; its methods but `hang_up` and `kill` are for one thread.

    Args:
        host: the host.
        python: the interpreter asked for, for messages; ``None`` for the default.
        words: the command.
        on_line: called with each line that is printed there once the host is met, in threads of this connection.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(
        self, host: Host, python: str | None, words: Sequence[str], on_line: Callable[[str], None]
    ) -> None:
        self._host = host
        self._python = python
        self._on_line = on_line
        self._is_met = False
        self._is_silent = False
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._process = subprocess.Popen(  # noqa: S603 - the words are ours
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the driver, which knows what to do with its hosts
        )
        self._errors = threading.Thread(target=self._read_errors, name=f"errors of {host.name}", daemon=True)
        self._errors.start()

    def greet(self, question: Mapping[str, Any], limit_s: float = GREETING_LIMIT_S) -> Facts | Trouble:
        """Return what the host says of itself, or why it says nothing.

        Of a Python of another minor version only that is told.

        Args:
            question: what to look at, see ``boot``.
            limit_s: seconds until it must have answered.
        """
        asked_s = time.time()
        with self._alarm(limit_s):
            self._write(source_line(boot) + json.dumps(question).encode() + b"\n")
            for message in self._messages():
                if "facts" in message:
                    self._is_met = True
                    return Facts.of(message["facts"], asked_s=asked_s, heard_s=time.time())
                if minor(message.get("python", own_python())) != own_python():
                    return Facts(message["python"], message.get("executable", ""))
        return self.trouble(limit_s)

    def give(self, program: ModuleType, order: Mapping[str, Any], body: bytes, limit_s: float) -> object | Trouble:
        """Return the ``result`` of another program than ``boot``, or why there is none.

        Args:
            program: a module that is sent as text, and run there.
            order: what it reads first, as a line of JSON.
            body: what it reads then.
            limit_s: seconds until it must be done.
        """
        with self._alarm(limit_s):
            self._write(source_line(program) + json.dumps(order).encode() + b"\n" + body)
            result = self.wait_for("result")
        return self.trouble(limit_s) if result is None else result

    def trouble(self, limit_s: float) -> Trouble:
        """Return why the connection ended before what was waited for; at most so many seconds were waited."""
        self.close()
        if self._is_silent:
            return silence_of(self._host, limit_s)
        return trouble_of(self._host, self._python, self._process.returncode, tuple(self._last))

    def go(self, spec: Mapping[str, Any]) -> None:
        """Let the host work; what it is to do is for ``boot``."""
        self._write(b"go\n" + json.dumps(spec).encode() + b"\n")

    def wait_for(self, what: str, limit_s: float | None = None) -> object | None:
        """Return the first thing told under a name; ``None`` if the connection ends without.

        Args:
            what: the name.
            limit_s: seconds after which the connection is ended; ``None`` for no limit.
        """
        with self._alarm(limit_s):
            return next((message[what] for message in self._messages() if what in message), None)

    def close(self) -> str:
        """Hang up, see to it that the process ends, and return how it ended; again and again if need be."""
        self.hang_up()
        try:
            self._process.wait(_CLOSE_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        returncode = self._process.wait()
        self._errors.join(_CLOSE_PATIENCE_S)
        _opened(self._process.stdout).close()
        if not self._errors.is_alive():  # else something that it has started holds its stderr, and may for ever
            _opened(self._process.stderr).close()
        return end_of(self._host, returncode, tuple(self._last))

    def hang_up(self) -> None:
        """Ask for the end: the host sees the end of its input."""
        with suppress(OSError, ValueError):
            _opened(self._process.stdin).close()

    def kill(self) -> None:
        """End the process at once, and what it has started on this machine."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    @contextmanager
    def _alarm(self, limit_s: float | None) -> Iterator[None]:
        """End the connection if what is done within takes longer."""
        if limit_s is None:
            yield
            return
        alarm = threading.Timer(limit_s, self._give_up)
        alarm.daemon = True
        alarm.start()
        try:
            yield
        finally:
            alarm.cancel()

    def _give_up(self) -> None:
        self._is_silent = True
        self.kill()

    def _write(self, data: bytes) -> None:
        with suppress(OSError, ValueError):  # it is gone, or hung up: reading tells why
            stream = _opened(self._process.stdin)
            stream.write(data)
            stream.flush()

    def _messages(self) -> Iterator[dict[str, Any]]:
        for line in _lines(_opened(self._process.stdout)):
            if line.startswith(boot.MARK + "{"):
                with suppress(ValueError):
                    yield json.loads(line[len(boot.MARK) :])
            elif self._is_met:
                self._on_line(line)

    def _read_errors(self) -> None:
        for line in _lines(_opened(self._process.stderr)):
            self._last.append(line)
            if self._is_met:
                self._on_line(line)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines as text without their ends; of what has none, pieces."""
    while line := stream.readline(_LONGEST_LINE_BYTES):
        yield line.decode(errors="replace").rstrip("\r\n")


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - all three are pipes
    return stream
