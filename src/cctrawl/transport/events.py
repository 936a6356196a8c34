"""What a user should hear about while bytes do not flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EventKind = Literal["refused", "paused", "probing", "resumed", "retried"]


@dataclass(frozen=True)
class TransportEvent:
    """Something that slows us down; ``str()`` says it to a user.

    Attributes:
        kind: ``refused`` (asked again later), ``paused`` (blocked: everything waits), ``probing`` (one request
            finds out whether the block is over), ``resumed`` (it is), ``retried`` (an intermittent failure).
        host: ``scheme://host`` that it is about.
        reason: the status or error.
        wait_s: seconds until the next step.
        rate_per_s: the rate in force afterwards, requests per second; ``None`` for no limit.
    """

    kind: EventKind
    host: str
    reason: str = ""
    wait_s: float = 0.0
    rate_per_s: float | None = None

    def __str__(self) -> str:
        """Return one line without the host's scheme."""
        name = self.host.partition("://")[2]
        rate = "" if self.rate_per_s is None else f", now {self.rate_per_s:.3g} requests/s"
        return {
            "refused": f"{name} asks us to slow down ({self.reason}){rate}",
            "paused": f"{name} blocks us ({self.reason}): waiting {self.wait_s:.0f} s",
            "probing": f"{name}: asking whether the block is over",
            "resumed": f"{name} answers again{rate}",
            "retried": f"{self.reason}: trying again in {self.wait_s:.1f} s",
        }[self.kind]
