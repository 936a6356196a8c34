"""Jobs that misbehave on hosts: each input is named with its reason after three tries, its neighbours are done."""

from __future__ import annotations

import pytest
from tests.hosts.conftest import Lab
from tests.hosts.undertaking import Undertaking

pytestmark = pytest.mark.slow

MISBEHAVIOUR = """
import ctypes
number = int(url.split("/")[2][1:])

class Odd(Exception):
    def __reduce__(self):
        raise TypeError("not me")

if number == 1:
    raise Odd("out of order")
if number == 2:
    ctypes.string_at(0)
if number == 3:
    os._exit(0)
if number == 4:
    held = []
    while True:
        held.append(os.urandom(1) * 4_000_000)
        time.sleep(0.01)
if number == 5:
    ctypes.PyDLL(None).sleep(600)
if number == 6:
    os.kill(os.getpid(), 9)
if number == 7 and url.endswith("/0"):
    for line in range(80_000):
        print("line", line)
"""
REASONS = {
    1: "raised Odd",
    2: "SIGSEGV",
    3: "exit code 0",
    4: "--max-memory",
    5: "took no further record for 4 s",
    6: "SIGKILL",
}


def test_jobs_that_misbehave_are_named_and_their_neighbours_are_done(lab: Lab) -> None:
    """Raise, segfault, exit, leak, hang in C, kill themselves: three tries each, nobody else is blamed."""
    work = Undertaking.begin(lab, files=14, pages=2, pause_s=0.05)
    work.misbehave(MISBEHAVIOUR)
    said = work.run("--timeout", "4s", "--max-memory", "400MiB", code=4)
    work.assert_undisturbed(without=[*REASONS])
    failures = work.report()["failures"]
    assert [failure["tries"] for failure in failures] == [3] * len(REASONS)
    for failure, reason in zip(failures, REASONS.values(), strict=True):
        assert reason in failure["error"]
    lines = said.splitlines()
    assert sum(line.startswith("line ") for line in lines) < 300
    assert any("more lines of the job are not shown" in line for line in lines)
    lab.await_empty()
    work.assert_scratch_empty()


def test_module_that_cannot_be_imported_is_a_clear_error_and_no_dead_worker(lab: Lab) -> None:
    """A job that wants a module that hosts lack is that input's failure, with the module's name."""
    work = Undertaking.begin(lab, files=2, pages=1, hosts=["h1 1"])
    job = lab.jobs / "my_job.py"
    job.write_text(
        f"import os\nif os.uname().nodename in ('h1', 'h2', 'h3'):\n    import nowhere\n{job.read_text()}"
    )
    work.run(code=4)
    for failure in work.report()["failures"]:
        assert "No module named 'nowhere'" in failure["error"]
    assert len(work.report()["failures"]) == 2


@pytest.mark.exhaustive
def test_input_that_kills_its_host_is_quarantined(lab: Lab) -> None:
    """An input whose job kills Dask's worker each time ends in quarantine, and the others are done."""
    work = Undertaking.begin(lab, files=9, pages=2)
    work.misbehave("if url.startswith('http://f4/'):\n    os.kill(os.getppid(), 9)\n    time.sleep(5)")
    work.run(code=4)
    work.assert_undisturbed(without=[4])
