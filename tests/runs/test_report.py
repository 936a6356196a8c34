"""Reports: what they tell of hosts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from cctrawl.runs import RunReport
from cctrawl.runs.engine import HostStatus
from cctrawl.runs.report import Effort, HostReport

UP = HostStatus("h1", "up", 4, 7, 8_000_000, "")
HOSTS = [
    UP,
    replace(UP, name="h2", state="lost", last_error="no answer\nfor 20 s"),
    replace(UP, name="h3", state="starting"),
]


def report(*hosts: HostStatus) -> RunReport:
    """Return a report of a run of four seconds over hosts."""
    return RunReport(
        *("job", "x.csv", "done", 9, 9, 1, 1, 1, 0, {}, [], []),
        effort=Effort(seconds=4.0),
        hosts=[HostReport.of(host, 4.0) for host in hosts],
    )


def test_hosts_are_in_the_report(tmp_path: Path) -> None:
    """Each host is there with its workers, files, bytes, rate, state and last error; without hosts none is."""
    report(*HOSTS).write(tmp_path / "r.json")
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["hosts"][0] == {
        "host": "h1",
        "workers": 4,
        "files_done": 7,
        "source_bytes": 8_000_000,
        "bytes_per_s": 2_000_000.0,
        "state": "up",
        "last_error": "",
    }
    assert [host["state"] for host in written["hosts"]] == ["up", "lost", "starting"]
    assert report().hosts == []


def test_the_closing_lines_name_hosts_that_were_away() -> None:
    """Hosts that were lost or never came are named with the reason, and change nothing of how it ended."""
    told = report(*HOSTS)
    assert told.summary().splitlines()[1:] == [
        "hosts: 1 of 3 were up at the end",
        "  h2: lost, no answer for 20 s",
        "  h3: never came up",
    ]
    assert told.exit_code == 0
    assert "hosts" not in report(UP).summary()
