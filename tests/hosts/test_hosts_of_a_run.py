"""Which hosts a run takes, and how rows come from them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.hosts.conftest import Lab
from tests.hosts.undertaking import Undertaking


def test_unfit_hosts_are_named_and_the_fit_one_does_the_run(lab: Lab) -> None:
    """Hosts that cannot be used are named with what to do; with --require-all the run does not begin."""
    lab.hosts.crash("h2")
    lab.hosts.start("h2", sshd_lines=["AllowTcpForwarding no"])
    unfit = ["h2 1", "nosuchhost 1", "h3 1 python=/nowhere/python", f"h3 1 workdir={lab.scratch}/no/folder"]
    work = Undertaking.begin(lab, files=3, pages=1, hosts=["h1 1", *unfit])
    refused = work.run("--tunnel", "--require-all", code=1)
    assert work.steps() == []
    said = work.run("--tunnel")
    work.assert_undisturbed()
    assert {step.host for step in work.steps()} == {"h1"}
    assert "not all hosts can be used (--require-all)" in refused
    for name in ("h2", "nosuchhost", "h3", "h3#2"):
        assert f"\n{name}: not used: " in f"\n{said}", said
    assert "/nowhere/python" in said
    assert said.count("hint: ") >= 4


@pytest.mark.exhaustive  # over hosts of this machine, as in tests of docs, the folder is shared, too
def test_rows_of_a_shared_folder_are_written_there(lab: Lab) -> None:
    """With an output that all hosts see a run ends in the same bytes, also if a host loses its power."""
    work = replace(Undertaking.begin(lab, files=6), output=lab.shared / "x.csv")
    with work.started("--lease", "4s") as command:
        work.await_work_on_all()
        with work.held():
            lab.hosts.crash("h3")
            lab.hosts.start("h3")
        command.finish()
    work.assert_undisturbed()
    staged = [path for path in (lab.shared / "x.csv.cctrawl").rglob("*") if "part" in path.name and path.is_file()]
    assert staged == []


LONG = """
import random
import cctrawl

@cctrawl.job("digits")
def long(records):
    for record in records:
        dice = random.Random(record.url)
        for _ in range(4000):
            yield (dice.randbytes(400).hex(),)
"""


def test_results_of_many_pieces_arrive_whole(lab: Lab) -> None:
    """Rows of 3 MB an input, which the hosts must send, are those of a run here."""
    work = Undertaking.begin(lab, files=4, pages=1, hosts=["h1 1", "h2 1"])
    (lab.jobs / "my_job.py").write_text(LONG.replace("def long", "def visit"))
    work.run()
    sent = work.output.read_bytes()
    here = replace(work, output=lab.jobs / "here.csv")
    here.run(over_hosts=False)
    assert len(sent) > 4 * 3_000_000
    assert sent == here.output.read_bytes()
