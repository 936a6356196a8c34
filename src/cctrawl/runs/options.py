"""How one command goes about its part in a run."""

from __future__ import annotations

from dataclasses import dataclass

from cctrawl.runs.cluster import ClusterOptions


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about its work; none of it changes its rows, so it may change between commands.

    Attributes:
        workers: worker processes; over hosts those of each one whose line names none, and ``None`` for its cores.
        cluster: where the workers are, if not on this machine.
        timeout_s: a worker that takes no further record for so long is ended; 0 for no limit.
        max_memory_bytes: a worker that holds more is ended; 0 for no limit.
        max_failures: the share of the last 200 inputs that may fail.
        retry_failed: try quarantined inputs again.
        restart: drop what was done on this output and begin anew.
        command: the command line behind the run, for the history; empty if Python called.
    """

    workers: int | None = 1
    cluster: ClusterOptions | None = None
    timeout_s: float = 1800.0
    max_memory_bytes: int = 0
    max_failures: float = 0.05
    retry_failed: bool = False
    restart: bool = False
    command: str = ""
