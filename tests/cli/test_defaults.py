"""Options of commands from config.toml, and the page that lists them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest

from cctrawl import listings
from cctrawl.cli import harvesting
from cctrawl.cli.app import program
from cctrawl.cli.defaults import options_of
from cctrawl.cli.options import FILE_KINDS, ON_DAMAGE, RUN_FORMATS, RUN_KINDS
from cctrawl.index.harvesting import MOST_CONNECTIONS
from cctrawl.output import FORMATS
from cctrawl.runs import session
from cctrawl.runs.jobs.job import KINDS
from cctrawl.settings import Settings
from cctrawl.testing import FakeCrawls

CRAWL = "CC-MAIN-2024-22"
PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def called(config: str, *words: object, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command with this config.toml."""
    (folder / "config.toml").write_text(config)
    environment = {**os.environ, "CCTRAWL_CONFIG": str(folder / "config.toml"), **variables}
    command = [sys.executable, "-m", "cctrawl", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def test_options_come_from_the_commands_table(fake: FakeCrawls, tmp_path: Path) -> None:
    """A command's table stands for its flags, below the environment, and other tables do not count."""
    config = f'base-url = "{fake.root}"\n[files]\nformat = "csv"\ncrawl = "{CRAWL}"\n[crawls]\nbroken = 1\n'
    lines = called(config, "files", "warc", folder=tmp_path).stdout.splitlines()
    assert lines == ["path", *fake.files(CRAWL)]
    first = called(config, "files", "warc", folder=tmp_path, CCTRAWL_FORMAT="jsonl").stdout.splitlines()[0]
    assert json.loads(first) == {"path": fake.files(CRAWL)[0]}
    lines = called(config, "files", "warc", "-f", "paths", folder=tmp_path).stdout.splitlines()
    assert lines == fake.files(CRAWL)


def test_a_crawl_of_the_file_gives_way_to_named_files(fake: FakeCrawls, tmp_path: Path) -> None:
    """--files on the command line comes before a crawl in config.toml; settings may stand in the table."""
    config = f'[run]\ncrawl = "latest"\nformat = "csv"\nquiet = true\nbase-url = "{fake.root}"\n'
    path = fake.root / fake.files(CRAWL)[0]
    done = called(config, "run", "themes", "--files", path, "-o", "-", folder=tmp_path)
    assert len(done.stdout.splitlines()) == 1 + len(fake.expected_themes(fake.files(CRAWL)[:1]))


def test_a_standing_subset_is_for_files_that_have_subsets(fake: FakeCrawls, tmp_path: Path) -> None:
    """A subset in config.toml or a variable does not keep files without subsets from being listed; a flag does."""
    config = f'base-url = "{fake.root}"\n[files]\nsubset = "robotstxt"\n'
    words = ("files", "warc", "-c", CRAWL, "-f", "paths")
    assert called(config, *words, folder=tmp_path).stdout.split() == fake.files(CRAWL)
    index = called(config, "files", "cc-index-table", *words[2:], folder=tmp_path).stdout.split()
    assert index
    assert all("/subset=robotstxt/" in path for path in index)
    assert called(config, *words, "--subset", "warc", folder=tmp_path).returncode == 2


def test_options_that_may_be_repeated_take_lists(fake: FakeCrawls, tmp_path: Path) -> None:
    """A list in a command's table stands for the flag given several times, a text for once."""
    path = fake.files(CRAWL)[0]
    hosts = [urlsplit(page.url).hostname or "" for page in fake.pages[path]]
    for value in (sorted({*hosts})[:2], min(hosts)):
        config = f"[run]\nwhere-host = {json.dumps(value)}\nformat = 'jsonl'\n"
        done = called(config, "run", "servers", "--files", fake.root / path, "-o", "-", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        counted = sum(json.loads(line)["count"] for line in done.stdout.splitlines())
        assert 0 < counted <= sum(host in value for host in hosts)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("[rum]", "did you mean run?"),
        ("[run]\nworkerz = 1", "[run] workerz: there is no such setting in [run]"),
        ("[run]\nworkers = 'many'", "[run] workers: 'many' is not a valid integer"),
        ("[run]\nworkers = 2.5", "[run] workers: '2.5' is not a valid integer"),
        ("[run]\nworkers = true", "[run] workers"),
        ("[run]\nquiet = 1", "[run] quiet is true or false"),
        ("[run]\ntimeout = 'soon'", "[run] timeout: no duration"),
        ("[run]\nsample = {}", "[run] sample must be text or a number"),
        ("[run]\noutput = 'x.csv'", "[run] output is set by its flag alone"),
        ("[run]\nrate = 'fast'", "[run] rate: --rate must be a number"),
        ("[run]\nworkers = 0", "[run] workers: 0 is not in the range"),
        ("[run]\nlimit = 0", "[run] limit: 0 is not in the range"),
        ("[run]\nkind = 'png'", "[run] kind: 'png' is not one of 'warc', 'wat'"),
        ("[run]\nformat = 'table'", "[run] format: 'table' is not one of 'csv', 'jsonl', 'parquet'"),
        ("[run]\non-damage = 'cry'", "[run] on-damage: 'cry' is not one of 'skip', 'raise'"),
        ("[run]\nsample = 0", "[run] sample: '0' is no share"),
        ("[run]\nmax-failures = '120%'", "[run] max-failures: '120%' is no share"),
        ("[run]\nwhere-status = [200, 'ok']", "[run] where-status: --where-status does not take 'ok'"),
        ("[run]\nrestart = true", "restart is set by its flag alone"),
        ("rat = 1", "did you mean rate?"),
    ],
)
def test_mistakes_in_tables_are_usage_errors(config: str, words: str, tmp_path: Path) -> None:
    """A key, table or value that does not fit is refused before anything is done; help goes on working."""
    done = called(config, "run", "themes", "-c", "latest", "-o", "x.csv", folder=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert str(tmp_path / "config.toml") in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
    assert called(config, "run", "--help", folder=tmp_path).returncode == 0


def test_the_page_lists_every_setting_with_its_default() -> None:
    """docs/settings.md has each setting, and each option of each command, that can be set."""
    lines = [line.strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    rows = {key: cells[1:] for cells in lines if len(cells) > 2 for key in re.findall(r"`([a-z-]+)`", cells[0])}
    context = click.Context(program)
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None
        for key in options_of(command):
            assert key.replace("_", "-") in rows, f"{key} of {name}"
    for field in fields(Settings):
        default = rows[field.name.replace("_", "-")][0]
        if isinstance(field.default, float):
            assert Settings.resolve(patience=default.strip(" `")).patience == field.default
        elif isinstance(field.default, (bool, int)):
            assert default.strip(" `") == str(field.default).lower()


def test_choices_are_those_of_the_rooms_below() -> None:
    """What options repeat, so that --help loads little, is what the rooms below know."""
    assert (RUN_FORMATS, RUN_KINDS, ON_DAMAGE) == (FORMATS, KINDS, session.ON_DAMAGE)
    assert listings.KINDS == FILE_KINDS
    assert (*listings.SUBSETS, "all") == harvesting.SUBSETS
    assert harvesting.MOST_CONNECTIONS == MOST_CONNECTIONS


def completed(words: str) -> list[str]:
    """Return what bash is told to complete the last word with."""
    environment = {**os.environ, "_CCTRAWL_COMPLETE": "bash_complete", "COMP_WORDS": words}
    environment["COMP_CWORD"] = str(words.count(" "))
    code = "import sys\nfrom cctrawl.cli import main\ntry: main([])\nexcept SystemExit: pass\n"
    code += "assert not {'pyarrow', 'urllib3', 'rich', 'sqlite3'} & set(sys.modules), 'slow'\n"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.splitlines()


def test_shells_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, options, choices, jobs and files are completed, quickly, even beside a broken config.toml."""
    monkeypatch.setenv("CCTRAWL_CONFIG", "/no/such/file")
    assert "plain,run" in completed("cctrawl r")
    assert "plain,--max-memory" in completed("cctrawl run themes --max")
    assert completed("cctrawl files warc -f p") == ["plain,parquet", "plain,paths"]
    assert completed("cctrawl run th") == ["plain,themes"]
    assert completed("cctrawl run my") == ["file,my"]
    for option in (
        "run themes --files",
        "run themes --report",
        "runs --data-dir",
        "crawls --base-url",
        "demo --keep",
    ):
        assert completed(f"cctrawl {option} x") == ["file,x"]
    assert completed("cctrawl run themes -f j") == ["plain,jsonl"]
    assert completed("cctrawl run themes --kind wa") == ["plain,warc", "plain,wat"]
    assert completed("cctrawl files cc") == ["plain,cc-index", "plain,cc-index-table"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_of_shells(shell: str) -> None:
    """Each shell's script calls the command back."""
    command = [sys.executable, "-m", "cctrawl", "completion", shell]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(rf"_CCTRAWL_COMPLETE={shell}_complete", done.stdout)
