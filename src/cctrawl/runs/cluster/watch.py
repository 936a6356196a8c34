"""How each host does, for the live display and the report, and what users should hear of at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from cctrawl.errors import AbortedError, EngineError
from cctrawl.failures import RESUME_HINT
from cctrawl.runs.cluster.attempts import Attempt
from cctrawl.runs.cluster.roster import AgentRecord, Roster
from cctrawl.runs.engine import Event, Failed, Finished, HostStatus, WorkerLost
from cctrawl.runs.task import TaskFailure

if TYPE_CHECKING:
    from cctrawl.runs.cluster.fleet import Fleet

_TELL_S = 3.0


class Watch:
    """Keeps an eye on hosts.

    Args:
        roster: the agents; those that are lost are marked so here.
        fleet: the hosts that are ours to start; ``None`` on somebody else's cluster.
        patience_s: for how long there may be no host at work.
        note: says something to the user.
    """

    def __init__(
        self, roster: Roster, fleet: Fleet | None, *, patience_s: float, note: Callable[[str], None]
    ) -> None:
        self._roster = roster
        self._fleet = fleet
        self._patience_s = patience_s
        self._note = note
        self._done: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._errors: dict[str, str] = {}
        self._refused: set[str] = set()
        self._silent: set[str] = set()
        self._alone_since: float | None = None
        self._is_told = False

    def ended(self, attempt: Attempt, event: Event) -> None:
        """Count what a host has done."""
        if attempt.agent is not None:
            self._done[attempt.agent.host] += isinstance(event, Finished)
            self._bytes[attempt.agent.host] += attempt.source_bytes
            if isinstance(event, WorkerLost):
                self._errors[attempt.agent.host] = event.reason
            elif isinstance(event, Failed):
                self._errors[attempt.agent.host] = event.failure.message

    def statuses(self, under_way: Iterable[Attempt]) -> Sequence[HostStatus]:
        """Return how each host does, in the order of the hosts file, or in which they came."""
        running: Counter[str] = Counter()
        for attempt in under_way:
            if attempt.agent is not None:
                running[attempt.agent.host] += attempt.source_bytes
        known = {} if self._fleet is None else self._fleet.states()
        workers: Counter[str] = Counter()
        for agent in self._roster:
            known.setdefault(agent.host, ("lost", ""))
            if not (agent.is_gone or agent.is_refused):
                workers[agent.host] += agent.hello.workers
        return [
            HostStatus(
                name=host,
                state=self._state(host, state, workers[host]),
                workers=workers[host],
                files_done=self._done[host],
                source_bytes=self._bytes[host] + running[host],
                last_error=error or self._errors.get(host, ""),
            )
            for host, (state, error) in known.items()
        ]

    def look(self) -> None:
        """Say which hosts are silent, so that they get nothing new, and which are lost.

        Raises:
            AbortedError: no host was at work for longer than patience lasts.
            EngineError: no worker of somebody else's cluster can be used.
        """
        for agent in self._roster:
            if not (agent.is_gone or self._roster.may_be_at_work(agent)):
                agent.is_gone = True
                self._note(f"{agent.host}: lost: not heard of for {self._roster.lease_s:.0f} s")
        silent = {agent.host for agent in self._roster if not agent.is_gone and self._roster.is_silent(agent)}
        for host in sorted(silent - self._silent):
            self._note(f"{host}: silent for {self._roster.patience_s:.0f} s: it gets nothing new")
        self._silent = silent
        self._see_that_somebody_works()

    def take_out(self, agent: AgentRecord, failure: TaskFailure) -> None:
        """Give no more tasks to a host that cannot do any: its disk is full, or it is set up wrongly."""
        agent.is_refused, agent.reason = True, failure.message
        if agent.host not in self._refused:
            self._refused.add(agent.host)
            self._note(f"{agent.host}: taken out: {failure.message}")
            if failure.hint:
                self._note(f"hint: {failure.hint}")

    def _state(self, host: str, state: str, workers: int) -> str:
        if host in self._silent:
            return "silent"
        if workers:
            return "up"
        if host in self._refused:
            return "refused"
        return "lost" if state == "up" else state

    def _see_that_somebody_works(self) -> None:
        now = time.monotonic()
        if self._roster.at_work():
            self._alone_since = None
            return
        refused = [agent.reason for agent in self._roster if agent.is_refused]
        if self._fleet is None and refused and all(agent.is_refused or agent.is_gone for agent in self._roster):
            raise EngineError(
                f"no worker of the cluster can be used: {refused[-1]}",
                hint="its workers need this Python and this cctrawl, and a folder that can be written to",
            )
        if self._alone_since is None:
            self._alone_since, self._is_told = now, False
        alone_s = now - self._alone_since
        if alone_s > _TELL_S and not self._is_told and (self._fleet is None or self._fleet.has_begun):
            self._is_told = True
            self._note("no host is at work: waiting for one")
        if alone_s > self._patience_s:
            raise AbortedError(f"no host was at work for {self._patience_s:.0f} s (--patience)", hint=RESUME_HINT)
