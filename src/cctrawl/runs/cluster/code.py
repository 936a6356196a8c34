"""The user's code on its way to hosts: what is not installed is packed here and unpacked there.

A job of a file travels with the Python files beside it and below; a job of a module that is not installed with its
package; a function of a script or notebook, which travels by value, with the Python files beside that.
"""

from __future__ import annotations

import io
import os
import site
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.machinery import PathFinder
from pathlib import Path

from cctrawl.errors import InvalidInputError
from cctrawl.runs.jobs import JobReference

MOST_BYTES = 20 * 10**6
_MOST_LOOKED_AT = 20_000
_PASSED_OVER = {"__pycache__", "node_modules", "site-packages", "dist-packages"}
_HINT = "put the job and the modules it needs into a folder of their own"


@dataclass(frozen=True)
class Luggage:
    """Packed code.

    Attributes:
        folder: where it was packed, an absolute path; empty if there is nothing to take along.
        archive: a zip of the files, by their paths below that folder.
    """

    folder: str = ""
    archive: bytes = b""

    def unpacked(self, reference: JobReference, folder: Path) -> JobReference:
        """Unpack the code and return where the job is found then.

        Args:
            reference: where it was found on the driver's machine.
            folder: where to unpack to; made.

        Raises:
            OSError: the disk refuses.
        """
        if not self.archive:
            return reference
        with zipfile.ZipFile(io.BytesIO(self.archive)) as archive:
            archive.extractall(folder)  # of our own packing
        target = reference.target
        if target.startswith(self.folder + os.sep):
            target = str(folder) + target[len(self.folder) :]
        return replace(reference, target=target, folder=str(folder))


def packed(reference: JobReference) -> Luggage:
    """Pack the code that a job needs and that is not installed here, and so cannot be expected on a host.

    Raises:
        InvalidInputError: the job's folder holds more than 20 MB of Python files.
    """
    place = reference.target.rpartition(":")[0]
    if place.endswith(".py"):
        return _folder(Path(place).parent)
    if reference.pickled:
        folder = _folder_of_main()
        return _folder(folder, is_needed=False) if folder is not None else Luggage()
    return _module(place.partition(".")[0])


def _module(name: str) -> Luggage:
    spec = PathFinder.find_spec(name)
    origin = Path(spec.origin) if spec is not None and spec.origin else None
    if origin is None or name == "cctrawl" or _is_installed(origin):
        return Luggage()
    if origin.name == "__init__.py":
        return _zipped(origin.parent.parent, _python_files(origin.parent))
    return _folder(origin.parent)


def _folder_of_main() -> Path | None:
    """Return the folder of the script that runs, or of the notebook or interpreter: imports look there first."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = Path(file).resolve().parent if file else Path.cwd()
    return None if _is_installed(folder / "x") else folder


def _is_installed(file: Path) -> bool:
    paths = sysconfig.get_paths()
    roots = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")]
    roots += [*site.getsitepackages(), site.getusersitepackages()]
    resolved = file.resolve()
    return any(resolved.is_relative_to(Path(root).resolve()) for root in roots)


def _folder(folder: Path, *, is_needed: bool = True) -> Luggage:
    try:
        return _zipped(folder, _python_files(folder))
    except InvalidInputError:
        if is_needed:
            raise
        return Luggage()  # a home folder, perhaps: the function itself travels by value


def _python_files(folder: Path) -> Iterator[Path]:
    """Yield the Python files below a folder, without those of environments and hidden folders, in order."""
    looked_at = 0
    for root, folders, names in os.walk(folder):
        looked_at += len(names) + len(folders)
        if looked_at > _MOST_LOOKED_AT:
            raise InvalidInputError(f"{folder} holds more than {_MOST_LOOKED_AT:,} files", hint=_HINT)
        folders[:] = sorted(name for name in folders if _is_code(Path(root, name)))
        yield from (Path(root, name) for name in sorted(names) if name.endswith(".py"))


def _is_code(folder: Path) -> bool:
    is_environment = (folder / "pyvenv.cfg").exists()
    return not folder.name.startswith(".") and folder.name not in _PASSED_OVER and not is_environment


def _zipped(folder: Path, files: Iterator[Path]) -> Luggage:
    buffer = io.BytesIO()
    size_bytes = 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            data = file.read_bytes()
            size_bytes += len(data)
            if size_bytes > MOST_BYTES:
                raise InvalidInputError(
                    f"{folder} holds more than {MOST_BYTES:,} bytes of Python files", hint=_HINT
                )
            archive.writestr(str(file.relative_to(folder)), data)
    return Luggage(str(folder), buffer.getvalue())
