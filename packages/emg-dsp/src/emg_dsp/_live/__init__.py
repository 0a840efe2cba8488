"""Live signals: buffers, sources and the thread that runs a stream between a source and a sink."""

from .driver import Live, run_live
from .latency import Latency
from .lsl import LslSource
from .queue import ChunkQueue
from .report import LiveReport
from .ring import RingBuffer, RingReader
from .source import Gap, TimedChunk

__all__ = [
    "ChunkQueue",
    "Gap",
    "Latency",
    "Live",
    "LiveReport",
    "LslSource",
    "RingBuffer",
    "RingReader",
    "TimedChunk",
    "run_live",
]
