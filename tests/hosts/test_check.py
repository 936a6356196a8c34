"""``cctrawl hosts check`` and ``install`` over three hosts with a real sshd each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.hosts.conftest import Lab
from tests.runs.hosts.heard import packages_but_ours

from cctrawl.testing import FakeServer, build

COMMAND = str(Path(sys.executable).with_name("cctrawl"))


def called(lab: Lab, *words: str) -> tuple[dict[str, dict[str, Any]], subprocess.CompletedProcess[str]]:
    """Return the rows of a command in the driver's network by host, and how it ended."""
    done = lab.hosts.run([COMMAND, "hosts", *words])
    return {row["host"]: row for row in map(json.loads, done.stdout.splitlines())}, done


def test_fit_hosts_are_fit(lab: Lab) -> None:
    """Three hosts that reach data on a server and this machine, with and without a tunnel: exit code 0."""
    hosts = lab.hosts.hosts_file(*(f"{name} python={sys.executable}" for name in lab.hosts.names))
    build(lab.shared / "crawl")
    with lab.hosts.network():
        server = FakeServer(lab.shared / "crawl", address=lab.hosts.address)
    with server:
        for more in ((), ("--tunnel", "--workdir", str(lab.scratch))):
            rows, done = called(lab, "check", str(hosts), "--base-url", server.url, *more)
            assert (done.returncode, done.stderr) == (0, "")
            assert list(rows) == ["h1", "h2", "h3"]
            for row in rows.values():
                assert all(row[name] for name in ("reachable", "writable", "data", "fit"))
                assert row["python"] == sys.version.split()[0]
                assert min(row["cores"], row["memory_bytes"]) > 0
                assert abs(row["clock_s"]) < 2
    lab.await_empty()
    assert list(lab.hosts.path_on("h1", lab.scratch).iterdir()) == []


def test_each_trouble_is_named_with_what_to_do(lab: Lab) -> None:
    """A host without an sshd, one without cctrawl, one that has no data, an unknown one: a hint for each, and 1."""
    hosts = lab.hosts.hosts_file("h1:2222", "h2", f"h3 python={sys.executable}", "no.such.host")
    (lab.jobs / "crawl").mkdir()
    rows, done = called(lab, "check", str(hosts), "--base-url", str(lab.jobs / "crawl"))
    assert done.returncode == 1
    assert [row["reachable"] for row in rows.values()] == [False, True, True, False]
    assert [row["data"] for row in rows.values()] == [None, False, False, None]
    assert not any(row["fit"] for row in rows.values())
    told = done.stderr.splitlines()
    assert "h1: nothing listens on its ssh port" in told[0]
    assert any(line.startswith("h2: ") and ("Python" in line or "cctrawl" in line) for line in told)
    assert f"h2, h3: inputs cannot be read there: {lab.jobs}/crawl/" in told
    assert any(line.startswith("no.such.host: no host of this name is known") for line in told)
    assert sum(line.startswith("hint: ") for line in told) >= 4


@pytest.mark.exhaustive
def test_an_environment_is_made_on_each_host(lab: Lab) -> None:
    """Over ssh too: a Python is found, an environment made, our code put into it; then the host is fit."""
    packages = packages_but_ours(lab.shared / "packages")
    for name in lab.hosts.names:
        lab.hosts.crash(name)
        lab.hosts.start(name, sshd_lines=[f"SetEnv PYTHONPATH={packages} PIP_NO_INDEX=1"])
    options = (str(lab.hosts.hosts_file()), "--python", str(lab.scratch / "env" / "bin" / "python"))
    for expected in ("made", "nothing"):
        rows, done = called(lab, "install", *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert [row["did"].split()[0] for row in rows.values()] == [expected] * 3
    rows, done = called(lab, "check", *options, "--base-url", str(lab.shared))
    assert done.returncode == 0, done.stderr
    assert [row["fit"] for row in rows.values()] == [True] * 3
