"""What ssh prints, and what it means."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cctrawl.runs.hosts import Host
from cctrawl.runs.hosts.command import OWN_PYTHON, STAGE_0, base_command, remote_command, ssh_words
from cctrawl.runs.hosts.troubles import end_of, trouble_of

HOST = Host("h1", "me@h1", port=2222)


@pytest.mark.parametrize(
    ("line", "said", "hint", "is_passing"),
    [
        ("ssh: connect to host h1 port 22: No route to host", "it does not answer", "ssh -p 2222 me@h1", True),
        ("Connection timed out during banner exchange", "it does not answer", "reachable", True),
        ("kex_exchange_identification: read: Connection reset by peer", "its sshd hung up", "MaxStartups", True),
        (
            "/home/me/.ssh/config line 3: Bad configuration option: foo",
            "configuration is refused",
            "by hand",
            False,
        ),
        (
            "bind [127.0.0.1]:8080: Address already in use\nCould not request local forwarding.",
            "LocalForward",
            "",
            0,
        ),
        ("something new", "ssh failed: something new", "by hand", True),
    ],
)
def test_what_ssh_says(line: str, said: str, hint: str, is_passing: bool) -> None:  # noqa: FBT001 - a case
    """A line of ssh's becomes a sentence, with its line behind it, a hint, and whether to hope."""
    trouble = trouble_of(HOST, None, 255, ["Warning: noise", *line.split("\n")])
    [problem] = trouble.problems
    assert said in problem.what + problem.hint
    assert hint in problem.hint
    assert trouble.is_passing == bool(is_passing)
    assert not trouble.is_reached


def test_how_work_ends() -> None:
    """By what ssh or a crashing Python says, not by whatever was printed last."""
    local = Host("localhost", "localhost", is_local=True)
    lost = ["said by a job", "Timeout, server 10.0.0.1 not responding.", "said by a job"]
    assert end_of(HOST, 255, lost) == "Timeout, server 10.0.0.1 not responding."
    assert end_of(HOST, 255, ["said by a job"]) == "its worker was killed, or its connection ended"
    assert end_of(HOST, -9, []) == "ssh was killed by signal 9"
    assert end_of(local, 3, ["said by a job"]) == "its worker ended with status 3"
    assert end_of(local, -11, ["Fatal Python error: Segmentation fault", "Thread 1"]).startswith(
        "Fatal Python error"
    )


def test_a_shell_that_finds_no_interpreter() -> None:
    """127 and 126 are told as such, however the shell there puts it; so is a Python that ends at once."""
    assert (
        "there is no interpreter /p" in trouble_of(HOST, "/p", 127, ["sh: 1: exec: /p: not found"]).problems[0].what
    )
    assert "there is no interpreter /p" in trouble_of(HOST, "/p", 1, ["/p: Command not found."]).problems[0].what
    assert "/p cannot be run" in trouble_of(HOST, "/p", 126, ["sh: /p: Permission denied"]).problems[0].what
    assert f"no interpreter {OWN_PYTHON}" in trouble_of(HOST, None, 127, []).problems[0].what
    ended = trouble_of(HOST, "/p", 1, ["ModuleNotFoundError: No module named 'json'"])
    assert "/p ended before it said anything: ModuleNotFoundError" in ended.problems[0].what
    assert ended.is_reached


def test_paths_arrive_whole() -> None:
    """An interpreter with blanks is quoted for the shell there, and a home folder is left to it."""
    assert remote_command("/my python/bin/python", ["-c", "a b"]) == "exec '/my python/bin/python' -c 'a b'"
    assert remote_command("~/my env/bin/python", []) == "exec ~/'my env/bin/python' "


def test_ssh_asks_nobody_and_shares_nothing() -> None:
    """No questions, no agent or X forwarding, a connection of its own; a name can be no option."""
    words = ssh_words("/usr/bin/ssh", HOST, "true", connect_timeout_s=3)
    assert {"-oBatchMode=yes", "-oControlPath=none", "-oConnectTimeout=3", "-a", "-x", "-T"} <= {*words}
    assert not any("StrictHostKeyChecking" in word or "UserKnownHosts" in word for word in words)
    assert words[-5:] == ["-p", "2222", "--", "me@h1", "true"]


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "fish", "tcsh", "ksh"])
def test_any_login_shell_will_do(shell: str, tmp_path: Path) -> None:
    """Each finds the Python it is to find, and hands it our lines whole; without one the status is 127."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    home = tmp_path / "home"
    (home / "my env" / "bin").mkdir(parents=True)
    (home / "my env" / "bin" / "python").symlink_to(sys.executable)
    environment = {**os.environ, "HOME": str(home), "PATH": os.defpath}
    arguments = ["-u", "-c", STAGE_0]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (home / ".local" / "bin").mkdir(parents=True)
    (home / ".local" / "bin" / f"python{version}").symlink_to(sys.executable)
    for command, status in (
        (remote_command("~/my env/bin/python", arguments), 0),
        (base_command(version, arguments), 0),
        (base_command("3.99", arguments), 127),
    ):
        words = [program, "-c", command]
        done = subprocess.run(words, input=b"'print(6 * 7)'\n", capture_output=True, env=environment, check=False)
        assert done.returncode == status
        assert done.stdout.endswith(b"\n42\n") == (status == 0)
