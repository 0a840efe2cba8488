"""How much each operator's integers differ from the float model, layer by layer, and which codes they take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._float import run_float
from emg_edge.passes import canonicalise
from emg_edge.program._program import run_reference
from emg_edge.program._tensor import DTYPES

from ._calibrate import check_calibration, count, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph
    from emg_edge.program._program import Program
    from emg_edge.program._tensor import Tensor

    from ._calibrate import Samples

LARGEST = 120.0  # dB, for integers that are exact
BINS = 64  # of a histogram of codes
_CHUNK = 4  # windows compared at once


@dataclass(frozen=True, kw_only=True)
class LayerNoise:
    """What quantisation does at the output of one operator.

    Parameters
    ----------
    sqnr_db
        Signal-to-quantisation-noise ratio in dB, at most 120.
    saturated
        Share of the codes that stand at an end of the dtype's range, 0 to 1.
    codes
        Number of codes in each of 64 equal parts of the dtype's range.
    """

    sqnr_db: float
    saturated: float
    codes: tuple[int, ...]


@dataclass
class _Sums:
    """Sums over windows, one entry per channel, of what the ratio needs; a histogram of all codes."""

    signal: Any = 0.0
    noise: Any = 0.0
    product: Any = 0.0
    stored: Any = 0.0
    limits: int = 0
    codes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, tensor: Tensor, wanted: NDArray[Any], stored: NDArray[Any]) -> None:
        """Take in one chunk: float values and integers of one shape."""
        f = wanted.reshape(-1, tensor.shape[-1]).astype(np.float64)
        q = stored.reshape(f.shape).astype(np.float64) - tensor.zero_point
        self.signal = self.signal + np.square(f).sum(0)
        self.noise = self.noise + np.square(f - q * tensor.scale).sum(0)
        self.product, self.stored = self.product + (q * f).sum(0), self.stored + np.square(q).sum(0)
        _, low, high = DTYPES[tensor.dtype]
        self.limits += int(np.count_nonzero((stored == low) | (stored == high)))
        self.codes += np.histogram(stored, BINS, (low, high + 1))[0]

    def decibel(self, scale: float) -> float:
        """Return the ratio; where the tensor has no scale of its own, with the best scale of each channel."""
        best = self.signal - np.square(self.product) / np.maximum(self.stored, 1e-30)
        noise, signal = float(np.sum(self.noise if scale > 0.0 else best)), float(np.sum(self.signal))
        if noise <= signal * 10.0 ** (-LARGEST / 10.0):
            return LARGEST
        return float(10.0 * np.log10(max(signal, 1e-30) / noise))

    def summary(self, scale: float) -> LayerNoise:
        """Return the sums as figures."""
        return LayerNoise(
            sqnr_db=self.decibel(scale),
            saturated=self.limits / max(int(self.codes.sum()), 1),
            codes=tuple(int(v) for v in self.codes),
        )


def layer_sqnr(graph: Graph, program: Program, x: Samples) -> dict[str, float]:
    """Return the signal-to-quantisation-noise ratio in dB by operator name; see `layer_noise`."""
    return {name: noise.sqnr_db for name, noise in layer_noise(graph, program, x).items()}


def layer_noise(graph: Graph, program: Program, x: Samples) -> dict[str, LayerNoise]:
    """Compare integers with floats at the output of every operator.

    Parameters
    ----------
    graph
        The model that the program was quantised from.
    program
        From `quantise`.
    x
        float ``(n, channels, time)``, or one array per input name.

    Returns
    -------
    dict
        By operator name; for tensors whose channels have scales or factors of their own (fused q, k, v;
        ``program.rescaled``) the best scale of each channel is used.
    """
    graph = canonicalise(graph)
    feeds = check_calibration(graph, x)
    sums = {op.name: _Sums() for op in program.ops}
    for start in range(0, count(feeds), _CHUNK):
        chunk = taken(feeds, slice(start, start + _CHUNK))
        floats = run_float(graph, chunk)
        stored = run_reference(program, {name: program.tensors[name].quantise(chunk[name]) for name in chunk})
        for op in program.ops:
            source = op.output if op.output in floats else op.inputs[0]  # an int8 copy bears no float value's name
            sums[op.name].add(program.tensors[op.output], floats[source], stored[op.output])
    own = {op.name: op.output in program.rescaled for op in program.ops}
    scales = {op.name: 0.0 if own[op.name] else program.tensors[op.output].scale for op in program.ops}
    return {op.name: sums[op.name].summary(scales[op.name]) for op in program.ops}
