"""Recordings as memory-mapped shards for training."""

from ._store import WindowStore

__all__ = ["WindowStore"]
