"""The demonstration over hosts: one is lost on the way, and the rows are those of one machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cctrawl.cli.demo import demo_command
from cctrawl.testing import FakeHosts

pytestmark = pytest.mark.slow

WITHOUT_NAMESPACES = "only root may make network namespaces"


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param(
            "", id="hosts", marks=pytest.mark.skipif(bool(FakeHosts.missing()), reason=FakeHosts.missing())
        ),
        pytest.param(WITHOUT_NAMESPACES, id="workers", marks=pytest.mark.exhaustive),
    ],
)
def test_the_demo_loses_a_host_and_no_row(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where namespaces can be made three hosts work, else three workers of this machine; either way one is lost."""
    monkeypatch.setattr(FakeHosts, "missing", staticmethod(lambda: reason))
    done = CliRunner().invoke(demo_command, ["--hosts", "-o", str(tmp_path / "themes.csv")], catch_exceptions=False)
    said = done.stderr + capfd.readouterr().err  # the run over hosts is a process of its own
    assert done.exit_code == 0, said
    assert "done: 12 of 12 files" in said
    assert "The very bytes that one machine writes" in said
    assert "once each, in order" in said
    assert ("h3 has lost its power" in said) is (reason == "")
    assert ("kill -9" in said) is (reason != "")
    assert len(done.stdout.splitlines()) == 5
    assert (tmp_path / "themes.csv").read_text().startswith("domain,theme\n")
