"""The Dask scheduler that a run works with: one of its own in this process, or one that is there already."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cctrawl.errors import EngineError, InvalidInputError, TransportError
from cctrawl.runs.cluster.options import ClusterOptions

if TYPE_CHECKING:
    from distributed import Client

_CLOSE_S = 5
_CONNECT_S = 20
# For our own scheduler and workers. Their tasks hold nothing, fail only when a worker is lost, and are dealt again
# by the runner alone, once it is sure that nobody is at work on them.
CONFIG: dict[str, Any] = {
    "distributed.admin.low-level-log-length": 100,
    "distributed.comm.timeouts.connect": "20s",
    # After a blip of 8 s TCP may try again only when 13 s have passed.
    "distributed.comm.timeouts.tcp": "30s",
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.worker-ttl": "5m",
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.profile.enabled": False,
}


class Connection(ABC):
    """A connection to a scheduler.

    Attributes:
        client: Dask's client.
    """

    client: Client

    @property
    def dashboard(self) -> str:
        """The address of Dask's live page; empty if there is none."""
        return str(self.client.dashboard_link or "")

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler is still there."""
        return bool(self.client.status == "running")

    @abstractmethod
    def close(self) -> None:
        """Let go of the scheduler; ours ends with this, and its workers with it."""


class OwnScheduler(Connection):
    """A scheduler in this process; it listens on one address, and speaks to nobody without our certificate.

    Args:
        address: the address of this machine to listen on.
        dashboard: whether Dask's live page is wanted; it is on loopback, port 8787 if that is free.

    Raises:
        EngineError: it cannot listen there.
    """

    def __init__(self, address: str, *, dashboard: bool) -> None:
        import dask  # noqa: PLC0415 - only where it is asked for
        from distributed import Client, LocalCluster, Security  # noqa: PLC0415 - the same

        self._stack = ExitStack()
        self._stack.enter_context(_quiet())
        self.config = {**CONFIG}
        if not dashboard:
            self.config[
                "distributed.scheduler.http.routes"
            ] = []  # else it tells everybody on this machine of the run
        self._stack.enter_context(dask.config.set(self.config))
        security = Security.temporary()
        try:
            self._cluster = LocalCluster(
                n_workers=0,
                host=address,
                scheduler_port=0,
                protocol="tls",
                security=security,
                dashboard_address="127.0.0.1:8787" if dashboard else "127.0.0.1:0",
                scheduler_kwargs={"dashboard": dashboard},
                silence_logs=logging.CRITICAL,
            )
        except (OSError, RuntimeError) as error:
            self._stack.close()
            raise EngineError(f"Dask cannot listen on {address}: {error}", hint="try --tunnel") from error
        self.client = Client(self._cluster, security=security, set_as_default=False)
        self.address = address
        self.port = int(self._cluster.scheduler_address.rpartition(":")[2])
        # What its workers need to be let in; they get it over ssh.
        self.worker_security = {
            "tls_ca_file": security.tls_ca_file,
            "tls_worker_cert": security.tls_worker_cert,
            "tls_worker_key": security.tls_worker_key,
            "require_encryption": True,
        }

    def close(self) -> None:
        """End the scheduler."""
        self.client.close(_CLOSE_S)
        self._cluster.close(_CLOSE_S)
        self._stack.close()


class ForeignScheduler(Connection):
    """A scheduler that somebody else looks after.

    Args:
        options: which one: its address, its file, or a client.

    Raises:
        TransportError: it does not answer.
        InvalidInputError: it wants TLS, and Dask's settings name no certificates; or its file tells no address.
    """

    def __init__(self, options: ClusterOptions) -> None:
        from distributed import Client  # noqa: PLC0415 - only where it is asked for

        self._is_ours = options.client is None
        self._stack = ExitStack()
        if options.client is not None:
            self.client = options.client
            return
        address = options.scheduler or _address_in(options.scheduler_file)
        if address.startswith("tls:"):
            _see_certificates()
        self._stack.enter_context(_quiet())
        try:
            self.client = Client(address, set_as_default=False, timeout=_CONNECT_S)
        except (OSError, ValueError, TypeError) as error:
            self._stack.close()
            raise TransportError(
                f"no Dask scheduler answers at {address}: {error}",
                hint="is it running, and may this machine reach it? For tls:// set Dask's own tls settings",
            ) from error

    def close(self) -> None:
        """Leave it as it was."""
        if self._is_ours:
            self.client.close(_CLOSE_S)
            self._stack.close()


def _address_in(file: Path | None) -> str:
    """Return the address that a scheduler has written to its file."""
    assert file is not None  # noqa: S101 - one of the two is given
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{file} tells no address of a Dask scheduler",
            hint="is the scheduler up? It writes the file when it is",
        ) from error


def _see_certificates() -> None:
    """See that Dask's settings name what a TLS connection needs; Dask itself would fail late, and twice."""
    from distributed import Security  # noqa: PLC0415 - only where it is asked for

    if Security().get_connection_args("client")["ssl_context"] is None:
        raise InvalidInputError(
            "Dask has no certificates for tls://",
            hint="name them as for its own clients: DASK_DISTRIBUTED__COMM__TLS__CA_FILE, …__CLIENT__CERT, …__KEY",
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from talking: what happens to hosts is told by us, once, and in the user's words."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
