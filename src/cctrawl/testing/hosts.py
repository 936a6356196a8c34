"""Fake hosts: namespaces of this machine, each with a real ``sshd``, for tests of what runs on several machines.

Each host has a network, processes, a host name and mounts of its own; programs, Python and files are this
machine's, but for the folders that a test makes private. A bridge joins them to the *driver*, the namespace where
commands of the test are started; nothing leads out of it. Linux only, and only for root: see `FakeHosts.missing`.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from itertools import count as counted
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cctrawl.errors import EngineError
from cctrawl.testing import guardian

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

_PROGRAMS = {
    "ssh": "openssh-client", "ssh-keygen": "openssh-client", "sshd": "openssh-server", "ip": "iproute2",
    "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux", "mount": "mount",
}  # fmt: skip
_TRIAL = "ip link add v0 type veth peer name v1 && ip link add br0 type bridge && mount -t tmpfs tmpfs /run"
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])  # sshd, ip: not on everybody's
_CLONE_NEWNET = 0x40000000

_SSHD = """\
ListenAddress {address}
HostKey /run/host/host_key
AuthorizedKeysFile /run/host/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
MaxStartups 100
MaxSessions 100
"""
_SSH = """\
Host *
  User root
  IdentityFile "{folder}/identity"
  IdentitiesOnly yes
  IdentityAgent none
  StrictHostKeyChecking yes
  UserKnownHostsFile "{folder}/known_hosts"
  GlobalKnownHostsFile /dev/null
"""


class FakeHosts:
    r"""Fake hosts ``h1``, ``h2``, … and a driver that reaches them by ssh; use it as a context manager.

    Several may be there at once, in one process or in many: they do not see each other. Whatever was started in
    their namespaces is killed when the context ends, and when the process that made them dies, however it does.

    Args:
        folder: keys, configurations and logs are written here; made if it is not there.
        count: how many hosts, at most 99.
        private: folders that exist on this machine and are empty on every host at first, where each host has its
            own: what lies in them here does not exist there, and nothing that hosts write into them arrives here.
        shared: folders below private ones that are nevertheless common to this machine and all hosts.
        sshd_lines: lines for the ``sshd_config`` of a host, by its name: ``{"h2": ["AllowTcpForwarding no"]}``.

    Attributes:
        names: ``["h1", "h2", …]``; so they are called in ssh's configuration, and among themselves.
        address: the driver's address, which hosts reach.
        ssh_config: a configuration of ssh with an alias and the address of each host, its key, and host keys that
            are checked; lines may be appended to it.
        environment: the environment of commands in the driver: a folder with an ``ssh`` that uses ``ssh_config``
            comes first on ``PATH``.

    Raises:
        EngineError: namespaces, sshd or something else that it takes cannot be had; `missing` says so before.

    Example:
        >>> with FakeHosts(tmp_path) as hosts:
        ...     assert hosts.run(["ssh", "h2", "hostname"]).stdout == "h2\n"
        ...     hosts.cut("h2")
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        count: int = 3,
        *,
        private: Sequence[str | os.PathLike[str]] = (),
        shared: Sequence[str | os.PathLike[str]] = (),
        sshd_lines: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        reason = self.missing()
        if reason:
            raise EngineError(f"no fake hosts: {reason}", hint="they need Linux, root, and OpenSSH's sshd")
        self.names = [f"h{number}" for number in range(1, count + 1)]
        self.address = guardian.DRIVER_ADDRESS
        self._folder = Path(folder).resolve()
        self._folders = {"private": _resolved(private), "shared": _resolved(shared)}
        self._numbers = counted(1)
        self._holders: dict[str, int] = {}
        self._guardian: subprocess.Popen[str] | None = None
        self.ssh_config = self._folder / "ssh_config"
        self.environment = {**os.environ, "PATH": f"{self._folder / 'bin'}{os.pathsep}{_PATH}"}
        self._write_files()
        for name in self.names:
            self._write_host(name, (sshd_lines or {}).get(name, ()))

    @staticmethod
    def missing() -> str:
        """Return why there can be no fake hosts here; an empty text if there can. A test skips with it."""
        return _missing()

    def __enter__(self) -> Self:
        words = ["unshare", "--net", sys.executable, "-I", "-S", guardian.__file__, str(self._folder)]
        self._guardian = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PATH": _PATH},
            start_new_session=True,
        )  # fmt: skip
        try:
            self._holders = self._answer()
            self._holders |= self._order(start=dict.fromkeys(self.names, self._folders))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._guardian is not None:
            with self._guardian as process:  # its end is the end of all
                assert process.stdin is not None  # noqa: S101 - it was asked for
                process.stdin.close()
            self._guardian = None
            self._holders = {}

    def popen(self, words: Sequence[str], **options: Any) -> subprocess.Popen[Any]:  # noqa: ANN401 - Popen's
        """Start a command in the driver's network; options are those of ``subprocess.Popen``."""
        options.setdefault("env", self.environment)
        return subprocess.Popen([*self._inside("driver"), *words], **options)

    def run(self, words: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - run's
        """Run a command in the driver's network to its end and return what it wrote, as text; its status too."""
        return _run([*self._inside("driver"), *words], {"env": self.environment, **options})

    def run_on(
        self,
        host: str,
        words: Sequence[str],
        **options: Any,  # noqa: ANN401 - run's
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host, without ssh, also on one that is cut off; see `run`."""
        return _run([*self._inside(host), *words], options)

    def path_on(self, host: str, path: str | os.PathLike[str]) -> Path:
        """Return where a file of a host is seen from here, as long as the host is up."""
        return Path(f"/proc/{self._holders[host]}/root", str(path).lstrip("/"))

    def processes(self, host: str) -> list[tuple[int, str]]:
        """Return number and command line of the processes on a host, or of those in the driver's network.

        Numbers are this machine's, fit for ``os.kill``. Processes of sshd, and those that are gone but for their
        entry, are left out; so is the process that asks.
        """
        kind, link = ("net", "net") if host == "driver" else ("pid", "pid_for_children")
        holder = self._holders.get(host)
        if holder is None:
            return []
        numbers = guardian.members(kind, {guardian.namespace(holder, link)}) - {holder, os.getpid()}
        found = ((number, _command(number)) for number in numbers)
        return sorted((number, command) for number, command in found if command)

    def cut(self, host: str) -> None:
        """Take a host off the network: nothing arrives there or comes from there, and nobody is told."""
        self._order(cut=host)

    def mend(self, host: str) -> None:
        """Put a host that was cut off back on the network."""
        self._order(mend=host)

    def crash(self, host: str) -> None:
        """Turn a host's power off: all its processes are gone at once, without a goodbye to anybody."""
        self._order(crash=host)
        del self._holders[host]

    def start(self, host: str, *, sshd_lines: Sequence[str] = ()) -> None:
        """Start a host that crashed, with the same keys and address, and private folders that are empty again."""
        self._write_host(host, sshd_lines)
        self._holders |= self._order(start={host: self._folders})

    def hosts_file(self, *lines: str) -> Path:
        """Write a new hosts file and return it; without lines, one that names every host."""
        path = self._folder / f"hosts-{next(self._numbers)}.txt"
        path.write_text("\n".join([*(lines or self.names), ""]), encoding="utf-8")
        return path

    @contextmanager
    def network(self) -> Iterator[None]:
        """Make the sockets of this thread in the driver's network, for a server that hosts shall reach.

        Example:
            >>> with hosts.network(), FakeServer(folder, address=hosts.address) as server:
            ...     hosts.run_on("h1", ["curl", server.url])
        """
        theirs = Path(f"/proc/{self._holders['driver']}/ns/net")
        with Path("/proc/thread-self/ns/net").open("rb") as before, theirs.open("rb") as drivers:
            _set_network(drivers.fileno())
            try:
                yield
            finally:
                _set_network(before.fileno())

    def _inside(self, name: str) -> list[str]:
        """Return the words that a command begins with to run there."""
        namespaces = f"/proc/{self._holders[name]}/ns"
        if name == "driver":
            return ["nsenter", f"--net={namespaces}/net", "--"]
        kinds = {"net": "net", "mount": "mnt", "uts": "uts", "pid": "pid_for_children"}
        return ["nsenter", *(f"--{kind}={namespaces}/{link}" for kind, link in kinds.items()), "--"]

    def _order(self, **order: Any) -> dict[str, Any]:  # noqa: ANN401 - what the guardian takes
        assert self._guardian is not None  # noqa: S101 - inside the context
        assert self._guardian.stdin is not None  # noqa: S101 - it was asked for
        self._guardian.stdin.write(json.dumps(order) + "\n")
        self._guardian.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._guardian is not None  # noqa: S101 - inside the context
        assert self._guardian.stdout is not None  # noqa: S101 - it was asked for
        answer: dict[str, Any] = json.loads(self._guardian.stdout.readline() or '{"error": "the guardian ended"}')
        if "error" in answer:
            raise EngineError(f"fake hosts: {answer['error']}", hint=f"its logs are in {self._folder}")
        return answer

    def _write_files(self) -> None:
        """Write what the driver needs to reach hosts."""
        program = self._folder / "bin" / "ssh"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {_found("ssh")} -F "{self.ssh_config}" "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        _make_key(self._folder / "identity")
        self.ssh_config.write_text(
            "".join(f"Host {name}\n  HostName {_address(name)}\n" for name in self.names)
            + _SSH.format(folder=self._folder),
            encoding="utf-8",
        )
        known = []
        for name in self.names:
            (self._folder / name).mkdir(exist_ok=True)
            _make_key(self._folder / name / "host_key")
            known.append(f"{_address(name)} {(self._folder / name / 'host_key.pub').read_text(encoding='utf-8')}")
        (self._folder / "known_hosts").write_text("".join(known), encoding="utf-8")

    def _write_host(self, name: str, sshd_lines: Sequence[str]) -> None:
        """Write what a host needs to be reached; sshd takes the first of two equal settings."""
        folder = self._folder / name
        own = "".join(f"{line}\n" for line in sshd_lines)
        (folder / "sshd_config").write_text(own + _SSHD.format(address=_address(name)), encoding="utf-8")
        shutil.copy(self._folder / "identity.pub", folder / "authorized_keys")
        names = [("127.0.0.1", "localhost"), (self.address, "driver")]
        names += [(_address(other), other) for other in self.names]
        (folder / "hosts").write_text("".join(f"{address} {name}\n" for address, name in names), encoding="utf-8")


def _run(words: list[str], options: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, check=False, **{"capture_output": True, "text": True, **options})


def _resolved(folders: Sequence[str | os.PathLike[str]]) -> list[str]:
    return [str(Path(folder).resolve()) for folder in folders]


def _address(name: str) -> str:
    return f"{guardian.NETWORK}{name[1:]}"


def _found(program: str) -> str:
    return shutil.which(program, path=_PATH) or ""


def _make_key(path: Path) -> None:
    if not path.exists():
        words = [_found("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def _command(number: int) -> str:
    """Return the command line of a process; none of a process of sshd's, and of one that is gone."""
    try:
        name = Path(f"/proc/{number}/comm").read_text(encoding="utf-8", errors="replace")
        words = Path(f"/proc/{number}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "" if name.startswith("sshd") else words.replace("\0", " ").strip()


def _set_network(descriptor: int) -> None:
    """Move this thread into a network namespace (``os.setns`` came with Python 3.12)."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@cache
def _missing() -> str:
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    for program, package in _PROGRAMS.items():
        if not _found(program):
            return f"no program {program} (Debian's package {package})"
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    kinds = ["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = _run(["unshare", *kinds, "sh", "-c", _TRIAL], {"env": {**os.environ, "PATH": _PATH}})
    return f"namespaces cannot be made: {tried.stderr.strip()}" if tried.returncode else ""
