"""Machines that are reached by ssh: who they are, whether they are fit, and keeping them at work.

``hostfile`` reads the list of hosts. ``command`` brings our first lines to the Python of a host, by OpenSSH; these
are ``boot``: it says what is there, and becomes the worker. ``preflight`` decides whether that is good enough,
``troubles`` reads what ssh prints when there is nothing to hear. A ``connection`` is one ssh, from its start to its
end; a ``link`` keeps one host at work through many of them, at the pace of ``delays``, for what is in ``linking``.
``checking`` looks at hosts before a run does, with ``reaching`` for what they reach, and ``addresses`` for how they
reach us. ``installing`` brings them a ``wheel`` of this very code, with what ``installer`` does there; ``visits``
are what both make. Read in this order.
"""

from __future__ import annotations

from cctrawl.runs.hosts.addresses import address_seen_by
from cctrawl.runs.hosts.checking import Finding, check_hosts
from cctrawl.runs.hosts.command import find_ssh
from cctrawl.runs.hosts.hostfile import Host, read_hosts
from cctrawl.runs.hosts.installing import Installation, install_on
from cctrawl.runs.hosts.link import Link, stop_links
from cctrawl.runs.hosts.linking import Linked, LinkEvent, Linking, Printed, Refused, Unlinked
from cctrawl.runs.hosts.preflight import Facts, Problem, problems_of

__all__ = [
    "Facts",
    "Finding",
    "Host",
    "Installation",
    "Link",
    "LinkEvent",
    "Linked",
    "Linking",
    "Printed",
    "Problem",
    "Refused",
    "Unlinked",
    "address_seen_by",
    "check_hosts",
    "find_ssh",
    "install_on",
    "problems_of",
    "read_hosts",
    "stop_links",
]
