"""Writes: one suite for folders and S3, then what only S3 can do wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import AccessDeniedError, InvalidInputError, NotFoundError, TransportError
from cctrawl.settings import Settings
from cctrawl.transport import FileEntry, Policy, Transport, uploads

if TYPE_CHECKING:
    from tests.conftest import Moto
    from tests.s3_proxy import Proxy

BODY = random.Random(6).randbytes(70_000)
QUICK = Policy(retry_s=0.001, floor_per_s=1000, halve_every_s=0.01, report_s=0.01)


@pytest.fixture
def transport(tmp_path: Path) -> Iterator[Transport]:
    """A transport without a base URL of its own."""
    with Transport(Settings.resolve(base_url=str(tmp_path), data_dir=tmp_path, tries=4), policy=QUICK) as transport:
        yield transport


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A local file."""
    path = tmp_path / "source"
    path.write_bytes(BODY)
    return path


@pytest.fixture
def bucket(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> str:
    """The location of an empty bucket, written and copied in parts of 20,000 bytes."""
    moto.lead(monkeypatch)
    monkeypatch.setattr(uploads, "COPIED_BYTES", 20_000)
    monkeypatch.setattr(uploads, "PART_BYTES", 20_000)
    return f"s3://{moto.make_bucket()}/"


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an empty folder and an empty bucket."""
    if request.param == "s3":
        return str(request.getfixturevalue("bucket"))
    (tmp_path / "out").mkdir()
    return f"{tmp_path}/out/"


def listed(transport: Transport, prefix: str) -> list[tuple[str, int]]:
    """Return name and size of the files that begin so."""
    return [(entry.location, entry.size) for entry in transport.list_files(prefix)]


@pytest.mark.parametrize("length", [0, 1, 20_000, 20_001, 70_000])
def test_what_is_put_is_there(transport: Transport, place: str, source: Path, length: int) -> None:
    """A file's bytes are at the location, in place of what was there before."""
    for body in (BODY[:length], BODY[:length][::-1]):
        source.write_bytes(body)
        transport.put(source, place + "a b+c.csv")
        assert transport.read_file(place + "a b+c.csv") == body
    assert listed(transport, place) == [(place + "a b+c.csv", length)]


def test_copies_and_removals(transport: Transport, place: str, source: Path) -> None:
    """A copy is a file of its own; what is removed is gone, and may be gone already."""
    transport.put(source, place + "a b%.csv")
    transport.copy(place + "a b%.csv", place + "b.csv")
    for _ in range(2):
        transport.delete(place + "a b%.csv")
    assert transport.read_file(place + "b.csv") == BODY
    with pytest.raises(NotFoundError):
        transport.size(place + "a b%.csv")
    with pytest.raises(NotFoundError):
        transport.copy(place + "a b%.csv", place + "c.csv")
    assert listed(transport, place) == [(place + "b.csv", len(BODY))]


@pytest.mark.parametrize("fault", ["", "refuse", "lose", "late error"])
def test_large_objects_are_copied_in_parts(
    transport: Transport, bucket: str, proxy: Proxy, source: Path, fault: str
) -> None:
    """An object above what S3 copies at once is copied by ranges, whole, and its bytes do not come here."""
    transport.put(source, bucket + "a")
    received = transport.counters.snapshot().bytes_received
    proxy.plan = {4: fault}
    transport.copy(bucket + "a", bucket + "b")
    assert proxy.requests == 8 + bool(fault)
    assert transport.counters.snapshot().bytes_received == received
    assert transport.read_file(bucket + "b") == BODY
    proxy.plan = dict.fromkeys(range(4, 8), "fail")
    with pytest.raises(TransportError, match="4 tries"):
        transport.copy(bucket + "a", bucket + "c")
    assert proxy.unfinished(bucket) == 0
    assert listed(transport, bucket) == [(bucket + "a", len(BODY)), (bucket + "b", len(BODY))]


def test_listings_are_by_prefix(transport: Transport, place: str, source: Path, tmp_path: Path) -> None:
    """A listing has the files that begin so, in order, and none of folders below."""
    (tmp_path / "out" / "part-below").mkdir(parents=True, exist_ok=True)
    for name in ("part-1", "part-0", "other", "part-below/x"):
        transport.put(source, place + name)
    assert [location for location, _ in listed(transport, place + "part-")] == [place + "part-0", place + "part-1"]
    assert listed(transport, place + "none-") == listed(transport, place + "none/") == []
    assert next(iter(transport.list_files(place))) == FileEntry(place + "other", len(BODY))


def test_nothing_is_written_over_http(transport: Transport, source: Path) -> None:
    """HTTP cannot be written, and the error says what can."""
    for write in (
        lambda: transport.put(source, "https://x.org/a"),
        lambda: transport.copy("https://x.org/b", "https://x.org/a"),
        lambda: transport.delete("https://x.org/a"),
        lambda: transport.list_files("https://x.org/"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            write()
        assert caught.value.hint == "use s3://… or a folder"
    with pytest.raises(InvalidInputError, match="cannot copy from"):
        transport.copy("s3://bucket/a", str(source))


def test_what_is_missing_is_named(transport: Transport, bucket: str, source: Path, tmp_path: Path) -> None:
    """A folder or bucket that is not there is an error; a bucket is no file."""
    with pytest.raises(NotFoundError):
        transport.put(source, str(tmp_path / "none" / "a"))
    with pytest.raises(NotFoundError, match="s3://no-such-bucket/a"):
        transport.put(source, "s3://no-such-bucket/a")
    for ask in (transport.delete, transport.size, lambda location: transport.put(source, location)):
        with pytest.raises(InvalidInputError, match="is a bucket"):
            ask(bucket)


def test_long_listings_come_in_pages(transport: Transport, moto: Moto, bucket: str) -> None:
    """A listing of more keys than S3 gives at once is whole."""
    for number in range(1005):
        moto.put(bucket[5:-1], f"part-{number:04}", b"")
    assert len(listed(transport, bucket + "part-")) == 1005


@pytest.mark.parametrize("fault", ["refuse", "lose", "break", "fail", "late error"])
def test_faults_while_writing(transport: Transport, bucket: str, proxy: Proxy, source: Path, fault: str) -> None:
    """Whatever happens to one of the requests of an upload, the object is whole; refusals cost no try."""
    for at in range(1, 8):
        proxy.plan = {at: fault}
        transport.put(source, f"{bucket}{at}")
        assert transport.read_file(f"{bucket}{at}") == BODY
    counted = transport.counters.snapshot()
    assert (counted.refusals, counted.retries) >= ((6, 0) if fault == "refuse" else (0, 3))


def test_an_upload_that_fails_leaves_nothing(transport: Transport, bucket: str, proxy: Proxy, source: Path) -> None:
    """An upload that is given up is taken back; what is at the location stays as it was."""
    transport.put(source, bucket + "a")
    source.write_bytes(BODY[::-1])
    proxy.plan = dict.fromkeys(range(3, 7), "fail")
    with pytest.raises(TransportError, match="4 tries"):
        transport.put(source, bucket + "a")
    assert transport.read_file(bucket + "a") == BODY
    assert proxy.unfinished(bucket) == 0


def test_unfinished_uploads_are_dropped(transport: Transport, bucket: str, proxy: Proxy, source: Path) -> None:
    """What a death left of an upload in parts is nowhere to be seen, and can be removed."""
    proxy.plan = dict.fromkeys(range(3, 100), "fail")  # also the taking back
    with pytest.raises(TransportError):
        transport.put(source, bucket + "out/part-0")
    proxy.plan = {}
    assert listed(transport, bucket + "out/") == []
    assert proxy.unfinished(bucket) == 1
    transport.drop_unfinished(bucket + "other/")
    assert proxy.unfinished(bucket) == 1
    transport.drop_unfinished(bucket + "out/")
    assert proxy.unfinished(bucket) == 0


def test_unfinished_copies_are_dropped(transport: Transport, tmp_path: Path) -> None:
    """What a death left of a copy is in no listing, and can be removed."""
    (tmp_path / ".cctrawl-0123.growing").touch()
    assert listed(transport, f"{tmp_path}/.cctrawl-") == []
    transport.drop_unfinished(f"{tmp_path}/")
    assert not (tmp_path / ".cctrawl-0123.growing").exists()


def test_who_may_not_write_is_told(transport: Transport, bucket: str, proxy: Proxy, source: Path) -> None:
    """A 403 on writing is access denied, at once."""
    proxy.plan = {1: "deny"}
    with pytest.raises(AccessDeniedError, match="AccessDenied"):
        transport.put(source, bucket + "a")
    assert proxy.requests <= 2
