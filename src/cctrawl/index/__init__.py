"""The columnar index at hand: the footers of its Parquet files, harvested once, and what they tell."""

from __future__ import annotations
