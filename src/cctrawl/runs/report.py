"""What a run did: for Python, for ``--report run.json``, and as the closing lines on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cctrawl.errors import InvalidInputError
from cctrawl.failures import EXIT_CODES
from cctrawl.progress import ShownHost, format_bytes, format_count, format_duration, one_line

_NAMED = 10


@dataclass(frozen=True)
class FailedInput:
    """A quarantined input.

    Attributes:
        input: the input as the list has it.
        tries: how often it was tried.
        error: why the last try failed.
    """

    input: str
    tries: int
    error: str


@dataclass(frozen=True)
class DamagedPlace:
    """A place in an input where records could not be read.

    Attributes:
        input: the input as the list has it.
        offset: byte offset at which the damaged gzip member, or record of a plain file, begins.
        skipped_bytes: compressed bytes passed over to the next sound record.
        reason: what is wrong there.
    """

    input: str
    offset: int
    skipped_bytes: int
    reason: str


@dataclass(frozen=True)
class HostReport:
    """What a host did in this command.

    Attributes:
        host: its name.
        workers: tasks it could do at once.
        files_done: inputs it has done.
        source_bytes: bytes read there, also for inputs that were not done.
        bytes_per_s: the same by the time of the whole command.
        state: what it was at the end: ``up``, ``starting`` (it never came), ``silent``, ``lost`` or ``refused``.
        last_error: what went wrong there last; empty for nothing.
    """

    host: str
    workers: int
    files_done: int
    source_bytes: int
    bytes_per_s: float
    state: str
    last_error: str

    @classmethod
    def of(cls, host: ShownHost, seconds: float) -> HostReport:
        """Return what a host did in a command of so many seconds."""
        bytes_per_s = round(host.source_bytes / max(seconds, 1e-9), 1)
        return cls(
            host.name,
            host.workers,
            host.files_done,
            host.source_bytes,
            bytes_per_s,
            host.state,
            host.last_error,
        )


@dataclass(frozen=True)
class Effort:
    """What this command did, whether or not it led to rows. Counts of the network are those of all workers.

    Attributes:
        seconds: wall time.
        requests: requests made.
        retries: requests, streams and inputs tried again.
        refusals: requests the server refused (429, 503, 403).
        source_bytes: bytes read.
    """

    seconds: float = 0.0
    requests: int = 0
    retries: int = 0
    refusals: int = 0
    source_bytes: int = 0


@dataclass(frozen=True)
class RunReport:
    """What a run did. Counts are of the whole run, also of what earlier commands did; `effort` is of this one.

    Attributes:
        job: the job's name.
        output: the output, as given.
        state: ``done``, ``incomplete`` (inputs are quarantined), ``aborted`` or ``interrupted``.
        inputs: number of inputs.
        inputs_done: inputs whose rows are durable.
        rows: rows of those inputs.
        records: records read from them, wanted or not.
        source_bytes: bytes of them.
        damaged: damaged places in them.
        tallies: what the job counted, by name.
        failures: the quarantined inputs, in list order.
        damages: the damaged places, in list order; at most 1,000 per input.
        effort: what this command did.
        lists: files that list failures and damages, by name.
        totals: the file with the sums over all inputs; empty if the job declares none.
        hosts: what each host did in this command; none if it ran on this machine.
    """

    job: str
    output: str
    state: str
    inputs: int
    inputs_done: int
    rows: int
    records: int
    source_bytes: int
    damaged: int
    tallies: dict[str, int]
    failures: list[FailedInput]
    damages: list[DamagedPlace]
    effort: Effort = field(default_factory=Effort)
    lists: dict[str, str] = field(default_factory=dict)
    totals: str = ""
    hosts: list[HostReport] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """What the command ends with: 0, 4 (resumable) or 130 (interrupted)."""
        return EXIT_CODES[self.state]

    @property
    def inputs_waiting(self) -> int:
        """Inputs that are neither done nor quarantined."""
        return self.inputs - self.inputs_done - len(self.failures)

    def write(self, path: Path) -> None:
        """Write the report as JSON; the file is there whole or not at all.

        Raises:
            InvalidInputError: the file cannot be written there.
        """
        part = path.with_name(path.name + ".part")
        text = json.dumps({**asdict(self), "exit_code": self.exit_code}, indent=2, ensure_ascii=False)
        try:
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise InvalidInputError(
                f"the report cannot be written: {error}", hint="give another --report"
            ) from error

    def summary(self) -> str:
        """Return the closing lines: totals, what was counted, what failed and where it is listed."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        files = f"{self.inputs_done:,} of {format_count(self.inputs, 'file')}"
        counts = f"{format_count(self.records, 'record')}, {format_count(self.rows, 'row')}"
        work = f"{format_bytes(self.source_bytes)} read in {format_duration(self.effort.seconds)}"
        yield f"{self.state}: {files}, {counts}, {work} -> {'stdout' if self.output == '-' else self.output}"
        if self.totals:
            yield f"totals: {self.totals}"
        effort = self.effort
        if effort.retries or effort.refusals:
            yield f"network: {effort.requests:,} requests, {effort.retries:,} retries, {effort.refusals:,} refusals"
        away = [host for host in self.hosts if host.state != "up"]
        if away:
            title = f"hosts: {len(self.hosts) - len(away)} of {len(self.hosts)} were up at the end"
            yield from self._listed(title, [_away(host) for host in away], None)
        for name, number in self.tallies.items():
            yield f"counted: {number:,} {name}"
        if self.damaged:
            places = [f"{place.input} at byte {place.offset:,}: {place.reason}" for place in self.damages]
            yield from self._listed(
                f"damaged: {format_count(self.damaged, 'place')}", places, self.lists.get("damages")
            )
        if self.failures:
            inputs = [f"{failed.input}: {failed.error} ({_tried(failed.tries)})" for failed in self.failures]
            yield from self._listed(
                f"failed: {format_count(len(inputs), 'file')}", inputs, self.lists.get("failures")
            )

    def _listed(self, title: str, lines: list[str], file: str | None) -> Iterator[str]:
        yield title + (f", listed in {file}" if file else "")
        for line in lines[:_NAMED]:
            yield f"  {line}"
        if len(lines) > _NAMED:
            yield f"  … and {len(lines) - _NAMED:,} more"


def _away(host: HostReport) -> str:
    state = "never came up" if host.state == "starting" else host.state
    return f"{host.host}: {state}" + (f", {one_line(host.last_error)}" if host.last_error else "")


def _tried(tries: int) -> str:
    return "tried once" if tries == 1 else f"tried {tries} times"
