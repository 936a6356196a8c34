from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import AccessDeniedError, InvalidInputError, NotFoundError, TransportError
from cctrawl.settings import Settings
from cctrawl.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def transport(tmp_path: Path) -> Iterator[Transport]:
    """Read local files."""
    with Transport(Settings(data_dir=tmp_path)) as transport:
        yield transport


def test_a_folder_is_no_file(transport: Transport, tmp_path: Path) -> None:
    """A folder in place of a file is the caller's mistake, named."""
    for ask in (transport.open_stream, transport.size, transport.read_file):
        with pytest.raises(InvalidInputError, match="is a folder"):
            ask(str(tmp_path))


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"])
def test_names_that_cannot_be(transport: Transport, tmp_path: Path, name: str) -> None:
    """A path with characters that no file system takes is the caller's mistake."""
    with pytest.raises(InvalidInputError, match="no path"):
        transport.read_file(f"{tmp_path}/{name}")


def test_a_file_as_folder_is_not_found(transport: Transport, tmp_path: Path) -> None:
    """A path below a file is not there."""
    (tmp_path / "file").touch()
    with pytest.raises(NotFoundError):
        transport.size(str(tmp_path / "file" / "below"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permissions(transport: Transport, tmp_path: Path) -> None:
    """A file that is not ours to read is denied, not missing."""
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(AccessDeniedError):
        transport.read_file(str(tmp_path / "secret"))


def test_a_denied_file_is_denied_even_to_root(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system answers is passed on as our error."""

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    with pytest.raises(AccessDeniedError):
        transport.open_stream(str(tmp_path / "any"))


def test_a_file_that_shrinks_is_an_error(transport: Transport, tmp_path: Path) -> None:
    """A file cut short while it is read does not end quietly."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    with transport.open_stream(str(file)) as stream:
        stream.read(10)
        os.truncate(file, 500)
        assert len(stream.read(1000)) == 490
        with pytest.raises(TransportError, match="ended at byte 500 of 1000"):
            stream.read(1000)


def test_a_file_that_grows_ends_where_it_ended(transport: Transport, tmp_path: Path) -> None:
    """What is written behind the end after opening is not part of the stream."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10)
    with transport.open_stream(str(file)) as stream:
        with file.open("ab") as more:
            more.write(b"y")
        assert stream.read(100) == b"x" * 10
        assert stream.read(100) == b""
