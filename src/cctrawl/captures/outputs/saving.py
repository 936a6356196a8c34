"""Captures in, an output of their records out: resumable, with what failed listed beside it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from typing import Any

from cctrawl.captures.outputs.failures import FailureList
from cctrawl.captures.outputs.journal import Journal, State, see_same, skip_done
from cctrawl.captures.outputs.sink import Sink, refuse
from cctrawl.captures.records import FailedRecord, Fetched, RecordSource
from cctrawl.errors import (
    AccessDeniedError,
    CctrawlError,
    FormatError,
    InvalidInputError,
    NotFoundError,
    TransportError,
)
from cctrawl.failures import FailureShare
from cctrawl.progress import Progress, Snapshot
from cctrawl.transport import Transport

_SYNC_S = 1.0


@dataclass
class Saving:
    """One command's part in filling an output.

    Attributes:
        sink: the output.
        journal: of the output.
        failures: where failed captures are listed.
        asked: what the output is to hold, and how: the journal knows it by that.
        transport: what the records come through, for its counters.
        progress: where it tells how far it is.
        total: captures there are, if that is known.
        max_failures: the share of the last 200 captures that the network may fail.
    """

    sink: Sink
    journal: Journal
    failures: FailureList
    asked: dict[str, Any]
    transport: Transport
    progress: Progress
    total: int | None
    max_failures: float
    first_failure: str = ""
    files: tuple[str, ...] = ()

    def run(self, captures: Iterator[Mapping[str, Any]], source: RecordSource, *, restart: bool = False) -> State:
        """Fetch what is not done yet, and return what is done.

        Whatever ends it early, what was fetched is kept, and the same command goes on.

        Raises:
            InvalidInputError: the output holds something else; or a row of the list is no capture.
            NotFoundError: the list is empty.
            AbortedError: patience is spent, or too many failed for the network.
            TransportError: nothing at all could be fetched, for the network.
        """
        state = self._begun(restart=restart)
        skip_done(captures, state)
        captures = _never_empty(captures, state)
        self.first_failure = ""
        if state.is_done:
            self._see_finished(state)
            first = next(captures, None)
            if first is None:
                return state
            state.is_done = False  # the list has grown since
            self.journal.save(state)  # before the output loses its name
            captures = chain([first], captures)
        self.sink.open(state.output)
        self.failures.open(state.failed_bytes)
        with ExitStack() as stack:
            stack.callback(self.failures.close)
            stack.callback(self.sink.close)
            try:
                self._fill(captures, source, state)
            except CctrawlError:  # not an interruption, which may come between a record and its note
                self._sync(state)
                raise
            self._finish(state)
        return state

    def _begun(self, *, restart: bool) -> State:
        if restart:
            self.sink.drop()
            self.failures.drop_if_empty()
            self.journal.drop()
        state = self.journal.load()
        if state is None:
            self.sink.see_no_stranger()
            refuse([self.failures.path])  # another output's, or even the list that is being fetched
            return State(self.asked)
        see_same(state, self.asked)
        return state

    def _see_finished(self, state: State) -> None:
        gone = next((path for path in self.sink.finished(state.output) if not path.exists()), None)
        if gone is not None:
            raise InvalidInputError(f"{gone} vanished", hint="put it back, or begin anew with --restart")

    def _fill(self, captures: Iterable[Mapping[str, Any]], source: RecordSource, state: State) -> None:
        share = FailureShare(self.max_failures, "the same command")
        sync_at = time.monotonic() + _SYNC_S
        network_failures = 0
        self.journal.save(state)
        with closing(source.each(captures)) as outcomes:
            for fetched in outcomes:
                outcome = self._written(fetched)
                if isinstance(outcome, Fetched):
                    state.records += 1
                    share.succeeded()
                else:
                    network_failures += self._fail(outcome, state)
                state.passed(outcome.capture)
                if isinstance(outcome, FailedRecord) and _is_network(outcome):
                    share.failed(str(outcome.reason))
                if time.monotonic() >= sync_at:
                    self._sync(state)
                    sync_at = time.monotonic() + _SYNC_S
                self.progress.update(self._snapshot(state, source.asked_again))
        if network_failures and not state.records and network_failures == state.failed:
            raise TransportError(
                f"no record could be fetched: {self.first_failure}",
                hint="check the network, --base-url, and the captures' places",
            )

    def _written(self, outcome: Fetched | FailedRecord) -> Fetched | FailedRecord:
        """Write a record; return what became of it: the output may not hold all that can be fetched."""
        if isinstance(outcome, Fetched):
            try:
                self.sink.write(outcome)
            except FormatError as error:
                return FailedRecord(outcome.capture, error)
        return outcome

    def _fail(self, failure: FailedRecord, state: State) -> bool:
        """List a failure; tell whether it was the network's."""
        self.failures.add(failure)
        state.failed += 1
        if not self.first_failure:
            self.first_failure = str(failure.reason)
            self.progress.note(f"failed: {failure.reason}")
        return _is_network(failure)

    def _sync(self, state: State) -> None:
        state.output = self.sink.sync()
        self.failures.sync()
        state.failed_bytes = self.failures.size
        self.journal.save(state)

    def _finish(self, state: State) -> None:
        self._sync(state)
        self.files = tuple(self.sink.finish())
        self.failures.finish()
        state.is_done = True
        self.journal.save(state)
        self.sink.clean()

    def _snapshot(self, state: State, asked_again: int) -> Snapshot:
        counters = self.transport.counters.snapshot()
        return Snapshot(
            total=self.total,
            done=state.captures,
            finished=float(state.captures),
            source_bytes=counters.bytes_received,
            steps={"records": state.records, "requests": counters.requests},
            results={},
            troubles={
                "failed": state.failed,
                "retries": counters.retries + asked_again,
                "refusals": counters.refusals,
            },
            noun="captures",
        )


def _is_network(failure: FailedRecord) -> bool:
    reason = failure.reason
    return isinstance(reason, TransportError) and not isinstance(reason, AccessDeniedError)


def _never_empty(captures: Iterator[Mapping[str, Any]], state: State) -> Iterator[Mapping[str, Any]]:
    """Return the captures, once it is known that there are some.

    Raises:
        NotFoundError: there are none.
    """
    if state.captures:
        return captures
    first = next(captures, None)
    if first is None:
        raise no_captures()
    return chain([first], captures)


def no_captures() -> NotFoundError:
    """Return the error that a list is empty."""
    return NotFoundError("no capture in the list", hint="did `cctrawl find` find any?")
