"""Recordings as memory-mapped shards for training."""

from ._dask import dask_executor
from ._manifest import Normalisation
from ._prepare import prepare
from ._store import WindowStore

__all__ = ["Normalisation", "WindowStore", "dask_executor", "prepare"]
