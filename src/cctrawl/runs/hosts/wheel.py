"""A wheel of the cctrawl that runs here, put together again from its files, however it was installed.

The format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from cctrawl.errors import EngineError
from cctrawl.runs.hosts.preflight import own_package

_FORMAT = "Wheel-Version: 1.0\nGenerator: cctrawl\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same files give the same bytes


def wheel_name() -> str:
    """Return the file name of the wheel.

    Raises:
        EngineError: cctrawl is not installed here, it only lies on the path.
    """
    return f"cctrawl-{_distribution().version}-py3-none-any.whl"


def build_wheel() -> bytes:
    """Return the wheel's bytes: the files that run here, and the metadata of their installation.

    Raises:
        EngineError: cctrawl is not installed here, it only lies on the path.
    """
    installed = _distribution()
    described = f"cctrawl-{installed.version}.dist-info"
    packed = io.BytesIO()
    record = []
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for name, body in [*_package_files(), *_description(installed, described)]:
            archive.writestr(_entry(name), body)
            digest = urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(body)}\n")
        record.append(f"{described}/RECORD,,\n")
        archive.writestr(_entry(f"{described}/RECORD"), "".join(record))
    return packed.getvalue()


def _distribution() -> Distribution:
    try:
        return distribution("cctrawl")
    except PackageNotFoundError as error:
        raise EngineError(
            "cctrawl is not installed on this machine, it only lies on the path",
            hint="pip install it here (pip install -e FOLDER for a checkout): hosts get what is installed here",
        ) from error


def _package_files() -> Iterator[tuple[str, bytes]]:
    package = own_package()
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(package.parent).as_posix(), path.read_bytes()


def _description(installed: Distribution, folder: str) -> Iterator[tuple[str, bytes]]:
    for name in ("METADATA", "entry_points.txt"):
        text = installed.read_text(name)
        if text:
            yield f"{folder}/{name}", text.encode()
    yield f"{folder}/WHEEL", _FORMAT.encode()
    for file in installed.files or []:
        found = Path(str(installed.locate_file(file)))
        if file.parent.name == "licenses" and found.is_file():
            yield f"{folder}/licenses/{file.name}", found.read_bytes()


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, _LONG_AGO)
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
