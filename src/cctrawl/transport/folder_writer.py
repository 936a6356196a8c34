"""Writes to folders: a file is there whole, under its name, or it is not there at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from cctrawl.transport.backend import FileEntry
from cctrawl.transport.folder import named_errors, opened

_GROWING = ".cctrawl-{}.growing"
_COPY_BYTES = 2**20


class FolderWriter:
    """What can be written, listed and removed in folders; nothing is retried."""

    def put(self, source: Path, location: str) -> None:
        """Write a local file's bytes to another; see ``Transport.put``."""
        self.copy(str(source), location)

    def copy(self, source: str, location: str) -> None:
        """Copy a file; it gets its name when all of it is on disk."""
        target = Path(location)
        growing = target.with_name(_GROWING.format(secrets.token_hex(8)))
        with named_errors(source), opened(source) as original, named_errors(location):
            try:
                with growing.open("xb") as copied:
                    shutil.copyfileobj(original, copied, _COPY_BYTES)
                    copied.flush()
                    os.fsync(copied.fileno())
                growing.replace(target)
            finally:
                growing.unlink(missing_ok=True)
            sync_folder(target.parent)

    def delete(self, location: str) -> None:
        """Remove a file; one that is not there is as good as removed."""
        with named_errors(location):
            Path(location).unlink(missing_ok=True)

    def list_files(self, prefix: str) -> Iterator[FileEntry]:
        """Yield the files of a folder whose location begins so; a folder that is not there has none."""
        folder, start = os.path.split(prefix)
        with named_errors(folder):
            paths = sorted(Path(folder).iterdir()) if Path(folder).exists() else []
            for path in paths:
                if path.name.startswith(start) and path.is_file() and not path.match(_GROWING.format("*")):
                    yield FileEntry(str(path), path.stat().st_size)

    def drop_unfinished(self, prefix: str) -> None:
        """Remove what copies left that died."""
        folder = Path(prefix).parent if not prefix.endswith("/") else Path(prefix)
        with named_errors(str(folder)):
            for path in folder.glob(_GROWING.format("*")):
                path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable: files that were created, renamed or removed in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
