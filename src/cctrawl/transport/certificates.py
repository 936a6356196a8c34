"""Which authorities' certificates are believed, and what to say when a server's own is not."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import urllib3

from cctrawl.errors import AccessDeniedError, InvalidInputError

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def make_context(first: str = "") -> ssl.SSLContext:
    """Return a TLS context that believes what the usual variables say, else the system's authorities.

    Args:
        first: a variable that comes before all others.

    ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE`` name a file or a folder and come before ``SSL_CERT_FILE`` and
    ``SSL_CERT_DIR``, which OpenSSL itself reads. Where neither they nor the system have any, ``certifi`` serves, if
    it is installed.

    Raises:
        InvalidInputError: a variable names what is not there, or a file without certificates.
    """
    context = urllib3.util.ssl_.create_urllib3_context()
    bundle = next((name for name in (first, *_BUNDLES) if os.environ.get(name)), None)
    if bundle is not None:
        _load(context, bundle, Path(os.environ[bundle]))
        return context
    _see_variables()
    context.load_default_certs()
    if _has_system_none():
        _load_certifi(context)
    return context


def _load(context: ssl.SSLContext, variable: str, path: Path) -> None:
    try:
        if path.is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise _useless(variable, path, "holds no certificates") from error
    except OSError as error:
        raise _useless(variable, path, f"cannot be read: {error.strerror}") from error


def _see_variables() -> None:
    """Refuse what OpenSSL would pass over in silence, only to believe nobody."""
    file = os.environ.get("SSL_CERT_FILE")
    if file and not Path(file).is_file():
        raise _useless("SSL_CERT_FILE", Path(file), "is no file")
    folders = os.environ.get("SSL_CERT_DIR")
    if folders and not any(Path(folder).is_dir() for folder in folders.split(os.pathsep)):
        raise _useless("SSL_CERT_DIR", Path(folders), "is no folder")


def _useless(variable: str, path: Path, why: str) -> InvalidInputError:
    hint = f"let {variable} name certificates of authorities in PEM form, or unset it"
    return InvalidInputError(f"{path}, which {variable} names, {why}", hint=hint)


def _has_system_none() -> bool:
    paths = ssl.get_default_verify_paths()
    return not (paths.cafile or paths.capath)


def _load_certifi(context: ssl.SSLContext) -> None:
    try:
        import certifi  # noqa: PLC0415 - only where the system has no certificates, and if it is installed
    except ImportError:
        return
    context.load_verify_locations(cafile=certifi.where())


def raise_if_hopeless(location: str, error: BaseException) -> None:
    """Do nothing for a failure that may go right the next time.

    Raises:
        AccessDeniedError: the server's certificate is not believed, or the proxy wants other credentials.
        InvalidInputError: the server does not speak TLS.
    """
    tls = _find(error, ssl.SSLError)
    if isinstance(tls, ssl.SSLCertVerificationError):
        raise AccessDeniedError(
            f"{location}: the server's certificate is not believed: {tls.verify_message}",
            hint="if an authority of your own signed it (a company's proxy, say), let REQUESTS_CA_BUNDLE name"
            " that authority's certificate",
        ) from error
    if isinstance(tls, ssl.SSLError) and tls.reason == "WRONG_VERSION_NUMBER":
        raise InvalidInputError(
            f"{location}: the server does not speak TLS", hint="is it http:// there?"
        ) from error
    tunnel = _find(error, OSError)
    if tunnel is not None and "Tunnel connection failed: 407" in str(tunnel):
        raise wrong_credentials(location) from error


def wrong_credentials(location: str) -> AccessDeniedError:
    """Return the error for a proxy that does not let us through."""
    return AccessDeniedError(
        f"{location}: the proxy wants other credentials (status 407)",
        hint="put them into the proxy's URL: http://user:password@host:port",
    )


def _find(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """Return what lies behind an error of urllib3, which wraps errors as reasons and arguments."""
    if isinstance(error, kind):
        return error
    behind = [getattr(error, "reason", None), *error.args]
    found = (_find(cause, kind) for cause in behind if isinstance(cause, BaseException))
    return next((cause for cause in found if cause is not None), None)
