"""What a live run has done so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .latency import Latency


@dataclass(frozen=True)
class LiveReport:
    """Counts and latencies of a live run.

    Parameters
    ----------
    n_chunks, n_samples : int
        Chunks and samples processed.
    n_gaps : int
        Gaps that the source reported.
    processing : Latency
        From having a chunk to having its result.
    total : Latency
        From having a chunk to the return of the sink.
    """

    n_chunks: int
    n_samples: int
    n_gaps: int
    processing: Latency
    total: Latency
