"""From a float graph and calibration windows to a verified integer program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._calibrate import check_calibration, collect
from ._correct import corrected
from ._float import run_float
from ._grids import choose_grids
from ._lower import lower, narrowed
from ._migrate import migrate
from ._options import QuantiseOptions
from ._program import Op, Program, Tensor, run_reference
from .passes import canonicalise
from .passes._names import identifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._graph import Graph
    from ._grids import Grids

_LARGEST_SQNR = 120.0
_MAX_NAME = 32


def quantise(graph: Graph, calibration: NDArray[Any], options: QuantiseOptions | None = None) -> Program:
    """Quantise a model to integers, post-training.

    Weights become int8 per output channel; activations int8, except values that are only added, averaged, normalised or
    returned, which stay int16; q, k and v get a scale per head. A tensor whose channels have scales of their own (the
    fused q, k, v) carries ``scale == 0.0``.

    Parameters
    ----------
    graph
        From `load_onnx` or `canonicalise`.
    calibration
        float ``(n, channels, time)``, preprocessed as for inference; some hundred windows of all classes are enough.
    options
        Defaults where None.

    Returns
    -------
    Program
        Verified. Tensors and operators bear the names of the canonical graph.
    """
    options = options or QuantiseOptions()
    graph = canonicalise(graph)
    windows = check_calibration(graph, calibration)
    if options.migration > 0.0:
        graph = migrate(graph, windows, options.migration)
    grids = choose_grids(graph, collect(graph, windows), options)
    program = Program(
        name=identifier(graph.metadata.get("emg.model", graph.name), "net")[:_MAX_NAME],
        tensors={t.name: t for t in (*grids.tensors.values(), *grids.narrow.values())},
        ops=tuple(_operators(graph, grids)),
        inputs=graph.inputs,
        outputs=graph.outputs,
        metadata=dict(graph.metadata),
    )
    program.verify()
    return corrected(graph, program, windows) if options.bias_correction else program


def _operators(graph: Graph, grids: Grids) -> list[Op]:
    ops: list[Op] = []
    for node in graph.nodes:
        ops.append(lower(graph, node, grids))
        copy = grids.narrow.get(node.output)
        if copy is not None:
            ops.append(narrowed(grids.tensors[node.output], copy))
    return ops


def layer_sqnr(graph: Graph, program: Program, x: NDArray[Any]) -> dict[str, float]:
    """Compare integers with floats at the output of every operator.

    Parameters
    ----------
    graph
        The model that the program was quantised from.
    program
        From `quantise`.
    x
        float ``(n, channels, time)``.

    Returns
    -------
    dict
        Signal-to-quantisation-noise ratio in dB by operator name, at most 120; for tensors with scales per channel the
        best scale of each channel is used.
    """
    graph = canonicalise(graph)
    windows = check_calibration(graph, x)
    (name,) = program.inputs
    floats = run_float(graph, windows)
    stored = run_reference(program, {name: program.tensors[name].quantise(windows)})
    result = {}
    for op in program.ops:
        wanted = floats.get(op.output)
        if wanted is None:  # an int8 copy of the value that it was made from
            wanted = floats[op.inputs[0]]
        result[op.name] = _sqnr(wanted, _real(program.tensors[op.output], stored[op.output], wanted))
    return result


def _real(tensor: Tensor, stored: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.float64]:
    if tensor.scale > 0.0:
        return tensor.dequantise(stored).astype(np.float64)
    channels = tensor.shape[-1]
    q, f = stored.reshape(-1, channels).astype(np.float64), wanted.reshape(-1, channels).astype(np.float64)
    scale = (q * f).sum(0) / np.maximum((q * q).sum(0), 1e-30)
    real: NDArray[np.float64] = (q * scale).reshape(stored.shape)
    return real


def _sqnr(wanted: NDArray[Any], found: NDArray[np.float64]) -> float:
    signal = wanted.astype(np.float64).reshape(-1)
    noise = float(np.square(signal - found.reshape(-1)).sum())
    power = float(np.square(signal).sum())
    if noise <= power * 10.0 ** (-_LARGEST_SQNR / 10.0):
        return _LARGEST_SQNR
    return float(10.0 * np.log10(max(power, 1e-30) / noise))
