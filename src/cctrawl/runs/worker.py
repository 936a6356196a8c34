"""The worker process of the local engine: takes tasks from a pipe, tells how they go, dies with its driver."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import queue
import resource
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NoReturn

from cctrawl.errors import CctrawlError
from cctrawl.failures import RETRY
from cctrawl.output import prepare_process
from cctrawl.runs.engine import Failed, Finished, Progressed, RateAnswer, RateQuestion, RateUpdate, Said
from cctrawl.runs.jobs import Job
from cctrawl.runs.process import resident_bytes
from cctrawl.runs.rates import RemoteRates
from cctrawl.runs.task import IMPORTING, Setup, Task, TaskFailure, TaskProgress, run_task
from cctrawl.transport import Transport, TransportEvent, share_rates

_REPORT_INTERVAL_S = 0.5
_PR_SET_PDEATHSIG = 1


def main(descriptor: int) -> None:
    """Work until the driver hangs up.

    Args:
        descriptor: file descriptor of the connection to the driver.
    """
    os.environ[IMPORTING] = "1"
    driver = os.getppid()
    _die_with(driver)
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a job's last words count
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(descriptor)
    try:
        _Worker(connection, connection.recv()).serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        _end()


class _Worker:
    def __init__(self, connection: Connection, setup: Setup) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._setup = setup
        self._job = _load(setup)
        prepare_process(setup.format)
        self._rates = RemoteRates(self._ask) if setup.asks_for_rates else None
        if self._rates is not None:
            share_rates(self._rates)
        self._transport = Transport(setup.settings, ramp=True, on_event=self._say)

    def serve(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        self._send("ready")
        while True:
            self._do(self._tasks.get())

    def _listen(self) -> None:
        """Take everything off the connection, also while a task is under way."""
        with suppress(EOFError, OSError):
            while True:
                self._hear(self._connection.recv())
        _end()

    def _hear(self, message: Task | RateAnswer | RateUpdate) -> None:
        if isinstance(message, Task):
            self._tasks.put(message)
        elif self._rates is not None and isinstance(message, RateAnswer):
            self._rates.answered(message.number, message.data)
        elif self._rates is not None:
            self._rates.heard(message.data)

    def _ask(self, number: int, data: bytes) -> None:
        self._send(RateQuestion(0, number, data))

    def _do(self, task: Task) -> None:
        if isinstance(self._job, TaskFailure):
            self._send(Failed(task.position, self._job))
            return
        progress = TaskProgress()
        report = _Report(self, task.position, progress, self._transport)
        report.start()
        try:
            outcome = run_task(task, self._setup, self._job, self._transport, progress)
        finally:
            report.stop()
        self._send(report.progressed())
        if isinstance(outcome, TaskFailure):
            self._send(Failed(task.position, outcome))
        else:
            self._send(Finished(task.position, outcome))

    def _say(self, event: TransportEvent) -> None:
        self._send(Said(str(event), event.kind))

    def _send(self, message: object) -> None:
        with self._sending:
            self._connection.send(message)

    @property
    def is_asking(self) -> bool:
        """Whether the driver's answer about a rate is waited for."""
        return self._rates is not None and self._rates.is_asking

    def report(self, event: Progressed) -> None:
        """Tell the driver how far the task is; ends the process if the driver is gone."""
        try:
            self._send(event)
        except OSError:
            _end()


class _Report(threading.Thread):
    """Tells every half second how far the task is, for the progress line and the time limit."""

    def __init__(self, worker: _Worker, position: int, progress: TaskProgress, transport: Transport) -> None:
        super().__init__(daemon=True)
        self._worker = worker
        self._position = position
        self._progress = progress
        self._transport = transport
        self._before = transport.counters.snapshot()
        self._cpu_began_s = time.process_time()
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(_REPORT_INTERVAL_S):
            self._worker.report(self.progressed())

    def stop(self) -> None:
        self._done.set()
        self.join()

    def progressed(self) -> Progressed:
        source_bytes, records, rows, fraction = self._progress.numbers()
        now, before = self._transport.counters.snapshot(), self._before
        return Progressed(
            position=self._position,
            source_bytes=source_bytes,
            records=records,
            rows=rows,
            fraction=fraction,
            retries=now.retries + now.resumed_streams - before.retries - before.resumed_streams,
            refusals=now.refusals - before.refusals,
            requests=now.requests - before.requests,
            waiting=now.waiting > 0 or self._worker.is_asking or self._progress.is_uploading,
            memory_bytes=_memory_bytes(),
            cpu_s=time.process_time() - self._cpu_began_s,
        )


def _load(setup: Setup) -> Job | TaskFailure:
    """Return the job; where it cannot be loaded, what to answer to each task instead.

    Dying of it would look as if a worker could not live here, and would take what others do along.
    """
    try:
        return setup.job.load()
    except CctrawlError as error:
        is_missing = isinstance(error.__cause__, ModuleNotFoundError)
        hint = "install it where this worker runs" if is_missing else error.hint
        return TaskFailure(RETRY, str(error), getattr(error, "details", ""), hint)
    except Exception as error:  # noqa: BLE001 - what a user's class does when it is unpickled, for one
        details = "".join(traceback.format_exception(error))
        return TaskFailure(RETRY, f"{setup.job.name} cannot be loaded: {type(error).__name__}: {error}", details)


def _end() -> NoReturn:
    """End this process and all it has started: the driver is gone, there is nobody to tell, and nothing to keep."""
    if os.getpgrp() == os.getpid():  # a group of our own, as the engine makes it
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _die_with(driver: int) -> None:
    """Have the kernel kill this process when the driver dies, however it dies (Linux; elsewhere the pipe tells)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != driver:  # it died in between
            os._exit(0)


def _memory_bytes() -> int:
    """Return the resident memory; where the kernel does not tell, its peak."""
    try:
        return resident_bytes("self")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
