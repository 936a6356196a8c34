"""What all tests share: a fake Common Crawl, the real files where there are some, a data folder of their own."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
import urllib3
from tests.held_index import copied, enter, harvested, held, index, listed  # noqa: F401 - fixtures
from tests.s3_proxy import Proxy

from cctrawl.settings import usable_cores
from cctrawl.testing import FakeCrawls, FakeServer, build


def pytest_xdist_auto_num_workers() -> int:
    """Take three workers for two cores with ``-n auto``: a good part of the tests waits for time to pass."""
    return usable_cores() * 3 // 2 or 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes many minutes, unless ``-m`` asks for it; begin with what is slow, to end together."""
    if "exhaustive" not in config.option.markexpr:
        items[:] = [item for item in items if item.get_closest_marker("exhaustive") is None]
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CCTRAWL_") and name != "CCTRAWL_REAL_DATA":
            monkeypatch.delenv(name)
    monkeypatch.setenv("CCTRAWL_CONFIG", os.devnull)
    monkeypatch.setenv("CCTRAWL_DATA_DIR", str(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="session", autouse=True)
def _no_account_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        nowhere = str(tmp_path_factory.mktemp("aws") / "none")
        patch.setenv("AWS_CONFIG_FILE", nowhere)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


MOTO = """
import os, sys
os.environ["S3_UPLOAD_PART_MIN_SIZE"] = "1"
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


class Moto:
    """An S3 on loopback, in a process that ends with ours; it takes any credentials and none.

    Attributes:
        url: the endpoint.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = count()

    def make_bucket(self, name: str = "") -> str:
        """Make an empty bucket (or see that it is there, if it is named) and return its name."""
        name = name or f"bucket-{next(self._numbers)}"
        assert urllib3.request("PUT", f"{self.url}/{name}").status == 200
        return name

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Put an object there, without our own code."""
        url = f"{self.url}/{bucket}/{quote(key)}"
        assert urllib3.request("PUT", url, body=data).status == 200

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead there."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}

    def lead(self, patch: pytest.MonkeyPatch, url: str = "") -> None:
        """Set the variables that lead there, or to what stands between."""
        for name, value in self.environment.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", url or self.url)


@contextmanager
def moto_server() -> Iterator[Moto]:
    """Start moto's server."""
    words = [sys.executable, "-c", MOTO]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Moto(process.stdout.readline().strip())
        process.stdin.close()
        process.wait(20)


@pytest.fixture(scope="session")
def moto() -> Iterator[Moto]:
    """Share a server of moto's."""
    with moto_server() as moto:
        yield moto


@pytest.fixture
def proxy(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Stand between us and moto."""
    with Proxy(moto.url) as proxy:
        moto.lead(monkeypatch, proxy.url)
        yield proxy


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> FakeCrawls:
    """A small fake Common Crawl on disk."""
    return build(tmp_path_factory.mktemp("fake"), seed=7)


@pytest.fixture
def server(fake: FakeCrawls) -> Iterator[FakeServer]:
    """The fake Common Crawl, served on loopback; a test gives it the faults it wants."""
    with FakeServer(fake.root) as server:
        yield server


@dataclass
class Authority:
    """An authority of the tests' own and the file of its certificate."""

    ca: trustme.CA
    file: Path

    def server_context(self, *hosts: str) -> ssl.SSLContext:
        """Return what a server needs to speak TLS as these hosts."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*hosts).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make a certificate authority that nobody else believes."""
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("authority") / "authority.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(ca, file)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real Common Crawl files."""
    folder = os.environ.get("CCTRAWL_REAL_DATA")
    if not folder:
        pytest.skip("CCTRAWL_REAL_DATA names no folder of real Common Crawl files")
    return Path(folder)
