"""What a transport has done so far, counted for the progress line and the report."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class CountersSnapshot:
    """The counts at one moment.

    Attributes:
        requests: requests sent, retries and probes included.
        bytes_received: bytes of bodies handed on, from the network or the disk.
        retries: requests sent again after an intermittent failure.
        refusals: answers that asked us to slow down.
        resumed_streams: how often a stream went on after its connection broke.
        waited_s: seconds that threads waited for the rate, refusals and blocks, summed over the threads.
        waiting: threads that wait so at this moment.
    """

    requests: int = 0
    bytes_received: int = 0
    retries: int = 0
    refusals: int = 0
    resumed_streams: int = 0
    waited_s: float = 0.0
    waiting: int = 0

    def __add__(self, other: CountersSnapshot) -> CountersSnapshot:
        """Return the sums: what several processes did together."""
        mine, theirs = asdict(self), asdict(other)
        return CountersSnapshot(**{name: mine[name] + theirs[name] for name in mine})


class Counters:
    """Counts from several threads at once; the fields are those of ``CountersSnapshot``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.bytes_received = 0
        self.retries = 0
        self.refusals = 0
        self.resumed_streams = 0
        self.waited_s = 0.0
        self.waiting = 0

    def add(
        self,
        *,
        requests: int = 0,
        bytes_received: int = 0,
        retries: int = 0,
        refusals: int = 0,
        resumed_streams: int = 0,
        waited_s: float = 0.0,
        waiting: int = 0,
    ) -> None:
        """Add to the counts, all at once."""
        with self._lock:
            self.requests += requests
            self.bytes_received += bytes_received
            self.retries += retries
            self.refusals += refusals
            self.resumed_streams += resumed_streams
            self.waited_s += waited_s
            self.waiting += waiting

    def snapshot(self) -> CountersSnapshot:
        """Return a copy of the counts that belong together."""
        with self._lock:
            return CountersSnapshot(
                self.requests,
                self.bytes_received,
                self.retries,
                self.refusals,
                self.resumed_streams,
                self.waited_s,
                self.waiting,
            )
