"""How long to wait before a host is asked again; and how long for its answer."""

from __future__ import annotations

import math
import time

from cctrawl.runs.hosts.hostfile import Host
from cctrawl.runs.hosts.preflight import Problem
from cctrawl.runs.hosts.troubles import Trouble

_FIRST_CONNECT_TIMEOUT_S, _LEAST_CONNECT_TIMEOUT_S = 10, 2
_TIMEOUT_PER_MEETING = 3.0
_QUICK_S = 0.2
_FIRST_S, _LONGEST_S = 0.5, 30.0
_UNFIT_S, _ONCE_FIT_S = 60.0, 5.0
_FIT_FOR_S = 600.0
_EARLY_S = 10.0
_EARLY_ENDS = 5


class Delays:
    """What was learned of one host's ways.

    A host that was at work until just now is expected back any moment: a cut link, a worker that was killed.
    """

    def __init__(self) -> None:
        self._met_s: float | None = None
        self._fit_until_s = -math.inf
        self._failures = 0
        self._early_ends = 0

    def connect_timeout_s(self) -> int:
        """Return for how many seconds ssh is to try; short where the host answered quickly before."""
        if self._met_s is None or time.monotonic() > self._fit_until_s:
            return _FIRST_CONNECT_TIMEOUT_S
        wanted = math.ceil(_TIMEOUT_PER_MEETING * self._met_s)
        return min(max(wanted, _LEAST_CONNECT_TIMEOUT_S), _FIRST_CONNECT_TIMEOUT_S)

    def met(self, took_s: float) -> None:
        """Note that the host was found fit, so many seconds after it was asked."""
        self._met_s = took_s
        self._fit_until_s = math.inf
        self._failures = 0

    def worked(self, host: Host, worked_s: float, reason: str) -> Trouble | None:
        """Note that the host has worked for so many seconds; return a trouble if that is always too short."""
        self._fit_until_s = time.monotonic() + _FIT_FOR_S
        self._early_ends = self._early_ends + 1 if worked_s < _EARLY_S else 0
        if self._early_ends < _EARLY_ENDS:
            return None
        what = f"its worker ended {self._early_ends} times as soon as it had begun: {reason}"
        hint = "`cctrawl hosts check` looks at it more closely; what it printed is shown with -v"
        return Trouble((Problem(host.name, what, hint),), is_passing=True)

    def after_work(self) -> float:
        """Return the seconds to wait after the host has worked."""
        return _QUICK_S if self._early_ends <= 1 else _growing_s(self._early_ends - 1)

    def after(self, trouble: Trouble) -> float:
        """Return the seconds to wait after a trouble."""
        self._failures += 1
        is_expected = time.monotonic() < self._fit_until_s
        if trouble.is_passing:
            return _QUICK_S if is_expected else _growing_s(self._failures)
        return _ONCE_FIT_S if is_expected else _UNFIT_S


def _growing_s(count: int) -> float:
    """Return 0.5, 1, 2, … 30 s for the first, second, third time."""
    return float(min(_FIRST_S * 2 ** min(count - 1, 10), _LONGEST_S))
