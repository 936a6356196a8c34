"""What users say about other machines: what goes together, what each value may be, what is missing."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import cctrawl
from cctrawl.errors import InvalidInputError
from cctrawl.runs.cluster import ClusterOptions, cluster_options, options


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A hosts file."""
    path = tmp_path / "hosts.txt"
    path.write_text("h1\nh2 4\n")
    return path


def test_nothing_said_is_this_machine() -> None:
    """Without hosts, scheduler or client there are no options, whatever the lease."""
    assert cluster_options(lease="5s") is None


def test_options_of_hosts(hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hosts file is kept by its absolute path, since a job may change the folder; the rest as given."""
    monkeypatch.chdir(hosts.parent)
    found = cluster_options(hosts="hosts.txt", tunnel=True, python="/opt/p", workdir="/w", lease="90s")
    assert found == ClusterOptions(hosts=hosts, tunnel=True, python="/opt/p", workdir="/w", lease_s=90.0)


@pytest.mark.parametrize("address", ["tcp://scheduler:8786", "tls://10.0.0.1:8786", "ws://x/y"])
def test_addresses_of_schedulers(address: str) -> None:
    """What Dask's own clients take as an address is taken."""
    found = cluster_options(scheduler=address)
    assert found is not None
    assert found.scheduler == address


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"hosts": "hosts.txt", "scheduler": "tcp://x:1"}, "--hosts and --scheduler do not go together"),
        ({"hosts": "hosts.txt", "client": object()}, "--hosts and client= do not go together"),
        ({"scheduler": "tcp://x:1", "scheduler_file": "f"}, "--scheduler and --scheduler-file do not"),
        ({"tunnel": True}, "--tunnel goes with --hosts"),
        ({"python": "p", "scheduler": "tcp://x:1"}, "--python goes with --hosts"),
        ({"workdir": "/w"}, "--workdir goes with --hosts"),
        ({"require_all": True}, "--require-all goes with --hosts"),
        ({"dashboard": True}, "--dashboard goes with --hosts or --scheduler"),
        ({"scheduler": "scheduler:8786"}, "no address of a Dask scheduler"),
        ({"scheduler": ""}, "no address of a Dask scheduler"),
        ({"hosts": "absent.txt"}, "there is no hosts file 'absent.txt'"),
        ({"hosts": "wrong.txt"}, "wrong.txt, line 2: 'many' is no number of workers"),
        ({"scheduler_file": "absent.json"}, "--scheduler-file: no such file: 'absent.json'"),
        ({"hosts": "hosts.txt", "lease": 0}, "--lease 0 gives hosts no time"),
        ({"hosts": "hosts.txt", "lease": "soon"}, "no duration"),
        ({"hosts": "hosts.txt", "python": " "}, "--python ' ' is no path"),
        ({"hosts": "hosts.txt", "workdir": "/a\nb"}, "is no path"),
        ({"client": "tcp://x:1"}, "client is no dask.distributed.Client"),
    ],
)
def test_what_cannot_be(given: dict[str, object], words: str, hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that do not go together, and values that cannot be, are refused with a hint."""
    monkeypatch.chdir(hosts.parent)
    Path("wrong.txt").write_text("h1\nh2 many\n")
    with pytest.raises(InvalidInputError) as refused:
        cluster_options(**given)  # type: ignore[arg-type]  # each of its own type
    assert words in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("missing", "extra"), [("distributed", "cluster"), ("cryptography", "cluster"), ("bokeh", "dashboard")]
)
def test_a_missing_extra_is_named(missing: str, extra: str, hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Dask, or what its page needs, the way to install it is told, before the output is touched."""
    monkeypatch.setattr(options, "find_spec", lambda name: None if name == missing else find_spec(name))
    with pytest.raises(InvalidInputError) as refused:
        cctrawl.run("themes", files=["x"], output=hosts.parent / "x.csv", hosts=hosts, dashboard=True)
    assert refused.value.hint == f"pip install 'cctrawl[{extra}]'"
    assert list(hosts.parent.iterdir()) == [hosts]


def test_options_load_no_dask(hosts: Path) -> None:
    """Neither help nor the checking of options loads Dask, which takes a second."""
    code = (
        "import sys, cctrawl\nfrom cctrawl.runs.cluster import cluster_options\n"
        f"cluster_options(hosts={str(hosts)!r}, dashboard=True)\nfrom cctrawl.runs import session\n"
        "assert not {'distributed', 'dask', 'bokeh', 'cryptography'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
