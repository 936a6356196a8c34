"""The process that holds the namespaces of a `FakeHosts`, run as a script; when its standard input ends, all end.

It is made for one thing: nothing outlives who uses fake hosts, however they end. A pipe from them tells it so, also
after ``kill -9``; its own hosts are killed by the kernel when it dies itself (``setpriv --pdeathsig``, ``unshare
--kill-child``). It runs in a network namespace of its own, which has the bridge, and uses only the standard
library, to be there in 50 ms.

Orders come as JSON lines, each is answered by one line: ``{"start": {"h1": {"private": […], "shared": […]}}}`` with
the process that holds each host's namespaces, ``{"cut": "h1"}``, ``{"mend": "h1"}`` and ``{"crash": "h1"}`` with
``{}``, or ``{"error": "…"}``. The first line that it writes is ``{"driver": PROCESS}``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NETWORK = "10.78.7."
DRIVER_ADDRESS = f"{NETWORK}100"
_START_S = 10.0
_END_S = 10.0

# Run in a host's namespaces. Its /run has the folder that sshd wants, and what the host itself needs, copied there
# before other folders are hidden.
_BOOT = """
set -e
number=$1; folder=$2; privates=$3; shared=$4
read -r go
ip link set lo up
ip address add 10.78.7.$number/24 dev eth0
ip link set eth0 up
hostname "h$number"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /run/host /run/shared
cp "$folder"/* /run/host/
mount --bind /run/host/hosts /etc/hosts
echo "$shared" | while read -r name; do [ -z "$name" ] || {
  mkdir -p "/run/shared$name"; mount --bind "$name" "/run/shared$name"; }; done
echo "$privates" | while read -r name; do [ -z "$name" ] || mount -t tmpfs -o mode=1777 tmpfs "$name"; done
echo "$shared" | while read -r name; do [ -z "$name" ] || {
  mkdir -p "$name"; mount --bind "/run/shared$name" "$name"; }; done
exec "$(command -v sshd)" -D -e -f /run/host/sshd_config
"""


class Guardian:
    """Holds the bridge, the driver's namespace and one process per host.

    Args:
        folder: has a folder per host with its ``sshd_config``, keys and ``hosts``; logs are written there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hosts: dict[str, subprocess.Popen[bytes]] = {}
        _ip("link add br0 type bridge", "link set br0 up")
        self.driver = subprocess.Popen([*_HELD, "unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
        _await_namespace(self.driver)
        _ip(*_joined("driver", 100, self.driver.pid))
        inside = ["nsenter", f"--net=/proc/{self.driver.pid}/ns/net"]
        _ip("link set lo up", f"address add {DRIVER_ADDRESS}/24 dev eth0", "link set eth0 up", inside=inside)

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what a line asks for and return the answer."""
        ((verb, what),) = order.items()
        if verb == "start":
            return self._start(what)
        if verb == "crash":
            self._crash(what)
        else:
            _ip(f"link set {what} {'up' if verb == 'mend' else 'down'}")
        return {}

    def _start(self, hosts: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
        for name, folders in hosts.items():
            self._hosts[name] = self._unshared(name, folders)
        for name in hosts:
            process = self._hosts[name]
            _await_namespace(process)
            _ip(*_joined(name, int(name[1:]), process.pid))
            assert process.stdin is not None  # noqa: S101 - it was asked for
            process.stdin.write(b"go\n")
            process.stdin.close()
        for name in hosts:
            self._await_listening(name)
        return {name: self._hosts[name].pid for name in hosts}

    def _unshared(self, name: str, folders: dict[str, list[str]]) -> subprocess.Popen[bytes]:
        """Start the processes of a host, which wait for their link."""
        log = self._log(name)
        log.unlink(missing_ok=True)
        unshare = ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        lists = ["\n".join(folders[kind]) for kind in ("private", "shared")]
        with log.open("wb") as stream:
            return subprocess.Popen(
                [*_HELD, *unshare, "sh", "-c", _BOOT, "sh", name[1:], str(self._folder / name), *lists],
                stdin=subprocess.PIPE, stdout=stream, stderr=stream,
            )  # fmt: skip

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _await_listening(self, name: str) -> None:
        until = time.monotonic() + _START_S
        while b"Server listening" not in self._log(name).read_bytes():
            if self._hosts[name].poll() is not None or time.monotonic() > until:
                said = self._log(name).read_text(errors="replace").strip()
                raise OSError(f"{name} does not start: {said or 'it says nothing'}")
            time.sleep(0.005)

    def _crash(self, name: str) -> None:
        """Take the link away first: nobody gets a goodbye from a machine without power."""
        _ip(f"link delete {name}")
        _end_all([self._hosts.pop(name)])

    def end(self) -> None:
        """Kill everything in the namespaces, whoever started it."""
        _end_all([*self._hosts.values(), self.driver])


def _end_all(holders: list[subprocess.Popen[bytes]]) -> None:
    """Kill what shares a network with a holder, until nothing is left; then a host's holder ends by itself."""
    networks = {namespace(process.pid, "net") for process in holders}
    kept = {process.pid for process in holders} | {os.getpid(), os.getppid()}  # our owner may have a thread in it
    until = time.monotonic() + _END_S
    while (left := members("net", networks) - kept) and time.monotonic() < until:
        for number in left:
            _kill(number)
        time.sleep(0.002)
    for process in holders:
        process.terminate()  # a host's `unshare` blocks it, reaps the host's first process and ends by itself
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_HELD = ["setpriv", "--pdeathsig", "KILL", "--"]


def _joined(name: str, number: int, process: int) -> list[str]:
    """Return the orders that join a namespace to the bridge; a host that comes back has its old MAC address."""
    return [
        f"link add {name} type veth peer name eth0 address 02:00:00:00:00:{number:02x} netns {process}",
        f"link set {name} master br0 up",
    ]


def _ip(*orders: str, inside: list[str] | None = None) -> None:
    done = subprocess.run(
        [*(inside or []), "ip", "-batch", "-"],
        input="\n".join(orders), text=True, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise OSError(f"ip {'; '.join(orders)}: {done.stderr.strip()}")


def namespace(process: int | str, kind: str) -> str:
    """Return the namespace of a kind (``net``, ``pid``, ``pid_for_children``) of a process; ``""``: it ended."""
    try:
        return str(Path(f"/proc/{process}/ns/{kind}").readlink())
    except OSError:
        return ""  # it has ended


def members(kind: str, namespaces: set[str]) -> set[int]:
    """Return the processes whose namespace of a kind is one of these."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return {number for number in numbers if namespace(number, kind) in namespaces - {""}}


def _await_namespace(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has left our network for its own."""
    until = time.monotonic() + _START_S
    while namespace(process.pid, "net") in (namespace("self", "net"), ""):
        if process.poll() is not None or time.monotonic() > until:
            raise OSError(f"no namespace of its own could be made: {process.args!r} ended or hangs")
        time.sleep(0.002)


def _kill(number: int) -> None:
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return


def main() -> None:
    """Serve until standard input ends."""
    try:
        guardian = Guardian(Path(sys.argv[1]))
    except OSError as error:
        return _say({"error": str(error)})
    _say({"driver": guardian.driver.pid})
    try:
        for line in sys.stdin:
            _say(_obeyed(guardian, json.loads(line)))
    finally:
        guardian.end()
    return None


def _obeyed(guardian: Guardian, order: dict[str, Any]) -> dict[str, Any]:
    try:
        return guardian.obey(order)
    except OSError as error:
        return {"error": str(error)}


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
