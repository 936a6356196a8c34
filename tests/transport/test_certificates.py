"""TLS with an authority of the tests' own, and the variables that name authorities."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cctrawl.errors import AccessDeniedError, InvalidInputError
from cctrawl.settings import Settings
from cctrawl.testing import CutBody, FakeServer
from cctrawl.transport import Policy, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Authority

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
BODY = b"\x1f\x8b" + bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def served(tmp_path: Path, authority: Authority) -> Iterator[FakeServer]:
    """A server whose certificate the tests' authority has signed."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.gz").write_bytes(BODY)
    with FakeServer(folder, tls=authority.server_context("127.0.0.1")) as server:
        yield server


def read(server: FakeServer, state: Path) -> bytes:
    """Read the file with a new transport."""
    settings = Settings.resolve(base_url=server.url, data_dir=state)
    with Transport(settings, policy=Policy(retry_s=0.01)) as transport:
        return transport.read_file(server.url + "a.gz")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_each_variable_names_an_authority(
    served: FakeServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A file of certificates that a usual variable names is believed, and streams go on over TLS as well."""
    monkeypatch.setenv(variable, str(authority.file))
    served.set_faults([CutBody(after_bytes=50_000, times=1)])
    assert read(served, tmp_path) == BODY


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
def test_a_folder_names_authorities(
    served: FakeServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A folder of certificates, by the hashes of their names as OpenSSL has it, is believed."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command, which tells the hash of a name")
    hashed = ["openssl", "x509", "-noout", "-hash", "-in", str(authority.file)]
    name = subprocess.run(hashed, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(authority.file, tmp_path / f"{name}.0")
    monkeypatch.setenv(variable, str(tmp_path))
    assert read(served, tmp_path) == BODY


def test_an_unknown_authority_is_an_error_at_once(served: FakeServer, tmp_path: Path) -> None:
    """A certificate that nobody believes is named with what to do, after one try, before anything was asked."""
    with pytest.raises(AccessDeniedError, match="certificate is not believed") as caught:
        read(served, tmp_path)
    assert "REQUESTS_CA_BUNDLE" in (caught.value.hint or "")
    assert "tries" not in str(caught.value)
    assert list(served.requests) == []


def test_a_certificate_of_another_host_is_an_error_at_once(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right authority does not help a server that calls itself otherwise."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with (
        FakeServer(tmp_path, tls=authority.server_context("elsewhere.org")) as server,
        pytest.raises(AccessDeniedError, match=r"not valid for '127\.0\.0\.1'"),
    ):
        read(server, tmp_path)


def test_a_server_without_tls_is_told_so(tmp_path: Path) -> None:
    """https:// to a port that speaks http is an error at once, with the guess that it is http://."""
    with FakeServer(tmp_path) as server, Transport(Settings.resolve(data_dir=tmp_path)) as transport:
        with pytest.raises(InvalidInputError, match="does not speak TLS") as caught:
            transport.size(server.url.replace("http:", "https:") + "a.gz")
        assert "http://" in (caught.value.hint or "")


@pytest.mark.parametrize("variable", VARIABLES)
def test_variables_that_name_nothing_are_named(
    served: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A variable that leads nowhere is an error that names it, not a certificate that nobody believes."""
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    with pytest.raises(InvalidInputError, match=f"nowhere, which {variable} names"):
        read(served, tmp_path)


def test_a_bundle_without_certificates_is_named(
    served: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with no certificates in it believes nobody, and is named."""
    (tmp_path / "empty.pem").write_text("nothing here\n")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "empty.pem"))
    with pytest.raises(InvalidInputError, match="holds no certificates"):
        read(served, tmp_path)


def test_plain_http_reads_no_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without https nothing is read of certificates, whatever the variables say."""
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", None)
    (tmp_path / "a.gz").write_bytes(BODY)
    with FakeServer(tmp_path) as server:
        assert read(server, tmp_path / "state") == BODY
