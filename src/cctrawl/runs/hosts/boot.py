"""What runs first on a host: says what is there, then becomes the worker.

This file is sent as text and run by the Python there, before it is known whether cctrawl is installed: it imports
nothing but the standard library. (What sends it, `STAGE_0` in ``command``, tells the version of that Python first,
so it only ever runs on the version that runs here.)

In come lines: a JSON object with what to look at, then, if the driver likes the answer, ``go`` and an object with
what to do. Out go lines that begin with ``CCTRAWL`` and hold JSON. When the input ends, the driver or the
connection is gone: everything here ends too.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

MARK = "CCTRAWL "
PACKAGES = ("cctrawl", "dask", "distributed", "cloudpickle", "msgpack")  # the same everywhere
_OF_EXTRAS = ("botocore", "resiliparse")
_SCRATCH = "cctrawl-scratch-"
_LOCK_PATIENCE_S = 3.0
_LOCK_POLL_S = 0.05
_MAKING_S = 60.0


def fingerprint(package: Path) -> str:
    """Return the SHA-256, in hex, of the ``.py`` files below a folder: of their names and bytes, in order."""
    digest = hashlib.sha256()
    for name in sorted(path.relative_to(package).as_posix() for path in package.rglob("*.py")):
        body = (package / name).read_bytes()
        digest.update(f"{name}\0{len(body)}\0".encode())
        digest.update(body)
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of packages that matter; those that are not there have none."""
    found = {}
    for name in (*PACKAGES, *_OF_EXTRAS):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def main() -> None:
    """Answer the driver's question, and do what it says then."""
    with suppress(OSError):  # it may be the leader of a session, and so of its group
        os.setpgid(0, 0)
    driver = _Driver()
    question = driver.hear()
    if not isinstance(question, dict):
        return
    visit = _Visit(driver, question)
    driver.tell(facts=visit.facts())
    spec = driver.hear() if driver.hear() == "go" else None
    if isinstance(spec, dict):
        visit.work(spec)
    visit.leave("the driver does not want this host")


class _Driver:
    """The connection to the driver; nobody else can read or write it by mistake."""

    def __init__(self) -> None:
        self._in = os.fdopen(os.dup(0), "rb", buffering=0)
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)

    def hear(self) -> object:
        """Return the next line: what its JSON holds, or ``"go"``; ``None`` when the driver has hung up."""
        line = self._in.readline().strip()
        return "go" if line == b"go" else json.loads(line or b"null")

    def tell(self, **what: object) -> None:
        """Write a line."""
        self._out.write(MARK + json.dumps(what) + "\n")
        self._out.flush()

    def wait(self) -> None:
        """Return when the driver has hung up."""
        with suppress(OSError):
            while self._in.read(65536):
                pass


class _Visit:
    """One driver's stay on this host.

    Args:
        driver: whom it works for.
        question: ``workdir`` (empty: the default), ``key`` (of the lock; empty: none, and no scratch folder),
            ``paths`` (to be looked for).
    """

    def __init__(self, driver: _Driver, question: dict[str, Any]) -> None:
        self._driver = driver
        self._question = question
        self._scratch: Path | None = None
        self._lock: Path | None = None
        self._descriptors: list[int] = []  # of locks; they are held until the process ends
        self._end: Any = None
        self._leaving = threading.Lock()

    def facts(self) -> dict[str, Any]:
        """Return what there is, with the host's own time as the last thing looked at."""
        facts: dict[str, Any] = {
            "python": sys.version.split()[0],
            "executable": sys.executable,
            "machine": socket.gethostname(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "missing": [path for path in self._question.get("paths", ()) if not os.access(path, os.R_OK)],
            **_packages(),
        }
        workdir = _workdir_name(self._question.get("workdir"))
        facts["workdir"] = str(workdir)
        try:
            _make_workdir(workdir, is_own=not self._question.get("workdir"))
            facts["free_bytes"] = _free_bytes(workdir)
            if self._question.get("key"):
                facts["alone"] = self._take_lock(workdir)
                _clear(workdir)
                facts["scratch"] = str(self._make_scratch(workdir))
        except OSError as error:
            facts["workdir_error"] = error.strerror or str(error)
        facts["time"] = time.time()
        return facts

    def _take_lock(self, workdir: Path) -> bool:
        """Lock this run's place on this host; false if a predecessor still has it after a while."""
        lock = workdir / f"cctrawl-{self._question['key']}.lock"
        patient_until = time.monotonic() + _LOCK_PATIENCE_S
        while True:
            descriptor = _locked(lock, os.O_CREAT)
            if descriptor is not None:
                self._lock = lock
                self._descriptors.append(descriptor)
                return True
            if time.monotonic() > patient_until:
                return False
            time.sleep(_LOCK_POLL_S)

    def _make_scratch(self, workdir: Path) -> Path:
        while self._scratch is None:  # another visitor may take it for a dead one's before it is locked
            folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=workdir))  # mode 0700
            with suppress(FileNotFoundError):
                descriptor = _locked(folder / ".lock", os.O_CREAT)
                if descriptor is not None:
                    self._descriptors.append(descriptor)
                    self._scratch = folder
        return self._scratch

    def work(self, spec: dict[str, Any]) -> None:
        """Do what the driver wants, until its end or the driver's.

        ``module`` of the spec is imported here. Its ``serve(spec)`` does the work; ``end(reason)`` is called, in
        another thread, when the driver has hung up, and ends what ``serve`` has begun. The spec gets ``scratch``,
        the folder made here, and two functions: ``tell(**what)`` writes a line to the driver, ``leave(reason)``
        removes the folder and ends this process.
        """
        threading.Thread(target=self._watch, daemon=True).start()
        if self._scratch is not None:
            os.chdir(self._scratch)
        try:
            module = import_module(spec["module"])
            self._end = module.end
            module.serve(
                {**spec, "scratch": str(self._scratch or ""), "tell": self._driver.tell, "leave": self.leave}
            )
        except BaseException as error:  # noqa: BLE001 - whatever it is: the driver is to hear of it
            traceback.print_exc()
            self.leave(f"{type(error).__name__}: {error}")
        self.leave("its work is done")

    def _watch(self) -> None:
        self._driver.wait()
        try:
            if self._end is not None:
                self._end("the driver hung up")
        finally:
            self.leave("the driver hung up")

    def leave(self, reason: str) -> NoReturn:
        """Remove what was made here, and end this process and all of its group."""
        with self._leaving:  # for good: there is one who leaves
            os.chdir("/")
            if self._scratch is not None:
                with suppress(OSError):  # what stays is for the next visitor
                    _empty(self._scratch)
            if self._lock is not None:
                self._lock.unlink(missing_ok=True)
            with suppress(OSError):
                self._driver.tell(ended=reason)
            os.killpg(0, signal.SIGKILL)
            os._exit(1)


def _locked(path: Path, flags: int = 0) -> int | None:
    """Return the descriptor of a lock file, locked; ``None`` if somebody has the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:  # else its last holder has removed it: it locks nothing
            return descriptor
    os.close(descriptor)
    return None


def _clear(workdir: Path) -> None:
    """Remove what dead visitors left: scratch folders and locks that nobody holds."""
    for path in workdir.glob("cctrawl-*"):
        is_scratch = path.name.startswith(_SCRATCH)
        if not is_scratch and path.suffix != ".lock":
            continue
        with suppress(OSError):  # another user's, or somebody else was quicker
            if is_scratch and not (path / ".lock").exists():
                if time.time() - path.stat().st_mtime > _MAKING_S:  # else somebody is about to lock it
                    shutil.rmtree(path, ignore_errors=True)
                continue
            descriptor = _locked(path / ".lock" if is_scratch else path)
            if descriptor is not None:
                shutil.rmtree(path, ignore_errors=True) if is_scratch else path.unlink()
                os.close(descriptor)


def _empty(scratch: Path) -> None:
    """Remove a folder; if something is still being written to it, its lock stays, for the next visitor to see."""
    for path in scratch.iterdir():
        if path.name != ".lock":
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    if [path.name for path in scratch.iterdir()] == [".lock"]:
        shutil.rmtree(scratch, ignore_errors=True)


def _workdir_name(given: str | None) -> Path:
    if given:
        return Path(given).expanduser().absolute()
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return Path(tempfile.gettempdir(), f"cctrawl-{user}")


def _make_workdir(workdir: Path, *, is_own: bool) -> None:
    try:
        workdir.mkdir(0o700 if is_own else 0o777, exist_ok=True)
    except FileNotFoundError:
        if workdir.parent.exists():
            raise
        raise OSError(f"there is no folder {workdir.parent}") from None
    if is_own and (workdir.is_symlink() or workdir.stat().st_uid != os.geteuid()):
        raise OSError("it belongs to another user")


def _free_bytes(workdir: Path) -> int:
    with tempfile.TemporaryFile(dir=workdir) as file:
        file.write(b"x")
    return shutil.disk_usage(workdir).free


def _packages() -> dict[str, Any]:
    found = versions()
    spec = find_spec("cctrawl")
    if spec is None or not spec.origin:
        found.pop("cctrawl", None)
        return {"versions": found, "fingerprint": ""}
    return {"versions": found, "fingerprint": fingerprint(Path(spec.origin).parent)}


if __name__ == "__main__":
    main()
