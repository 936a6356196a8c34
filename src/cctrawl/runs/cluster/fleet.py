"""The hosts of a hosts file: started, looked after, and started again, for as long as the run goes on."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cctrawl.errors import EngineError, InvalidInputError
from cctrawl.runs.cluster.options import ClusterOptions
from cctrawl.runs.cluster.roster import Roster
from cctrawl.runs.cluster.scheduler import OwnScheduler
from cctrawl.runs.hosts import (
    Host,
    Link,
    Linked,
    LinkEvent,
    Linking,
    Problem,
    Refused,
    Unlinked,
    find_ssh,
    read_hosts,
    stop_links,
)

_LOOK_S = 1.0  # at the hosts file


@dataclass
class _Standing:
    """How a host is doing.

    Attributes:
        host: its line.
        link: the way to it.
        number: counts the hosts, for addresses that are a host's alone.
        state: ``starting``, ``up``, ``lost`` or ``refused``.
        generation: counts its starts.
        error: the last thing that went wrong.
        was_up: whether it has ever been up.
        problems: why it is refused.
    """

    host: Host
    link: Link
    number: int
    state: str = "starting"
    generation: int = 0
    error: str = ""
    was_up: bool = False
    problems: Sequence[Problem] = field(default_factory=tuple)


class Fleet:
    """Hosts that are ours to start.

    Args:
        scheduler: what their workers connect to.
        options: what the user said.
        key: names the run's output, the same for each command that goes on with it.
        workers: workers of hosts whose line tells no number; ``None`` for their cores.
        paths: local inputs that must be there.
        note: says something to the user.

    Attributes:
        has_begun: whether work can begin: a host is up, or all are if all are required. It stays so.

    Raises:
        InvalidInputError: the hosts file cannot be read, or ssh is missing.
    """

    def __init__(
        self,
        scheduler: OwnScheduler,
        options: ClusterOptions,
        *,
        key: str,
        workers: int | None,
        paths: Sequence[str],
        note: Callable[[str], None],
    ) -> None:
        assert options.hosts is not None  # noqa: S101 - or there is no fleet
        self._file: Path = options.hosts
        self._scheduler = scheduler
        self._note = note
        self._must_have_all = options.require_all
        self._lease_s = options.lease_s
        self._events: queue.SimpleQueue[LinkEvent] = queue.SimpleQueue()
        self._standings: dict[str, _Standing] = {}
        self._looked_at = time.monotonic()
        self._told = ""
        self.has_begun = False
        self._hosts = read_hosts(self._file)
        self._linking = Linking(
            ssh="" if all(host.is_local for host in self._hosts) else find_ssh(),
            key=key,
            scheduler_port=scheduler.port,
            spec=self._spec,
            scheduler_address=None if options.tunnel else f"{scheduler.address}:{scheduler.port}",
            tunnel=options.tunnel,
            python=options.python,
            workdir=options.workdir,
            workers=workers,
            paths=paths,
        )

    def start(self) -> None:
        """Begin to start all hosts."""
        for host in self._hosts:
            self._add(host)

    def attend(self, roster: Roster) -> None:
        """Take note of what has become of hosts since the last call, and of new lines in the hosts file.

        Raises:
            EngineError: no host can be used, or not all, and all are required.
        """
        while not self._events.empty():
            self._take(self._events.get(), roster)
        for agent in roster.at_work():
            standing = self._standings.get(agent.host)
            if standing is not None and standing.state != "up":
                if standing.was_up:
                    self._note(f"{agent.host}: back")
                standing.state, standing.was_up = "up", True
        self._see_that_it_can_begin()
        if time.monotonic() - self._looked_at > _LOOK_S:
            self._looked_at = time.monotonic()
            self._look_for_new()

    def states(self) -> dict[str, tuple[str, str]]:
        """Return state and last error of each host, in the file's order."""
        return {name: (standing.state, standing.error) for name, standing in self._standings.items()}

    def host_of(self, worker: str) -> str:
        """Return the host of a Dask worker, by its name."""
        return worker.rpartition(".")[0]

    def is_hopeful(self) -> bool:
        """Tell whether a host may yet come."""
        return any(standing.state in ("starting", "lost") for standing in self._standings.values())

    def stop(self) -> None:
        """End everything on all hosts."""
        links = [standing.link for standing in self._standings.values()]
        stop_links(links)

    def _add(self, host: Host) -> None:
        link = Link(host, self._linking, self._events.put)
        self._standings[host.name] = _Standing(host, link, len(self._standings))
        link.start()

    def _spec(self, linked: Linked) -> dict[str, Any]:
        """Return what a host is told when it is found fit."""
        number, generation = self._standings[linked.host.name].number, linked.generation
        return {
            "module": "cctrawl.runs.cluster.hostside",
            "name": f"{linked.host.name}.{generation}",
            "scheduler": f"tls://{linked.scheduler}",
            "workers": linked.workers,
            # Dask tells workers apart by their addresses, which nobody need reach: one for each start of each host,
            # on loopback.
            "listen": f"127.{64 + number // 250 % 128}.{number % 250}.{1 + generation % 250}",
            "security": self._scheduler.worker_security,
            "config": self._scheduler.config,
        }

    def _take(self, event: LinkEvent, roster: Roster) -> None:
        standing = self._standings[event.host.name]
        if isinstance(event, Linked):
            standing.generation = event.generation
            for agent in self._agents(standing, roster):
                if agent.hello.name != f"{event.host.name}.{event.generation}":
                    agent.is_gone = True
                    agent.is_empty = agent.is_empty or event.facts.alone
        elif isinstance(event, Unlinked):
            for agent in self._agents(standing, roster):
                agent.is_gone = True
                agent.is_empty = agent.is_empty or event.is_empty
            if standing.state == "up":
                self._note(f"{event.host.name}: lost: {event.reason}")
            elif event.reason != standing.error:
                self._note(f"{event.host.name}: {event.reason}")
            standing.state, standing.error = "lost", event.reason
        elif isinstance(event, Refused):
            self._refuse(standing, event.problems)

    def _refuse(self, standing: _Standing, problems: Sequence[Problem]) -> None:
        text = "; ".join(problem.what for problem in problems)
        if text != standing.error:
            for problem in problems:
                self._note(f"{standing.host.name}: not used: {problem.what}")
                self._note(f"hint: {problem.hint}")
        standing.state, standing.error, standing.problems = "refused", text, problems

    def _agents(self, standing: _Standing, roster: Roster) -> list[Any]:
        return [agent for agent in roster if agent.host == standing.host.name and not agent.is_empty]

    def _see_that_it_can_begin(self) -> None:
        if self.has_begun:
            return
        standings = self._standings.values()
        failed = [
            standing for standing in standings if standing.state in ("lost", "refused") and not standing.was_up
        ]
        if failed and (self._must_have_all or len(failed) == len(self._standings)):
            names = ", ".join(f"{standing.host.name} ({standing.error})" for standing in failed[:5])
            which = "not all hosts can be used (--require-all)" if self._must_have_all else "no host can be used"
            raise EngineError(f"{which}: {names}", hint=f"cctrawl hosts check {self._file}")
        is_enough = all if self._must_have_all else any
        self.has_begun = is_enough(standing.was_up for standing in standings)

    def _look_for_new(self) -> None:
        """Start hosts that have been added to the file; lines taken away stay, for their work goes on."""
        try:
            hosts = read_hosts(self._file)
        except InvalidInputError as error:
            if str(error) != self._told:
                self._note(f"{error}: the hosts so far go on")
            self._told = str(error)
            return
        for host in hosts:
            if host.name not in self._standings:
                self._note(f"{host.name}: new in {self._file.name}")
                self._add(host)
