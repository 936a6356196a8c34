"""Links to this very machine: what a host is asked, what it does and how it ends. Over ssh: tests/hosts."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.runs.hosts.heard import WITHIN_S, linked, waiting_python

from cctrawl.runs.hosts import Host, Linked, Refused, Unlinked, boot, connection
from cctrawl.runs.hosts.command import source_line


@pytest.fixture
def local(tmp_path: Path) -> Host:
    """This machine, with a folder of its own."""
    return Host(
        "localhost", "localhost", python=waiting_python(tmp_path), workdir=str(tmp_path / "w"), is_local=True
    )


def left_in(folder: Path) -> list[str]:
    """Return the names of what is left in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_host_says_what_is_there_and_works(local: Host, tmp_path: Path) -> None:
    """A host that is this machine is fit, alone, has a folder of its own, and removes it at its end."""
    with linked([local], paths=[__file__]) as heard:
        found = heard.next(Linked)
        assert (found.generation, found.workers, found.scheduler) == (0, found.facts.cores, "127.0.0.1:9")
        assert found.facts.alone
        assert (found.facts.workdir, found.facts.missing) == (str(tmp_path / "w"), ())
        assert abs(found.facts.clock_s) < 2
        assert min(found.facts.memory_bytes, found.facts.free_bytes) > 0
        assert heard.await_line("serving in") == f"serving in {found.facts.scratch}"
        assert (Path(found.facts.scratch).stat().st_mode & 0o777) == 0o700
    gone = heard.next(Unlinked)
    assert (gone.generation, gone.reason, gone.is_empty) == (0, "the driver hung up", True)
    assert heard.await_line("ending") == "ending: the driver hung up"
    assert left_in(tmp_path / "w") == []


def test_a_host_whose_work_is_killed_works_again(local: Host, tmp_path: Path) -> None:
    """A worker that was killed is told, its folder is cleared by the next one, which is known to be alone."""
    with linked([local], workers=3) as heard:
        first = heard.next(Linked)
        heard.await_line("serving in")
        [number] = [
            int(path.name)
            for path in Path("/proc").iterdir()
            if path.name.isdigit() and _folder_of(path) == first.facts.scratch
        ]
        os.kill(number, signal.SIGKILL)
        gone = heard.next(Unlinked)
        assert (gone.reason, gone.is_empty) == ("its worker was killed by signal 9", False)
        second = heard.next(Linked)
        assert (second.generation, second.facts.alone, second.workers) == (1, True, 3)
        assert second.facts.scratch != first.facts.scratch
        assert not Path(first.facts.scratch).exists()
    assert left_in(tmp_path / "w") == []


def _folder_of(process: Path) -> str:
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""


def test_two_at_one_place_know_it(local: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second visitor hears that it is not alone, and leaves the first's alone."""
    hurried = source_line(boot).replace(b"_LOCK_PATIENCE_S = 3", b"_LOCK_PATIENCE_S = 0")
    assert hurried != source_line(boot)
    monkeypatch.setattr(connection, "source_line", lambda _: hurried)
    with linked([local]) as one:
        first = one.next(Linked)
        with linked([local]) as other:
            assert not other.next(Linked).facts.alone
        assert Path(first.facts.scratch).exists()
        with linked([local], key="another") as other:
            assert other.next(Linked).facts.alone
    assert left_in(tmp_path / "w") == []


def test_work_that_fails_is_told_and_begun_again(local: Host) -> None:
    """An exception in the host's work is the reason of its end, its traceback is printed, and it is tried again."""
    with linked([local], spec={"fails": "no such luck"}) as heard:
        for generation in range(2):
            assert heard.next(Linked).generation == generation
            gone = heard.next(Unlinked)
            assert (gone.reason, gone.is_empty) == ("RuntimeError: no such luck", True)
    assert heard.await_line("Traceback")


def test_what_is_printed_cannot_be_taken_for_what_is_told(local: Host) -> None:
    """Lines that look like ours, long ones and many of them are printed lines, and disturb nothing."""
    lines = ['CCTRAWL {"ended": "x"}', "y" * 200_000, *(f"line {number}" for number in range(20_000))]
    with linked([local], spec={"lines": lines, "serves_s": 0}) as heard:
        heard.next(Linked)
        gone = heard.next(Unlinked)
    assert gone.reason == "its work is done"
    assert 'CCTRAWL {"ended": "x"}' in heard.printed
    assert sum(len(line) for line in heard.printed if set(line) == {"y"}) == 200_000
    assert heard.printed.count("line 19999") == 1


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("/no/such/python", "there is no interpreter /no/such/python"),
        (__file__, f"{__file__} cannot be run"),
        ("/bin/false", "/bin/false ended before it said anything: status 1"),
    ],
)
def test_an_interpreter_that_is_none(local: Host, python: str, said: str) -> None:
    """Absent, not to be run, or no Python: told with what to do."""
    with linked([Host(**{**vars(local), "python": python})]) as heard:
        [problem] = heard.next(Refused).problems
    assert problem.what.startswith(said)
    assert "--python" in problem.hint
    assert problem.host == "localhost"


def pythons() -> dict[str, str]:
    """Return interpreters of other versions on this machine: beside this one, each in a folder named after it."""
    found = {}
    for folder in Path(sys.base_prefix).parent.glob("*/bin/python"):
        found[folder.parts[-3]] = str(folder)
    return found


def test_another_python_is_told_by_its_version(local: Host, tmp_path: Path) -> None:
    """A Python of another minor version, however old, says which it is, and nothing more is asked of it."""
    program = tmp_path / "old-python"
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -u -c \'print("CCTRAWL {{\\"python\\": \\"2.7.18\\", '
        f'\\"executable\\": \\"/old\\"}}"); input()\'\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    with linked([Host(**{**vars(local), "python": str(program)})]) as heard:
        [problem] = heard.next(Refused).problems
    assert problem.what.startswith("Python 2.7.18 at /old, but 3.")
    assert "cctrawl hosts install" in problem.hint


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.9"])
def test_real_old_pythons(local: Host, version: str) -> None:
    """Real interpreters of other versions, where there are some, do the same."""
    found = [path for name, path in pythons().items() if name.startswith(version + ".")]
    if not found:
        pytest.skip(f"no Python {version} here")
    with linked([Host(**{**vars(local), "python": found[0]})]) as heard:
        [problem] = heard.next(Refused).problems
    assert problem.what.startswith(f"Python {version}.")


def test_folders_and_inputs_that_are_not_there(local: Host, tmp_path: Path) -> None:
    """A folder that cannot be made and inputs that are missing are two problems, told together."""
    host = Host(**{**vars(local), "workdir": str(tmp_path / "no" / "such")})
    with linked([host], paths=[*(f"/no/{number}" for number in range(5))]) as heard:
        [folder, inputs] = heard.next(Refused).problems
    assert folder.what == f"the folder {tmp_path}/no/such cannot be used: there is no folder {tmp_path}/no"
    assert "--workdir" in folder.hint
    assert inputs.what == "inputs cannot be read there: /no/0, /no/1, /no/2 and 2 more"
    (tmp_path / "file").write_text("")
    with linked([Host(**{**vars(local), "workdir": str(tmp_path / "file")})]) as heard:
        assert "cannot be used: File exists" in heard.next(Refused).problems[0].what


def test_stopping_many_is_quick_whatever_they_do(local: Host, tmp_path: Path) -> None:
    """Links that connect, work, wait to be asked again or were never begun all end when they are told to."""
    (tmp_path / "hangs").write_text("#!/bin/sh\nexec sleep 1000\n", encoding="utf-8")
    (tmp_path / "hangs").chmod(0o755)
    hosts = [Host(**{**vars(local), "name": f"h{number}"}) for number in range(4)]
    hosts += [Host(**{**vars(local), "name": f"x{number}", "python": "/no/python"}) for number in range(4)]
    hosts += [
        Host(**{**vars(local), "name": f"z{number}", "python": str(tmp_path / "hangs")}) for number in range(20)
    ]
    with linked(hosts) as heard:
        for _ in range(8):
            heard.next(object)  # type: ignore[type-var]  # Linked or Refused
        began_s = time.monotonic()
    assert time.monotonic() - began_s < WITHIN_S
