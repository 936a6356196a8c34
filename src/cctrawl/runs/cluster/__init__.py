"""The engine whose workers are on other machines, by Dask distributed. Loaded only when a run asks for it.

`options` is what the user says. Read it first.
"""

from __future__ import annotations

import importlib
from typing import Any

from cctrawl.runs.cluster.options import LEASE, ClusterOptions, cluster_options, see_extra

__all__ = ["LEASE", "ClusterOptions", "cluster_options", "see_extra"]

# Dask is an extra, and takes a second to load.
_HOMES = {"open_engine": "cctrawl.runs.cluster.opening"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    """Load a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cctrawl.runs.cluster' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
