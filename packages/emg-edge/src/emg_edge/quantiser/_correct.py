"""Bias correction: the mean error that quantisation leaves in each channel of a product goes into its bias."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._float import run_float
from emg_edge.kernels import Conv, Linear

from ._calibrate import count, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph
    from emg_edge.program._op import Op
    from emg_edge.program._program import Program

    from ._calibrate import Feeds

_WINDOWS = 64
_MACS = 2.0**34  # of all windows together, so that large models take seconds


def corrected(graph: Graph, program: Program, feeds: Feeds) -> Program:
    """Return the program with corrected biases, layer after layer, each behind the corrected ones before it.

    Layers with a table, with scales per channel or with a grid that the file gives are left alone.

    Parameters
    ----------
    graph
        Canonical, as quantised.
    program
        Its program.
    feeds
        float32 ``(n, *sample)`` by input; up to 64 windows, spread evenly, are used, fewer for large models.
    """
    wanted = int(np.clip(_MACS // max(program.macs, 1), 4, _WINDOWS))
    feeds = taken(feeds, slice(None, None, max(1, -(-count(feeds) // wanted))))
    floats = run_float(graph, feeds)
    values: dict[str, NDArray[Any]] = {name: program.tensors[name].quantise(feeds[name]) for name in program.inputs}
    ops: list[Op] = []
    for op in program.ops:
        tensors, out = program.operands(op)
        inputs = [values[i] for i in op.inputs]
        result = op.reference(inputs, tensors, out)
        if isinstance(op, Linear | Conv) and op.table is None and out.scale > 0.0 and op.output not in graph.given:
            room = 2**31 - 1 - op.acc_bound(tensors)
            op = _shifted(op, out.dequantise(result), floats[op.output], out.scale, room)  # noqa: PLW2901
            result = op.reference(inputs, tensors, out)
        values[op.output] = result.reshape(len(result), *out.shape)
        ops.append(op)
    return replace(program, ops=tuple(ops))


def _shifted(
    op: Linear | Conv, found: NDArray[np.float32], wanted: NDArray[Any], scale: float, room: int
) -> Linear | Conv:
    """Return the layer with the mean error in its biases, as far as the accumulator has ``room``."""
    channels = len(op.bias)
    error = (wanted.reshape(-1, channels).astype(np.float64) - found.reshape(-1, channels)).mean(0)
    step = np.maximum(op.mul.astype(np.float64), 1.0) * 2.0**-op.shift * scale  # real value of one bias unit
    change = np.where(op.mul > 0, np.clip(np.rint(error / step), -room, room), 0.0)
    return replace(op, bias=(op.bias + change).astype(np.int32))
