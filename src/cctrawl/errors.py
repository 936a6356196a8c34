"""Every exception of cctrawl, grouped by what a handler would do.

``CctrawlError``
    ├── ``InvalidInputError``   also ``ValueError``: the caller asked for something that cannot be
    ├── ``NotFoundError``       also ``LookupError``: no such crawl, file or job
    ├── ``TransportError``      also ``OSError``: bytes did not come
    │   ├── ``SlowDownError``       one refusal (429, 503, 403): retried, users never see it
    │   └── ``AccessDeniedError``   the file is there, but not for us
    ├── ``FormatError``         also ``ValueError``: bytes came, but are not what they should be
    ├── ``JobError``            also ``RuntimeError``: the user's function raised
    ├── ``EngineError``         also ``RuntimeError``: a worker could not start, or died
    └── ``AbortedError``        also ``RuntimeError``: too many failures or patience spent; resumable

All of them can be pickled (they cross processes), carry a ``hint`` (the next step, or ``None``) and an
``exit_code`` (what the command ends with).
"""

from __future__ import annotations

from typing import ClassVar


class CctrawlError(Exception):
    """The base of every error that cctrawl raises on purpose.

    Args:
        message: what happened, naming the thing and the number.
        hint: what to do next; the command prints it behind ``hint:``.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class InvalidInputError(CctrawlError, ValueError):
    """The caller asked for something that cannot be: a wrong option, name, range or job."""

    exit_code = 2


class NotFoundError(CctrawlError, LookupError):
    """There is no such crawl, file, listing or job."""

    exit_code = 3


class TransportError(CctrawlError, OSError):
    """Bytes did not come: the network, the server or the disk failed, and so did every retry."""

    exit_code = 5

    def __str__(self) -> str:
        """Return the message alone: OSError would add an errno that is not there."""
        return str(self.args[0])


class SlowDownError(TransportError):
    """One refusal: the server asked us to slow down. Retried inside ``transport``.

    Args:
        message: what was refused.
        status: the HTTP status: 403, 429 or 503.
        retry_after_s: the server's wish in seconds, if it had one.
        hint: what to do next.
    """

    def __init__(
        self, message: str, *, status: int = 503, retry_after_s: float | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after_s = retry_after_s


class AccessDeniedError(TransportError):
    """The file may be there, but not for us: the server denies it, or its certificate is not believed."""


class FormatError(CctrawlError, ValueError):
    """Bytes came, but they are not what they should be: damaged, cut short, or another format.

    Args:
        message: what is wrong, with file and byte offset.
        offset: byte offset in the source at which the trouble begins, if known.
        hint: what to do next.
    """

    def __init__(self, message: str, *, offset: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.offset = offset


class JobError(CctrawlError, RuntimeError):
    """The user's function raised, or yielded something that is no row.

    Args:
        message: the exception's type and text, and the input it happened on.
        details: the traceback within the user's code, as text.
        hint: what to do next.
    """

    def __init__(self, message: str, *, details: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.details = details


class EngineError(CctrawlError, RuntimeError):
    """A worker could not start, or died while it worked."""


class AbortedError(CctrawlError, RuntimeError):
    """A run or harvest gave up with everything kept: too many failures, or patience spent. Resumable."""

    exit_code = 4
