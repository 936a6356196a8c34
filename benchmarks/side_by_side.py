"""Commands measured side by side: alternated, medians of CPU seconds, ratios printed, JSON written."""

from __future__ import annotations

import hashlib
import json
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Sample:
    """One run of a command, all its processes together."""

    cpu_s: float
    wall_s: float
    output_lines: int
    output_sha256: str


def measured(command: Sequence[str], env: Mapping[str, str] | None = None) -> Sample:
    """Run a command to its end and return what it took.

    Raises:
        SystemExit: the command failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace')}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(cpu_s, wall_s, done.stdout.count(b"\n"), hashlib.sha256(done.stdout).hexdigest())


def self_reported(command: Sequence[str]) -> Sample:
    """Run a command that prints the CPU seconds of what it measures, and the result, as JSON.

    Raises:
        SystemExit: the command failed.
    """
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    wall_s = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace')}")
    told = json.loads(done.stdout)
    return Sample(told["cpu_s"], wall_s, 1, str(told["result"]))


def compare(
    name: str,
    commands: Mapping[str, Sequence[str]],
    *,
    rounds: int,
    subject: str,
    facts: Mapping[str, object],
    take: Callable[[Sequence[str]], Sample] = measured,
) -> dict[str, float]:
    """Run the commands in turn, print medians and ratios to the subject, write them as JSON.

    Args:
        name: name of the result file.
        commands: the commands by name.
        rounds: how often each is run; a first round warms up and does not count.
        subject: the command the others are compared with.
        facts: what else belongs to the result.
        take: runs a command and says what it took: the whole process, or what it says of itself.

    Returns:
        The CPU ratios other/subject, by name.
    """
    samples: dict[str, list[Sample]] = {label: [] for label in commands}
    for round_number in range(rounds + 1):
        for label, command in commands.items():
            sample = take(command)
            if round_number:
                samples[label].append(sample)
    cpu = {label: statistics.median(sample.cpu_s for sample in taken) for label, taken in samples.items()}
    wall = {label: statistics.median(sample.wall_s for sample in taken) for label, taken in samples.items()}
    ratios = {label: cpu[label] / cpu[subject] for label in commands}
    print(f"{name}: medians of {rounds} rounds")
    for label in commands:
        first = samples[label][0]
        same = "the same" if first.output_sha256 == samples[subject][0].output_sha256 else "other"
        figures = f"{cpu[label]:8.3f} CPU s {wall[label]:8.3f} s {ratios[label]:6.2f}x"
        print(f"  {label:10} {figures}  {first.output_lines:,} lines, {same} output")
    result = {"rounds": rounds, "cpu_s": cpu, "wall_s": wall, "cpu_ratio_to_subject": ratios, "subject": subject}
    keep(name, {**result, **facts})
    return ratios


def medians(outcomes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each figure over several rounds, all of which have the same ones."""
    return {name: statistics.median(outcome[name] for outcome in outcomes) for name in outcomes[0]}


def keep(name: str, facts: Mapping[str, object]) -> None:
    """Write a result as JSON, with the machine it is from."""
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"name": name, "machine": machine, **facts}, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
