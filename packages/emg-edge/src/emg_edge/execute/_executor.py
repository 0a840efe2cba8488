"""What an executor is, and the one that defines the bits: the integer reference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.program._program import run_reference

from ._samples import check_feeds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._program import Program

    Arrays = dict[str, NDArray[Any]]

REFERENCE_CHUNK = 16


class Executor(ABC):
    """Runs a program on quantised samples."""

    @abstractmethod
    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return the outputs ``(n, *shape)`` by name for inputs ``(n, *shape)`` by name."""

    @abstractmethod
    def trace(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return what every operator wrote, ``(n, *shape)`` by tensor name."""


class ReferenceExecutor(Executor):
    """The integer reference kernels, a few samples at a time."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Executor.run`."""
        return self._chunked(feeds, list(self.program.outputs))

    def trace(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Executor.trace`."""
        return self._chunked(feeds, [op.output for op in self.program.ops])

    def _chunked(self, feeds: Mapping[str, NDArray[Any]], names: list[str]) -> Arrays:
        """Run chunk by chunk, keeping the named tensors."""
        n = check_feeds(self.program, feeds)
        parts: list[Arrays] = []
        for start in range(0, max(n, 1), REFERENCE_CHUNK):
            chunk = {name: feeds[name][start : start + REFERENCE_CHUNK] for name in self.program.inputs}
            values = run_reference(self.program, chunk)
            parts.append({name: values[name] for name in names})
        return {name: np.concatenate([part[name] for part in parts]) for name in names}
