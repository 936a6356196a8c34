"""The installed command, as a shell calls it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import cctrawl
from cctrawl.cli.app import _COMMANDS
from cctrawl.cli.hosts import hosts_command
from cctrawl.cli.index import index_command
from cctrawl.testing import FakeCrawls, FakeServer, SlowBytes

CRAWL = "CC-MAIN-2024-22"
PROGRAM = [sys.executable, "-m", "cctrawl"]


def call(*words: object, stdin: str = "", code: int = 0, cwd: Path | None = None) -> tuple[str, str]:
    """Run the command, check its exit code, return stdout and stderr."""
    done = subprocess.run(
        [*PROGRAM, *map(str, words)], input=stdin, capture_output=True, text=True, timeout=120, check=False, cwd=cwd
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def names(text: str) -> list[str]:
    """Return the paths in JSON lines."""
    return [json.loads(line)["path"] for line in text.splitlines()]


def test_help_says_what_there_is_and_loads_little() -> None:
    """The help names every command, and imports neither pyarrow nor rich nor urllib3 nor dask."""
    out, _ = call("--help")
    for command in _COMMANDS:
        assert f"  {command} " in out
    code = "import sys\nfrom cctrawl.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    heavy = ("pyarrow", "rich", "urllib3", "botocore", "dask", "sqlite3")
    code += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_every_command_explains_itself(command: str) -> None:
    """Each command has help of its own."""
    out, _ = call(command, "--help")
    assert out.startswith(f"Usage: cctrawl {command} ")
    assert "\\b" not in out


def test_examples_in_help_stand_on_lines_of_their_own() -> None:
    """The examples of a command can be copied from its help."""
    lines = [line.strip() for line in call("run", "--help")[0].splitlines()]
    assert "cctrawl run themes -c CC-MAIN-2016-07 --limit 4 -o themes.csv" in lines


def test_version() -> None:
    """--version tells the package's version."""
    assert call("--version")[0] == f"cctrawl {cctrawl.__version__}\n"


def test_crawls_newest_first(fake: FakeCrawls) -> None:
    """In a pipe the crawls are JSON lines, newest first."""
    out, _ = call("crawls", "--base-url", fake.root)
    assert [json.loads(line)["crawl"] for line in out.splitlines()] == fake.crawls


def test_files_of_one_kind(fake: FakeCrawls, server: FakeServer) -> None:
    """The files of a kind come in the listing's order, as paths or whole URLs."""
    out, _ = call("files", "warc", "-c", CRAWL, "--base-url", server.url)
    assert names(out) == fake.files(CRAWL)
    out, _ = call("files", "warc", "-c", CRAWL, "--base-url", server.url, "--urls", "-f", "csv")
    assert out.splitlines() == ["url", *(server.url + path for path in fake.files(CRAWL))]


def test_run_and_resume(fake: FakeCrawls, tmp_path: Path) -> None:
    """A run writes its rows and a summary; the same command says that it is finished."""
    words = ["run", "themes", "-c", CRAWL, "--limit", "4", "-o", tmp_path / "themes.csv", "--base-url", fake.root]
    out, err = call(*words)
    assert out == ""
    rows = [tuple(row) for row in csv.reader((tmp_path / "themes.csv").read_text().splitlines())]
    assert rows == [("domain", "theme"), *fake.expected_themes(fake.files(CRAWL)[:4])]
    assert "done: 4 of 4 files" in err
    assert "finished: nothing is left to do" in call(*words)[1]


def test_files_on_the_command_line_to_stdout(fake: FakeCrawls) -> None:
    """--files takes what a shell expands; stdout gets the rows and nothing else."""
    paths = fake.files(CRAWL)[:3]
    out, err = call("run", "themes", "--files", *(fake.root / path for path in paths), "-o", "-", "-f", "jsonl")
    assert [tuple(json.loads(line).values()) for line in out.splitlines()] == fake.expected_themes(paths)
    assert "-> stdout" in err


def test_files_piped_into_a_run(fake: FakeCrawls, server: FakeServer, tmp_path: Path) -> None:
    """What `files` prints, in any order, `run --files -` reads."""
    listed, _ = call("files", "warc", "-c", "latest", "--base-url", server.url)
    lines = listed.splitlines()[::-2]
    words = ["run", "themes", "--files", "-", "-o", tmp_path / "some.csv", "--base-url", server.url]
    call(*words, stdin="\n".join(lines))
    with (tmp_path / "some.csv").open(newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)][1:]
    assert rows == fake.expected_themes(names("\n".join(lines)))
    bare, _ = call("files", "warc", "-c", "latest", "--base-url", server.url, "-f", "paths")
    assert bare.splitlines() == names(listed)


def test_a_job_of_the_users_own(fake: FakeCrawls, tmp_path: Path) -> None:
    """A function of a file runs by `try` and by `run`, on WAT files, into a folder of Parquet."""
    (tmp_path / "my_job.py").write_text(
        "import json\n\nimport cctrawl\n\n\n@cctrawl.job('kind', 'count', kind='wat')\n"
        "def count_servers(records):\n    number = sum(record.type == 'metadata' for record in records)\n"
        "    yield 'metadata', number\n"
    )
    wat = next((fake.root / "crawl-data" / CRAWL).rglob("*.wat.gz"))
    out, err = call("try", "my_job.py:count_servers", wat, cwd=tmp_path)
    row = json.loads(out)
    assert row["kind"] == "metadata"
    assert row["count"] > 0
    assert "records read" in err
    words = [
        "-c",
        "latest",
        "--kind",
        "wat",
        "--sample",
        "0.6",
        "-o",
        "out/",
        "-f",
        "parquet",
        "--base-url",
        fake.root,
    ]
    call("run", "my_job.py:count_servers", *words, cwd=tmp_path)
    assert list((tmp_path / "out").glob("part-*.parquet"))


def test_try_shows_some_rows(fake: FakeCrawls) -> None:
    """Try shows as many rows as asked for, and stops reading then."""
    path = fake.files(CRAWL)[0]
    out, _ = call("try", "themes", path, "-n", "2", "-f", "csv", "--base-url", fake.root)
    assert list(csv.reader(io.StringIO(out)))[1:] == [list(row) for row in fake.expected_themes([path])[:2]]


def test_a_format_variable_is_for_the_commands_that_know_it(
    fake: FakeCrawls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CCTRAWL_FORMAT=table is for listings, an output's ending comes before it, and nobody knows a mistyped one."""
    monkeypatch.setenv("CCTRAWL_FORMAT", "table")
    path = fake.root / fake.files(CRAWL)[0]
    call("run", "themes", "--files", path, "-o", tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().startswith("domain,theme\n")
    assert not call("jobs")[0].startswith("{")
    monkeypatch.setenv("CCTRAWL_FORMAT", "parquet")
    call("run", "themes", "--files", path, "-o", tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_text().startswith("{")
    call("jobs", "-o", tmp_path / "jobs.csv")
    assert (tmp_path / "jobs.csv").read_text().startswith("job,")
    call("run", "themes", "--files", path, "-o", tmp_path / "chosen.csv", "-f", "jsonl")
    assert (tmp_path / "chosen.csv").read_text().startswith("{")
    assert call("try", "themes", path, "-n", "1")[0].startswith("{")
    monkeypatch.setenv("CCTRAWL_FORMAT", "paths")
    assert call("jobs")[0].startswith("{")
    monkeypatch.setenv("CCTRAWL_FORMAT", "cvs")
    assert "'cvs'" in call("run", "themes", "--files", path, "-o", tmp_path / "y.csv", code=2)[1]
    assert "'cvs'" in call("jobs", code=2)[1]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["jobs"]])
def test_a_reader_that_leaves_at_once_is_no_error(words: list[str]) -> None:
    """Whatever is printed into a pipe that nobody reads, the command ends as one that a broken pipe ended."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PROGRAM, *words], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_conditions_on_the_command_line(fake: FakeCrawls) -> None:
    """--where-… takes comma lists and comes more than once, for run and for try alike."""
    path = fake.files(fake.crawls[0])[0]
    hosts = sorted({page.site.host for page in fake.pages[path]})[:3]
    expected = {page.site.host for page in fake.pages[path] if page.themes and page.site.host in hosts}
    where = ["--where-host", ",".join(hosts[:2]), "--where-host", hosts[2], "--where-status", "2xx"]
    for command in (["run", "themes", "-o", "-", "-f", "jsonl", "--files", path], ["try", "themes", path]):
        out, _ = call(*command, *where, "--base-url", fake.root)
        assert {json.loads(line)["domain"].partition(":")[0] for line in out.splitlines()} == expected != set()


def test_a_plan_runs_nothing(fake: FakeCrawls, tmp_path: Path) -> None:
    """--plan prints what is left as a row, and says it in words; it needs no output and makes none."""
    words = ["run", "themes", "-c", CRAWL, "--base-url", fake.root, "--plan"]
    out, err = call(*words, cwd=tmp_path)
    plan = json.loads(out)
    paths = fake.files(CRAWL)
    assert (plan["inputs"], plan["requests"], plan["sizes"]) == (len(paths), len(paths), "exact")
    assert f"plan: {len(paths)} files, " in err
    assert json.loads(call(*words, "--measure", "-q", "-o", "x.parquet", cwd=tmp_path)[0])["bound"] == "cpu"
    assert list(tmp_path.iterdir()) == []
    assert "--plan" in call(*words[:-1], "--measure", "-o", "x.csv", code=2, cwd=tmp_path)[1]


def test_runs_are_listed_with_their_commands(fake: FakeCrawls, tmp_path: Path) -> None:
    """The runs there were come as JSON lines, or as a table with the commands that go on below it."""
    broken = tmp_path / "broken.warc.gz"
    broken.write_bytes(b"no WARC")
    words = ["run", "themes", "--files", fake.root / fake.files(CRAWL)[0], broken, "-o", "x.csv", "--tries", "1"]
    call(*words, "--data-dir", "state", code=4, cwd=tmp_path)
    row = json.loads(call("runs", "--data-dir", "state", cwd=tmp_path)[0])
    assert (row["output"], row["job"], row["state"]) == (str(tmp_path / "x.csv"), "themes", "incomplete")
    assert (row["done"], row["inputs"], row["failed"]) == (1, 2, 1)
    assert row["resume"].startswith(f"cd {tmp_path} && cctrawl run --retry-failed themes --files ")
    table = call("runs", "--data-dir", "state", "-f", "table", cwd=tmp_path)[0]
    assert f"to go on:\n  {row['resume']}\n" in table


def test_jobs_are_listed() -> None:
    """The shipped jobs have columns and a line that says what they yield."""
    jobs = {row["job"]: row for row in map(json.loads, call("jobs")[0].splitlines())}
    assert set(jobs) == {"languages", "links", "servers", "text", "themes"}
    assert jobs["themes"]["columns"] == "domain, theme"
    assert all(row["what it yields"] for row in jobs.values())


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["run", "themes", "-o", "x.csv"], 2, "either a crawl, or files, or captures"),
        (["run", "thems", "-c", "latest", "-o", "x.csv"], 2, "did you mean 'themes'?"),
        (["run", "themes", "-c", "latest"], 2, "--output"),
        (["run", "themes", "-c", "latest", "-o", "x.doc"], 2, "-f csv"),
        (["run", "themes", "-c", "latest", "-o", "x.csv", "--sample", "7"], 2, "--sample"),
        (["run", "themes", "-c", "latest", "-o", "x.csv", "--kind", "png"], 2, "'warc', 'wat'"),
        (["run", "themes", "-c", "latest", "-o", "x.csv", "--rate", "fast"], 2, "--rate"),
        (["run", "themes", "-c", "latest", "-o", "x.csv", "--on-damage", "cry"], 2, "'skip', 'raise'"),
        (["run", "text", "-c", "latest", "-o", "x/", "--where-language", "icelandic"], 2, "isl, eng"),
        (["run", "themes", "-c", "latest", "-o", "x/", "--where-language", "isl"], 2, "--kind wet"),
        (["try", "themes", "x.warc.gz", "--where-host", "http://a.org/"], 2, "write example.org"),
        (["files", "png", "-c", "latest"], 2, "hint:"),
        (["files", "warc", "-c", "CC-MAIN-1999-01"], 3, "hint:"),
        (["try", "themes", "/no/such/file.warc.gz"], 3, "/no/such/file.warc.gz"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_bad_input_has_a_clear_error(
    fake: FakeCrawls, tmp_path: Path, words: Sequence[str], code: int, text: str
) -> None:
    """What cannot be is said in a line with a hint, with the right exit code, never as a traceback."""
    base = [] if words[0] == "frobnicate" else ["--base-url", str(fake.root)]
    _, err = call(*words, *base, code=code, cwd=tmp_path)
    assert text in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_a_network_error(tmp_path: Path) -> None:
    """When nobody answers, the list cannot be had: exit 5, with the reason."""
    words = ["crawls", "--base-url", "http://127.0.0.1:1/", "--tries", "1", "--data-dir", tmp_path]
    assert "127.0.0.1:1" in call(*words, code=5)[1]


def test_a_job_that_raises_shows_the_users_own_lines(fake: FakeCrawls, tmp_path: Path) -> None:
    """The traceback of a job shows the user's file, not ours, and the exit code is 1."""
    (tmp_path / "bad.py").write_text("def job(records):\n    for record in records:\n        yield 1 / 0\n")
    _, err = call("try", "bad.py:job", fake.root / fake.files(CRAWL)[0], code=1, cwd=tmp_path)
    assert 'bad.py", line 3' in err
    assert "error: the job job raised ZeroDivisionError" in err
    assert "cctrawl/runs" not in err


def test_a_broken_pipe_ends_quietly(fake: FakeCrawls) -> None:
    """`cctrawl … | head -n 1` says nothing about the pipe."""
    files = " ".join(str(fake.root / path) for path in fake.files(CRAWL))
    program = f"{sys.executable} -m cctrawl"
    for words in (f"run themes -q --files {files} -o - -f csv", f"files warc -c all --base-url {fake.root}"):
        done = subprocess.run(
            ["bash", "-c", f"{program} {words} | head -n 1"], capture_output=True, text=True, check=True
        )
        assert len(done.stdout.splitlines()) == 1
        assert "pipe" not in done.stderr.lower()
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_everything_and_says_how_to_go_on(
    fake: FakeCrawls, server: FakeServer, tmp_path: Path, sign: signal.Signals
) -> None:
    """Ctrl-C and a polite kill stop at once with exit 130 and a hint; the same command goes on."""
    server.set_faults([SlowBytes(path="*/warc/*", bytes_per_s=30_000)])
    output = tmp_path / "themes.csv"
    words = ["run", "themes", "-c", CRAWL, "-o", output, "--base-url", server.url, "--workers", "2"]
    # Whoever started the tests in the background had SIGINT ignored, and children inherit that.
    default = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", default, *PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        while server.count("*/warc/*.gz") < 4:
            time.sleep(0.05)
        process.send_signal(sign)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "the same command goes on" in err
    assert "Traceback" not in err
    server.set_faults()
    _, err = call(*words)
    assert "going on: " in err
    with output.open(newline="") as file:
        assert [tuple(row) for row in csv.reader(file)][1:] == fake.expected_themes(fake.files(CRAWL))


def test_a_terminal_gets_a_live_line(server: FakeServer, tmp_path: Path) -> None:
    """On a terminal the run shows files, rates and the time left while it goes on, and its summary in the end."""
    server.set_faults([SlowBytes(path="*/warc/*", bytes_per_s=50_000)])
    words = ["run", "themes", "-c", CRAWL, "--limit", "4", "-o", tmp_path / "x.csv", "--base-url", server.url]
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*PROGRAM, *map(str, words)], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    with process, contextlib.suppress(OSError):  # a terminal whose other end is closed reads as an error
        while data := os.read(ours, 4096):
            shown += data
    os.close(ours)
    assert process.returncode == 0
    assert re.search(rb"[0-4]/4 files .* MB/s .* records/s .* rows .* ETA ", shown)
    assert b"done: 4 of 4 files" in shown


def test_the_demo_shows_the_main_job(tmp_path: Path) -> None:
    """The demonstration ends well, offline, and keeps the rows if asked."""
    out, err = call("demo", "-o", tmp_path / "themes.csv")
    assert "once each, in order" in err
    assert len(out.splitlines()) == 5
    assert (tmp_path / "themes.csv").read_text().startswith("domain,theme\n")


def test_settings_come_from_the_environment(fake: FakeCrawls, monkeypatch: pytest.MonkeyPatch) -> None:
    """CCTRAWL_BASE_URL stands for --base-url."""
    monkeypatch.setenv("CCTRAWL_BASE_URL", str(fake.root))
    assert len(call("crawls")[0].splitlines()) == len(fake.crawls)
    assert os.environ["CCTRAWL_DATA_DIR"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["try", "themes", "x", "-f", "paths"], "'paths' is not one of"),
        (["try", "themes", "x", "-n", "0"], "-n"),
        (["run", "themes", "-o", "x.csv", "--files", "a", "-"], "- alone"),
        (["run", "themes", "-o", "x.csv", "--files", ""], "names of files"),
        (["run", "themes", "-o", "x.csv", "-c", "latest", "--timeout", "soon"], "--timeout"),
    ],
)
def test_what_cannot_be_is_a_usage_error(tmp_path: Path, words: list[str], text: str) -> None:
    """Formats, numbers and lists that cannot be are refused before anything is read."""
    assert text in call(*words, code=2, cwd=tmp_path)[1]


GROUPS = {"index": index_command, "hosts": hosts_command}


@pytest.mark.parametrize(
    "command",
    sorted({*_COMMANDS, *(f"{group} {name}" for group in GROUPS for name in GROUPS[group].commands)} - set(GROUPS)),
)
def test_every_command_can_be_quiet_or_say_more(command: str) -> None:
    """-q and -v are known everywhere."""
    out, _ = call(*command.split(), "--help")
    assert "-q, --quiet" in out
    assert "-v, --verbose" in out


def test_verbose_shows_the_cause(tmp_path: Path) -> None:
    """-v shows what lies behind an error, also among other short options."""
    words = ["crawls", "-qv", "--base-url", "http://127.0.0.1:1/", "--tries", "1", "--data-dir", tmp_path]
    assert "cause: " in call(*words, code=5)[1]


def test_options_come_from_the_environment(
    fake: FakeCrawls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CCTRAWL_<FLAG> stands for the flag; a flag wins, and a bad value is a usage error that names the variable."""
    monkeypatch.setenv("CCTRAWL_BASE_URL", str(fake.root))
    monkeypatch.setenv("CCTRAWL_FORMAT", "csv")
    monkeypatch.setenv("CCTRAWL_CRAWL", CRAWL)
    assert call("files", "warc")[0].splitlines() == ["path", *fake.files(CRAWL)]
    assert names(call("files", "warc", "-f", "jsonl")[0]) == fake.files(CRAWL)
    path = fake.root / fake.files(CRAWL)[0]
    out, _ = call("run", "themes", "--files", path, "-o", "-")
    assert [tuple(row) for row in csv.reader(io.StringIO(out))][1:] == fake.expected_themes(fake.files(CRAWL)[:1])
    for name, value in (("WORKERS", "many"), ("TIMEOUT", "soon"), ("MAX_MEMORY", "much"), ("MAX_FAILURES", "few")):
        with monkeypatch.context() as also:
            also.setenv(f"CCTRAWL_{name}", value)
            _, err = call("run", "themes", "-o", tmp_path / "x.csv", code=2)
            assert f"CCTRAWL_{name}" in err


@pytest.mark.parametrize("flag", ["OUTPUT", "FILES", "RESTART", "RETRY_FAILED"])
def test_what_destroys_does_not_come_from_the_environment(flag: str) -> None:
    """No variable names outputs, inputs, or drops what was done."""
    assert f"CCTRAWL_{flag}" not in call("run", "--help")[0]


def shell(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which `cctrawl` is the command."""
    line = f'cctrawl() {{ {sys.executable} -m cctrawl "$@"; }}; {line}'
    environment = {**os.environ, **variables}
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=environment)


def test_a_broken_pipe_has_its_exit_code(fake: FakeCrawls) -> None:
    """Whoever reads may stop: exit code 141, as of any program that SIGPIPE ends."""
    done = shell(f"cctrawl files warc -c all --base-url {fake.root} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("closed", "code", "lines"),
    [(">&-", 1, ["error"]), ("2>&-", 0, []), (">/dev/full", 1, ["error", "hint"]), ("<&-", 0, [])],
)
def test_closed_streams_give_no_traceback(closed: str, code: int, lines: list[str]) -> None:
    """A stream that is closed or full is at most an error in a line, with a hint if there is one."""
    done = shell(f"cctrawl jobs {closed}")
    assert done.returncode == code
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == lines
    assert ("hint: the disk is full" in done.stderr) is ("full" in closed)


def test_any_encoding_can_be_written(tmp_path: Path) -> None:
    """A terminal that knows ASCII only gets escapes, not a traceback."""
    (tmp_path / "x.py").write_text("def job(records):\n    yield {'name': 'é'}\n", encoding="utf-8")
    (tmp_path / "x.warc").write_bytes(b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n")
    done = shell(f"cctrawl try {tmp_path}/x.py:job {tmp_path}/x.warc -f csv", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "name\n\\xe9\n")


def test_a_run_to_stdout_gives_no_advice_it_cannot_keep(fake: FakeCrawls) -> None:
    """Nothing of a run to stdout is kept, so no command goes on with it."""
    path = fake.root / fake.files(CRAWL)[0]
    _, err = call("run", "themes", "--tries", "1", "--files", path, "/no/such.warc.gz", "-o", "-", code=4)
    assert "--retry-failed" not in err
