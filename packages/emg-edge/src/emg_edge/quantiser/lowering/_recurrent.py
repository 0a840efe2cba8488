"""Recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.kernels import HIDDEN_SCALE, Gru, Lstm, gate_table, multiplier
from emg_edge.quantiser._weights import quantise_weights

from ._common import int32
from ._lowering import Lowering

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.program._tensor import Tensor
    from emg_edge.quantiser._grids import Grids

_GATE = 2.0**12


def _rows(
    weight: NDArray[Any], bias: NDArray[Any], scale: float, zero: int, what: str
) -> tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.float64]]:
    """Quantise the rows of all directions; return weights, biases and scales of the sums, ``(D, rows, ...)``."""
    flat = weight.reshape(-1, weight.shape[2])
    stored, sums, steps = quantise_weights(flat, bias.reshape(-1), scale)
    sums = sums - zero * stored.astype(np.int64).sum(1)
    shape = bias.shape
    return stored.reshape(weight.shape), int32(sums, what).reshape(shape), (steps * scale).reshape(shape)


def _biases(node: Node, b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the biases of the two sums: both go into the first, but for a reset gate behind the second."""
    rows = b.shape[1] // 2
    w, r = b[:, :rows].copy(), b[:, rows:].copy()
    joint = 2 * rows // 3 if node.attrs.get("reset_after") else rows
    w[:, :joint] += r[:, :joint]
    r[:, :joint] = 0.0
    return w, r


def _cell_bits(peak: float) -> int:
    """Fraction bits of a cell that holds ``peak``."""
    return int(np.clip(np.floor(np.log2((2**15 - 1) / max(peak, 2.0**-10))), 0, 15))


def _common(graph: Graph, node: Node, x: Tensor, out: Tensor) -> dict[str, Any]:
    w, r, b, h0 = (graph.constants[name].astype(np.float64) for name in node.inputs[1:5])
    first, second = _biases(node, b)
    weight, bias, input_scale = _rows(w, first, x.scale, x.zero_point, f"bias of {node.name!r}")
    recurrent, hidden_bias, hidden_scale = _rows(r, second, HIDDEN_SCALE, 0, f"recurrent bias of {node.name!r}")
    mul, shift = multiplier(np.stack([input_scale, hidden_scale]) * _GATE)
    out_mul, out_shift = multiplier(HIDDEN_SCALE / out.scale, 22)
    return {
        "name": node.name,
        "inputs": (x.name,),
        "output": out.name,
        "weight": weight,
        "recurrent": recurrent,
        "bias": bias,
        "hidden_bias": hidden_bias,
        "input_mul": mul[0],
        "hidden_mul": mul[1],
        "shift": shift,
        "hidden": np.clip(np.rint(h0 / HIDDEN_SCALE), -128, 127).astype(np.int8),
        "sigmoid": gate_table("sigmoid"),
        "tanh": gate_table("tanh"),
        "reverse": node.attrs["reverse"],
        "last": node.attrs["last"],
        "out_mul": int(out_mul[0]),
        "out_shift": out_shift,
    }


def _lstm(graph: Graph, node: Node, grids: Grids) -> Op:
    c0 = graph.constants[node.inputs[5]].astype(np.float64)
    bits = _cell_bits(max(grids.cells[node.output], float(np.abs(c0).max())))
    state = np.rint(c0 * 2.0**bits).astype(np.int16)
    common = _common(graph, node, grids.read(node, node.inputs[0]), grids.tensors[node.output])
    return Lstm(**common, state=state, cell_bits=bits)


def _gru(graph: Graph, node: Node, grids: Grids) -> Op:
    h0 = graph.constants[node.inputs[4]].astype(np.float64)
    state = np.clip(np.rint(h0 * 2.0**15), -(2**15) + 1, 2**15 - 1).astype(np.int16)
    common = _common(graph, node, grids.read(node, node.inputs[0]), grids.tensors[node.output])
    return Gru(**common, state=state, reset_after=node.attrs["reset_after"])


def _has_room(graph: Graph, node: Node, scale: float) -> bool:
    """Whether no sum can overflow on int16 input."""
    w, b = (graph.constants[node.inputs[index]] for index in (1, 3))
    first, _ = _biases(node, b)
    weight, bias, _ = quantise_weights(w.reshape(-1, w.shape[2]), first.reshape(-1), scale)
    reach = np.abs(weight.astype(np.int64)).sum(1) * 2**15 + np.abs(bias)
    return int(reach.max()) < 2**31


def _grid(node: Node) -> tuple[str, float, int]:
    del node
    return "int8", HIDDEN_SCALE, 0


LOWERINGS = {
    "gru": Lowering(lower=_gru, reads="product", writes="int8", wide=_has_room, grid=_grid),
    "lstm": Lowering(lower=_lstm, reads="product", writes="int8", wide=_has_room, grid=_grid),
}
