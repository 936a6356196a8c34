"""What all tests share: a fake Common Crawl, the real files where there are some, a data folder of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cctrawl.testing import FakeCrawls, FakeServer, build


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes many minutes, unless ``-m`` asks for it."""
    if "exhaustive" not in config.option.markexpr:
        items[:] = [item for item in items if item.get_closest_marker("exhaustive") is None]


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CCTRAWL_") and name != "CCTRAWL_REAL_DATA":
            monkeypatch.delenv(name)
    monkeypatch.setenv("CCTRAWL_CONFIG", os.devnull)
    monkeypatch.setenv("CCTRAWL_DATA_DIR", str(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> FakeCrawls:
    """A small fake Common Crawl on disk."""
    return build(tmp_path_factory.mktemp("fake"), seed=7)


@pytest.fixture
def server(fake: FakeCrawls) -> Iterator[FakeServer]:
    """The fake Common Crawl, served on loopback; a test gives it the faults it wants."""
    with FakeServer(fake.root) as server:
        yield server


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real Common Crawl files."""
    folder = os.environ.get("CCTRAWL_REAL_DATA")
    if not folder:
        pytest.skip("CCTRAWL_REAL_DATA names no folder of real Common Crawl files")
    return Path(folder)
