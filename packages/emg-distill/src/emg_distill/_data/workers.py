"""Who prepares recordings: this process, or the workers of a Dask cluster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._siblings import siblings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor


@contextmanager
def dask_workers(address: str | None) -> Iterator[Executor | None]:
    """Lend an executor on a Dask cluster, or None, which works in this process, where no address is given."""
    if address is None:
        yield None
        return
    io, _ = siblings()
    with io.dask_executor(address) as executor:
        yield executor
