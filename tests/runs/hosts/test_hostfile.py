"""The hosts file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctrawl.errors import InvalidInputError
from cctrawl.runs.hosts import Host, read_hosts


def read(tmp_path: Path, text: str) -> list[Host]:
    """Return the hosts of a text."""
    file = tmp_path / "hosts.txt"
    file.write_text(text, encoding="utf-8")
    return read_hosts(file)


def test_the_file_of_scoop(tmp_path: Path) -> None:
    """Host and number of workers a line, comments and empty lines between them."""
    hosts = read(tmp_path, "# mine\nh1 4\n\nme@h2.example.org:2222 2 # the big one\nh3\n")
    assert hosts == [
        Host("h1", "h1", workers=4),
        Host("h2.example.org", "me@h2.example.org", port=2222, workers=2),
        Host("h3", "h3"),
    ]


def test_settings_of_a_host(tmp_path: Path) -> None:
    """Paths of its own, in quotes where there are blanks or a # in them."""
    [one, two] = read(
        tmp_path, "h1 python=/opt/py/bin/python workdir='/data/my own#1'\nh2 2 workdir=\"~/it's\" # python=/no\n"
    )
    assert (one.python, one.workdir, one.workers) == ("/opt/py/bin/python", "/data/my own#1", None)
    assert (two.python, two.workdir, two.workers) == (None, "~/it's", 2)


@pytest.mark.parametrize(
    ("line", "target", "port"),
    [
        ("[::1]:22", "::1", 22),
        ("me@[fe80::1%eth0]", "me@fe80::1%eth0", None),
        ("2001:db8::7 3", "2001:db8::7", None),
        ("10.0.0.1:2200", "10.0.0.1", 2200),
        ("a@b@c", "a@b@c", None),
    ],
)
def test_addresses(tmp_path: Path, line: str, target: str, port: int | None) -> None:
    """Addresses of both kinds; brackets tell a port from a part of the address; a user may hold an @."""
    [host] = read(tmp_path, line)
    assert (host.target, host.port, host.is_local) == (target, port, False)


@pytest.mark.parametrize(
    ("line", "is_local"),
    [
        ("localhost 2", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost:22", False),
        ("me@localhost", False),
    ],
)
def test_this_machine_needs_no_ssh(tmp_path: Path, line: str, is_local: bool) -> None:  # noqa: FBT001 - a case
    """Localhost is this very machine, unless a user or a port says that ssh is meant."""
    [host] = read(tmp_path, line)
    assert host.is_local == is_local


def test_two_lines_of_one_host(tmp_path: Path) -> None:
    """They are two hosts; their names tell which."""
    assert [host.name for host in read(tmp_path, "h1\nme@h1:23\nh2\nh1")] == ["h1", "h1#2", "h2", "h1#3"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("h1 slots=4", "'slots=4' has no meaning here"),
        ("h1 0", "'0' is no number of workers"),
        ("h1 four", "'four' is no number of workers"),
        ("h1 4 5", "'5' has no meaning here"),
        ("h1:0", "0 is no port"),
        ("h1:99999", "99999 is no port"),
        ("h1:ssh", "this names no host"),
        ("-oProxyCommand=x", "this names no host"),
        ("me@-x", "this names no host"),
        ("h1 python=", "python= without a value"),
        ("h1 python=/a python=/b", "python= twice"),
        ("h1 workdir='/a b", "a quote that does not end"),
        ("@h1", "this names no host"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str, said: str) -> None:
    """By number and text, with what to write instead."""
    with pytest.raises(InvalidInputError) as caught:
        read(tmp_path, f"h0\n\n{line}\n")
    assert f"line 3: {said}" in str(caught.value)
    assert repr(line) in str(caught.value)
    assert caught.value.hint


def test_files_that_are_none(tmp_path: Path) -> None:
    """Absent, a folder, no text, or without a host: said with what such a file looks like."""
    with pytest.raises(InvalidInputError, match="there is no hosts file"):
        read_hosts(tmp_path / "absent")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_hosts(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_hosts(tmp_path / "binary")
    with pytest.raises(InvalidInputError, match="names no host") as caught:
        read(tmp_path, "# nothing yet\n")
    assert caught.value.hint


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
PATHS = st.text(st.characters(exclude_characters="\"'\n\r\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
HOSTS = st.builds(
    lambda user, name, port, workers, python, workdir: Host(
        name, f"{user}@{name}" if user else name, port, workers, python, workdir
    ),
    st.none() | st.from_regex(r"[a-z_][a-z0-9_.-]{0,10}", fullmatch=True),
    NAMES.filter(lambda name: name not in ("localhost", "127.0.0.1")),
    st.none() | st.integers(1, 65535),
    st.none() | st.integers(1, 10**6),
    st.none() | PATHS,
    st.none() | PATHS,
)


def line_of(host: Host, quote: str, blank: str, comment: str) -> str:
    """Return a line that says what a host is."""
    words = [host.target if host.port is None else f"{host.target}:{host.port}"]
    words += [] if host.workers is None else [str(host.workers)]
    words += [f"{key}={quote}{value}{quote}" for key in ("python", "workdir") if (value := getattr(host, key))]
    return blank + blank.join(words) + blank + comment


@given(HOSTS, st.sampled_from("\"'"), st.sampled_from([" ", "\t", "   "]), st.sampled_from(["", "# x", "#'"]))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, host: Host, quote: str, blank: str, comment: str
) -> None:
    """Any host can be written in a line, and is read from it again."""
    file = tmp_path_factory.getbasetemp() / "hosts.txt"
    file.write_text(line_of(host, quote, blank, comment), encoding="utf-8", newline="")
    assert read_hosts(file) == [host]


@given(st.text())
def test_any_text_is_read_or_named(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever a file holds, it gives hosts or an error with a hint."""
    file = tmp_path_factory.getbasetemp() / "hosts.txt"
    file.write_text(text.encode("utf-8", "replace").decode(), encoding="utf-8")
    try:
        assert read_hosts(file)
    except InvalidInputError as error:
        assert error.hint  # noqa: PT017 - either is fine
