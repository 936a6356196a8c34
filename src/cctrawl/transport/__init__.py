"""Every byte that crosses a network or comes off a disk: one face for HTTP, S3 and folders.

Read ``transport`` first (the face), ``backend`` (what each kind of location must give) and ``location`` (what a
location is). ``folder``, ``http`` and ``s3`` are the backends; ``http`` is helped by ``request`` (what is asked),
``answers`` (is this answer what was asked for?), ``streams`` (a body that goes on where it broke), ``retries``
(intermittent failures), ``pools`` (connections and proxies), ``certificates``, ``allowance`` (how hard to ask) and
``governor``, which sees to that, by ``entries`` in the ``rates`` that all share, whose arithmetic is in ``pacing``.
``s3`` asks in the same way, at the address and with the signature that ``aws`` knows. Many ranges become few
requests in ``coalescing``, and ``crew`` has the threads that ask for them side by side. Writes are in
``folder_writer`` and ``uploads`` (S3).
"""

from __future__ import annotations

from cctrawl.transport.allowance import allowance_at, requests_per_s
from cctrawl.transport.backend import FileEntry, Stream, Tail
from cctrawl.transport.coalescing import GAP_BYTES, ByteRange, Span, coalesce
from cctrawl.transport.counters import Counters, CountersSnapshot
from cctrawl.transport.crew import result_of
from cctrawl.transport.entries import Reserve
from cctrawl.transport.events import TransportEvent
from cctrawl.transport.folder_writer import sync_folder
from cctrawl.transport.location import below, is_listed, is_s3, is_url, locate, see_s3
from cctrawl.transport.pacing import Admission, Policy
from cctrawl.transport.rates import share_rates
from cctrawl.transport.transport import CONNECTIONS, MOST_CONNECTIONS, Transport

__all__ = [
    "CONNECTIONS",
    "GAP_BYTES",
    "MOST_CONNECTIONS",
    "Admission",
    "ByteRange",
    "Counters",
    "CountersSnapshot",
    "FileEntry",
    "Policy",
    "Reserve",
    "Span",
    "Stream",
    "Tail",
    "Transport",
    "TransportEvent",
    "allowance_at",
    "below",
    "coalesce",
    "is_listed",
    "is_s3",
    "is_url",
    "locate",
    "requests_per_s",
    "result_of",
    "see_s3",
    "share_rates",
    "sync_folder",
]
