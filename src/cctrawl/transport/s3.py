"""The backend of S3, and of what speaks its language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctrawl.errors import AccessDeniedError, NotFoundError, TransportError
from cctrawl.transport.aws import NO_CREDENTIALS, Account
from cctrawl.transport.http import HttpBackend
from cctrawl.transport.location import split_object, split_s3
from cctrawl.transport.request import Request, ranged
from cctrawl.transport.retries import IntermittentError
from cctrawl.transport.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3

    from cctrawl.settings import Settings
    from cctrawl.transport.counters import Counters
    from cctrawl.transport.events import TransportEvent
    from cctrawl.transport.pacing import Policy

_AGAIN = ("RequestTimeout", "BadDigest")  # codes of status 400 that go right the next time
_ELSEWHERE = (301, 307, 400)  # with the header below: the bucket is in another region
_REGION = "x-amz-bucket-region"


class S3Backend(HttpBackend):
    """Asks for ``s3://bucket/key`` as `HttpBackend` asks for URLs: same streams, tries, rate and counters.

    A bucket is a host to the governor. A 403 is no refusal here, but access denied.

    Args:
        settings: the settings in force.
        ramp: begin slowly and without burst.
        policy: the governor's constants.
        counters: where everything is counted.
        on_event: who hears of refusals, blocks and retries.

    Raises:
        InvalidInputError: the extra ``s3`` is missing, or AWS is set up in a way that cannot be.
        AccessDeniedError: credentials are configured, but cannot be had.

    Attributes:
        uploads: what can be written.
    """

    _refusals = (429, 503)
    _bundle_variable = "AWS_CA_BUNDLE"

    def __init__(
        self,
        settings: Settings,
        *,
        ramp: bool,
        policy: Policy,
        counters: Counters,
        on_event: Callable[[TransportEvent], None],
    ) -> None:
        self._account = Account()
        super().__init__(settings, ramp=ramp, policy=policy, counters=counters, on_event=on_event)
        self.uploads = Uploads(self)

    def _send(self, location: str, request: Request) -> urllib3.BaseHTTPResponse:
        """Send a request to where the bucket is; learn that from the first answer, if need be."""
        bucket, key = split_s3(location) if request.query else split_object(location)
        asked = self._account.region_of(bucket)
        response = self._send_signed(asked, bucket, key, request)
        region = response.headers.get(_REGION)
        if response.status in _ELSEWHERE and region not in (None, asked):
            response.close()
            self._account.note_region(bucket, region)
            response = self._send_signed(region, bucket, key, request)
        return response

    def _send_signed(self, region: str, bucket: str, key: str, request: Request) -> urllib3.BaseHTTPResponse:
        url = self._account.url_of(region, bucket, key, request.query)
        return self._exchange(url, self._account.signed(region, url, request))

    def _probe(self, location: str) -> bool:
        """Ask once; where no object is known, for the first key of the bucket."""
        key = split_s3(location)[1]
        return self._is_answered(location, ranged(0, 1) if key else Request(query="list-type=2&max-keys=1"))

    def _check_status(self, location: str, response: urllib3.BaseHTTPResponse, request: Request) -> None:
        """Sort out every status that is no success, with hints that fit S3."""
        try:
            super()._check_status(location, response, request)
        except AccessDeniedError as error:
            error.hint = self._hint(location)
            raise
        except NotFoundError as error:
            error.hint = "check bucket and key"
            raise
        except TransportError as error:
            if any(code in str(error) for code in _AGAIN):
                raise IntermittentError(str(error)) from error
            error.hint = error.hint and "check the bucket, its region and your credentials"
            raise

    def _hint(self, location: str) -> str:
        if not self._account.is_anonymous:
            return "may these credentials do that, and list the bucket? (without, S3 tells no missing file)"
        if split_s3(location)[0] == "commoncrawl":
            return f"{NO_CREDENTIALS}, or use https://data.commoncrawl.org/, which asks for none"
        return NO_CREDENTIALS
