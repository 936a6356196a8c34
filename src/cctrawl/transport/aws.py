"""Who we are at AWS and where its buckets are, as the usual variables and files say.

Only this module knows botocore: its chain of credentials and its signatures. We send the requests ourselves, so
that rate, tries and refusals are the same as everywhere.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cctrawl.errors import AccessDeniedError, InvalidInputError
from cctrawl.transport.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_REGION = "us-east-1"
_HOMES = {"commoncrawl": "us-east-1"}  # saves asking in a wrong region first
_MISSING = "s3:// needs the package botocore"
_INSTALL = "pip install 'cctrawl[s3]'"
NO_CREDENTIALS = "no AWS credentials were found: set them up (`aws configure`, AWS_PROFILE, AWS_ACCESS_KEY_ID, …)"


def see_botocore() -> None:
    """Do nothing if the extra ``s3`` is installed.

    Raises:
        InvalidInputError: it is not.
    """
    try:
        import botocore.session  # noqa: F401, PLC0415 - slow to load, and an extra
    except ImportError as error:
        raise InvalidInputError(_MISSING, hint=_INSTALL) from error


class Account:
    """Finds buckets and signs requests; safe for threads.

    Credentials come from botocore's chain: environment, profile, configuration file, container or instance role,
    and are renewed in time. Without any, or with ``AWS_NO_SIGN_REQUEST=YES``, requests are anonymous. Region and
    endpoint come from ``AWS_REGION``, ``AWS_DEFAULT_REGION``, ``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL`` and the
    profile.

    Raises:
        InvalidInputError: the extra ``s3`` is missing, or the profile or configuration cannot be used.
        AccessDeniedError: credentials are configured, but cannot be had.
    """

    def __init__(self) -> None:
        see_botocore()
        with _named_errors():
            session = _session()
            scoped = session.get_scoped_config()
            self._region = os.environ.get("AWS_REGION") or session.get_config_variable("region") or _DEFAULT_REGION
            self._endpoint = _endpoint(session).rstrip("/")
            self._credentials = None if _wants_no_signature() else session.get_credentials()
        style = (scoped.get("s3") or {}).get("addressing_style", "")
        self._by_path = style == "path" or (bool(self._endpoint) and style != "virtual")
        self._regions = dict(_HOMES)
        self._lock = threading.Lock()

    @property
    def is_anonymous(self) -> bool:
        """Whether requests go out without a signature."""
        return self._credentials is None

    def region_of(self, bucket: str) -> str:
        """Return the region that a bucket is known or supposed to be in."""
        with self._lock:
            return self._regions.get(bucket, self._region)

    def note_region(self, bucket: str, region: str) -> None:
        """Note the region of a bucket."""
        with self._lock:
            self._regions[bucket] = region

    def url_of(self, region: str, bucket: str, key: str, query: str = "") -> str:
        """Return the URL of an object, or, without key, of a bucket; ``query`` is quoted already."""
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        scheme, _, host = (self._endpoint or f"https://s3.{region}.{suffix}").partition("://")
        path = quote(key, safe="/-._~")  # nothing else stays: the signature is over these very characters
        if self._by_path or "." in bucket:  # a certificate is for one level of names
            path = f"{bucket}/{path}" if key else bucket
        else:
            host = f"{bucket}.{host}"
        return f"{scheme}://{host}/{path}" + (f"?{query}" if query else "")

    def signed(self, region: str, url: str, request: Request) -> Request:
        """Return the request with the headers that prove who sends it; the body is part of the proof.

        Raises:
            AccessDeniedError: the credentials cannot be renewed.
        """
        if self._credentials is None:
            return request
        from botocore.auth import S3SigV4Auth  # noqa: PLC0415 - an extra
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415 - an extra

        with _named_errors():
            frozen = self._credentials.get_frozen_credentials()
            draft = AWSRequest(request.method, url, headers=dict(request.headers), data=request.body)
            S3SigV4Auth(frozen, "s3", region).add_auth(draft)
        return Request(request.method, dict(draft.headers.items()), request.query, request.body)


def _session() -> Any:  # noqa: ANN401 - botocore has no types
    import botocore.session  # noqa: PLC0415 - an extra

    return botocore.session.get_session()


def _endpoint(session: Any) -> str:  # noqa: ANN401 - botocore has no types
    from botocore.configprovider import ConfiguredEndpointProvider  # noqa: PLC0415 - an extra

    if str(session.get_config_variable("ignore_configured_endpoint_urls")).lower() == "true":
        return ""
    provider = ConfiguredEndpointProvider(
        full_config=session.full_config, scoped_config=session.get_scoped_config(), client_name="s3"
    )
    endpoint = provider.provide() or ""
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise InvalidInputError(
            f"no endpoint of S3: {endpoint!r}", hint="AWS_ENDPOINT_URL is a URL: https://host:port"
        )
    return str(endpoint)


def _wants_no_signature() -> bool:
    return os.environ.get("AWS_NO_SIGN_REQUEST", "").lower() in ("yes", "true", "on", "1")


@contextmanager
def _named_errors() -> Iterator[None]:
    """Turn botocore's errors into ours."""
    from botocore import exceptions  # noqa: PLC0415 - an extra

    no_setup = (exceptions.ProfileNotFound, exceptions.ConfigParseError, exceptions.ConfigNotFound)
    try:
        yield
    except no_setup as error:
        raise InvalidInputError(f"AWS: {error}", hint="check AWS_PROFILE and ~/.aws/config") from error
    except exceptions.BotoCoreError as error:
        raise AccessDeniedError(f"AWS credentials: {error}", hint="log in again, or check ~/.aws") from error
