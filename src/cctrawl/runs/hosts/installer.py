"""What runs on a host for ``hosts install``: makes an environment and installs a wheel that was sent along.

Like ``boot`` it is sent as text, and imports nothing but the standard library. In come a line of JSON and the
wheel, out goes a line that begins with ``CCTRAWL``. When the input ends early, everything here ends too.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MARK = "CCTRAWL "
_LAST_LINES = 8
_PIP = ("-m", "pip", "--no-input", "--disable-pip-version-check")
_NETWORK_HINT = (
    "pip there needs a network: name an index or a proxy in ~/.config/pip/pip.conf there "
    "(pip config set global.index-url URL, global.proxy URL)"
)


class _FailureError(Exception):
    """What could not be done; its arguments are what, and a hint."""


def main() -> None:
    """Do as the driver orders."""
    with suppress(OSError):  # it may be the leader of a session, and so of its group
        os.setpgid(0, 0)
    driver = os.fdopen(os.dup(0), "rb", buffering=0)
    order = json.loads(driver.readline() or b"null")
    if order is None:
        return
    body = _read(driver, order["wheel_bytes"])
    threading.Thread(target=_watch, args=(driver,), daemon=True).start()
    try:
        result = {"done": _install(order, body)}
    except _FailureError as failure:
        result = {"failed": list(failure.args)}
    except OSError as error:
        result = {
            "failed": [str(error), "name a path where you may write by --python, or by python= in the hosts file"]
        }
    sys.stdout.write(MARK + json.dumps({"result": result}) + "\n")
    sys.stdout.flush()


def _read(driver: Any, length: int) -> bytes:  # noqa: ANN401 - a stream
    pieces = []
    while length:
        piece = driver.read(min(length, 1 << 20))
        if not piece:
            os._exit(1)  # the driver is gone
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _watch(driver: Any) -> None:  # noqa: ANN401 - a stream
    while driver.read(1):
        pass
    os.killpg(0, signal.SIGKILL)


def _install(order: dict[str, Any], body: bytes) -> list[str]:
    """Return what was done."""
    python = Path(order["python"]).expanduser().absolute()
    venv = python.parent.parent
    venv.parent.mkdir(parents=True, exist_ok=True)
    with _alone(venv.parent), tempfile.TemporaryDirectory() as folder:
        done = _make(venv, python)
        wheel = Path(folder, order["wheel"])
        wheel.write_bytes(body)
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("\n".join([*order["constraints"], ""]), encoding="utf-8")
        # The first for the code, which may have changed without its version; the second for what it needs.
        wanted = f"{wheel}[{','.join(order['extras'])}]"
        for words in (
            ("--no-deps", "--force-reinstall", str(wheel)),
            (wanted, "--constraint", str(constraints)),
        ):
            _run("pip install", [str(python), *_PIP, "install", *words], _NETWORK_HINT)
    return [*done, f"installed {order['title']}"]


def _make(venv: Path, python: Path) -> list[str]:
    version = ".".join(map(str, sys.version_info[:3]))
    if (venv / "pyvenv.cfg").exists() and python.exists():
        _see_version(python)
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode:  # noqa: S603 - it is ours
            _run("ensurepip", [str(python), "-m", "ensurepip"], _venv_hint())
        return []
    if venv.exists() and not (venv / "pyvenv.cfg").exists() and any(venv.iterdir()):
        raise _FailureError(
            f"{venv} is there, and is no environment of Python",
            "name another place by --python, or by python= in the hosts file: FOLDER/bin/python",
        )
    venv.mkdir(exist_ok=True)
    try:
        _run("venv", [sys.executable, "-m", "venv", "--clear", str(venv)], _venv_hint())
    except _FailureError:
        shutil.rmtree(venv, ignore_errors=True)
        raise
    if not python.exists():
        raise _FailureError(f"an environment of Python {version} has no {python.name}", "name it FOLDER/bin/python")
    return [f"made {venv} of Python {version}"]


def _see_version(python: Path) -> None:
    wanted = "%d.%d" % sys.version_info[:2]  # noqa: UP031 - a tuple
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - it is ours
    if found != wanted:
        raise _FailureError(
            f"{python} is Python {found or 'that does not run'}, {wanted} is needed",
            f"remove {python.parent.parent}, or name another place by --python",
        )


def _venv_hint() -> str:
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    return f"Debian, Ubuntu: apt install {package}; or make the environment by virtualenv, and come again"


def _run(title: str, words: list[str], hint: str) -> None:
    done = subprocess.run(  # noqa: S603 - the words are ours
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines()]
        said = [line for line in lines if line and not line.startswith(("WARNING", "INFO", "[notice]"))]
        raise _FailureError("\n  ".join([f"{title} failed:", *said[-_LAST_LINES:]]), hint)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one installer work in a folder at a time: hosts may share it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
