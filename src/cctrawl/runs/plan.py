"""What a run would take, before it begins: inputs, bytes, requests, and the hours at the rate that binds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from cctrawl.progress import format_bytes, format_count, format_duration
from cctrawl.runs.cluster import ClusterOptions
from cctrawl.runs.measurement import Measurement, network_bytes_per_s
from cctrawl.runs.session import Session
from cctrawl.runs.sizes import EXACT, Sizes
from cctrawl.settings import Settings, usable_cores
from cctrawl.transport import locate, requests_per_s

_BOUNDS = {"requests": "the rate of requests", "cpu": "the CPU", "network": "the network"}


@dataclass(frozen=True)
class Plan:
    """What a run would take from here on. Hours are wall time; ``None`` where nothing limits, or nobody measured.

    Attributes:
        inputs: files that would be read.
        done: files that the output has already.
        bytes: their bytes, compressed as they are.
        sizes: how the bytes are known: ``exact``, ``sampled`` (from 16 of the files) or ``typical`` (a guess from
            the kind of file).
        requests: requests it takes if nothing fails: one per file, or those for the records of captures.
        requests_per_s: how many may be made.
        hours_requests: the hours that the requests take at that rate.
        workers: worker processes; ``None`` if that is not known before the hosts are asked.
        records: records that would be read, if captures choose them.
        cpu_s_per_gb: CPU seconds of the job for 10^9 bytes, measured on one file.
        hours_cpu: the hours that the workers take at that.
        network_bytes_per_s: bytes that as many streams as workers bring together, measured for 3 s.
        hours_network: the hours that the bytes take at that.
        hours: the longest of these, if it was measured.
        bound: what takes longest: ``requests``, ``cpu`` or ``network``.
    """

    inputs: int
    done: int
    bytes: int
    sizes: str
    requests: int
    requests_per_s: float | None
    hours_requests: float | None
    workers: int | None
    records: int | None = None
    cpu_s_per_gb: float | None = None
    hours_cpu: float | None = None
    network_bytes_per_s: int | None = None
    hours_network: float | None = None
    hours: float | None = None
    bound: str = ""

    def summary(self) -> str:
        """Return the plan for people, in a few lines."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        about = "" if self.sizes == EXACT else "about "
        done = f" ({self.done:,} are done)" if self.done else ""
        files, requests = format_count(self.inputs, "file"), format_count(self.requests, "request")
        records = "" if self.records is None else f", {format_count(self.records, 'record')}"
        yield f"plan: {files}{done}{records}, {about}{format_bytes(self.bytes)}, {requests}"
        if self.hours_requests is not None:
            rate = f"{self.requests_per_s:g} requests/s"
            yield f"requests: {_hours(self.hours_requests)} at {rate}"
        if self.workers is None:
            yield "workers: the cores of each host are not known before it is asked"
        if self.hours_cpu is not None:
            workers = format_count(self.workers or 1, "worker")
            yield f"CPU: {_hours(self.hours_cpu)} with {workers}, {self.cpu_s_per_gb:.1f} s per GB"
        if self.hours_network is not None:
            yield f"network: {_hours(self.hours_network)} at {format_bytes(self.network_bytes_per_s or 0)}/s"
        if self.hours is not None:
            yield f"in all: about {_hours(self.hours)}, bound by {_BOUNDS[self.bound]}"
        elif self.cpu_s_per_gb is not None:
            yield f"CPU: {self.cpu_s_per_gb:.1f} s per GB, by a core of this machine"
        elif self.inputs:
            yield "hint: --measure runs one file first and tells the hours at the rate of CPU and network"


def _hours(hours: float) -> str:
    return format_duration(hours * 3600)


@dataclass(frozen=True)
class Crew:
    """Who would do the work.

    Attributes:
        workers: worker processes; ``None`` if nobody knows before the hosts are asked.
        cores: how many of them get a core of their own, at most; ``None`` for all.
        is_here: whether they are on this machine, so that its network is theirs.
    """

    workers: int | None
    cores: int | None = None
    is_here: bool = False

    @classmethod
    def here(cls, workers: int | None) -> Crew:
        """Return the workers of this machine: as many as asked for, else one per core."""
        return cls(usable_cores() if workers is None else workers, usable_cores(), is_here=True)

    @classmethod
    def elsewhere(cls, workers: int | None, options: ClusterOptions) -> Crew:
        """Return the workers of hosts, as far as the hosts file and ``--workers`` tell.

        Raises:
            InvalidInputError: the hosts file cannot be read.
        """
        if options.hosts is None:
            return cls(None)
        from cctrawl.runs.hosts import read_hosts  # noqa: PLC0415 - few runs have hosts

        of_each = [host.workers or workers for host in read_hosts(options.hosts)]
        return cls(None if None in of_each else sum(number or 0 for number in of_each))


def planned(session: Session, *, crew: Crew, settings: Settings, measure: bool) -> Plan:
    """Return what a session would take.

    Args:
        session: the session, not run yet.
        crew: who would work for it.
        settings: how it asks for bytes.
        measure: run one input to nowhere and listen to the network for 3 s.

    Raises:
        CctrawlError: the inputs cannot be told, or the one that is measured fails.
    """
    with closing(session):
        return _planned(session, crew, settings, measure=measure)


def _planned(session: Session, crew: Crew, settings: Settings, *, measure: bool) -> Plan:
    inputs, done = session.left()
    sizes = session.sizes(inputs) if inputs else Sizes(0, EXACT)
    requests = len(inputs) if sizes.requests is None else sizes.requests
    rate = min((requests_per_s(settings, locate(path, settings.base_url)) for path in inputs[:1]), default=math.inf)
    limited = math.isfinite(rate)
    plan = Plan(
        inputs=len(inputs),
        done=done,
        bytes=sizes.total_bytes,
        sizes=sizes.how,
        requests=requests,
        requests_per_s=rate if limited else None,
        hours_requests=requests / rate / 3600 if limited else None,
        workers=crew.workers,
        records=sizes.records,
    )
    if not measure or not inputs:
        return plan
    taken = session.measured(inputs[0])
    is_heard = crew.is_here and sizes.records is None  # by ranges the requests bind, not the network
    network = network_bytes_per_s(inputs[1:] or inputs, crew.workers or 1, settings) if is_heard else None
    return with_measurement(plan, taken, network, cores=crew.cores)


def with_measurement(plan: Plan, taken: Measurement, network: float | None, *, cores: int | None) -> Plan:
    """Return the plan with the hours that a measured input, and the network, lead to."""
    cpu_s_per_byte = taken.cpu_s / max(taken.source_bytes, 1)
    at_once = None if plan.workers is None else max(1, min(plan.workers, plan.inputs, cores or plan.workers))
    hours = {
        "requests": plan.hours_requests,
        "cpu": None if at_once is None else plan.bytes * cpu_s_per_byte / at_once / 3600,
        "network": plan.bytes / network / 3600 if network else None,
    }
    known = [(value, name) for name, value in hours.items() if value is not None]
    longest = (None, "") if at_once is None else max(known)
    return replace(
        plan,
        cpu_s_per_gb=cpu_s_per_byte * 1e9,
        hours_cpu=hours["cpu"],
        network_bytes_per_s=int(network) if network else None,
        hours_network=hours["network"],
        hours=longest[0],
        bound=longest[1],
    )
