"""LSTM and GRU: ``LSTM`` and ``GRU`` with ONNX's axes, ``lstm`` and ``gru`` on rows.

Inputs are x, W ``(D, N H, I)``, R ``(D, N H, H)``, B ``(D, 2 N H)`` (of W, then of R), the hidden states ``(D, H)``
before the first step and, of an LSTM, the cells ``(D, H)``; gates stand in ONNX's order (i, o, f, g and z, r, n).
Attributes: ``reverse`` (of a single direction; a second one always runs backwards), ``last`` (only the states behind
the last step), of a GRU ``reset_after``, of the ONNX dialect ``layout``.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node

GATES = {"lstm": 4, "gru": 3}


def _sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    half = x.dtype.type(0.5)
    result: NDArray[Any] = half + half * np.tanh(half * x)
    return result


def lstm_step(
    u: NDArray[Any], v: NDArray[Any], h: NDArray[Any], c: NDArray[Any], reset_after: bool, r: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (h, c) behind one step: ``u = W x + b``, ``v = R h + b``, gates i, o, f, g; the last two do not count."""
    del h, reset_after, r
    n = c.shape[-1]
    gates = u + v
    open_ = _sigmoid(gates[..., : 3 * n])
    i, o, f = open_[..., :n], open_[..., n : 2 * n], open_[..., 2 * n :]
    c = f * c + i * np.tanh(gates[..., 3 * n :])
    return o * np.tanh(c), c


def gru_step(
    u: NDArray[Any], v: NDArray[Any], h: NDArray[Any], c: NDArray[Any], reset_after: bool, r: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (h, h) behind one step: u and v as above, gates z, r, n; ``r``: the candidate's recurrent weights."""
    del c
    n = h.shape[-1]
    gates = _sigmoid(u[..., : 2 * n] + v[..., : 2 * n])
    z, reset = gates[..., :n], gates[..., n:]
    inner = reset * v[..., 2 * n :] if reset_after else v[..., 2 * n :] - h @ r.T + (reset * h) @ r.T
    h = (1 - z) * np.tanh(u[..., 2 * n :] + inner) + z * h
    return h, h


def recur(node: Node, arrays: list[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return hidden states and cells ``(n, T, D, H)`` of every step, and the last hidden states ``(n, D, H)``.

    Parameters
    ----------
    node
        Canonical or of the ONNX dialect.
    arrays
        Its inputs with a leading sample axis.
    """
    weights, states = [a[0] for a in arrays[1:4]], [a[0] for a in arrays[4:]]
    w, r, b = weights
    directions, rows, depth = w.shape
    size = r.shape[2]
    x = arrays[0].reshape(len(arrays[0]), -1, depth)
    hidden = np.zeros((len(x), x.shape[1], directions, size), x.dtype)
    cells, final = hidden.copy(), np.zeros((len(x), directions, size), x.dtype)
    step = lstm_step if node.op.lower() == "lstm" else gru_step
    for d in range(directions):
        u = x @ w[d].T + b[d, :rows]
        h, c = (np.broadcast_to(state[d], (len(x), size)) for state in (states[0], states[-1]))
        order = range(x.shape[1])
        for t in reversed(order) if d or node.attrs["reverse"] else order:
            v = h @ r[d].T + b[d, rows:]
            h, c = step(u[:, t], v, h, c, bool(node.attrs.get("reset_after")), r[d, -size:])
            hidden[:, t, d], cells[:, t, d] = h, c
        final[:, d] = h
    return hidden, cells, final


def _fits(shapes: list[Shape], node: Node) -> tuple[int, int]:
    """Check what both dialects share; return (directions, hidden size)."""
    gates = GATES[node.op.lower()]
    need(len(shapes) == (6 if gates == 4 else 5), "takes x, W, R, B and the initial states")
    w, r, b, *states = shapes[1:]
    need(len(w) == len(r) == 3 and w[0] in {1, 2} and r == (w[0], w[1], r[2]), "W and R do not fit")
    need(w[1] == gates * r[2] and b == (w[0], 2 * w[1]), "W, R or B do not hold the gates")
    need(all(state == (w[0], r[2]) for state in states), "initial states do not fit")
    return w[0], r[2]


def _onnx_shape(shapes: list[Shape], node: Node) -> Shape:
    directions, size = _fits(shapes, node)
    layout, x = node.attrs["layout"], shapes[0]
    need(len(x) == 3 and x[2] == shapes[1][2], "the input does not fit W")
    need(x[1 - layout] == 1, f"runs {x[1 - layout]} sequences side by side; need 1")
    if node.attrs["last"]:
        return (1, directions, size) if layout else (directions, 1, size)
    return (1, x[1], directions, size) if layout else (x[0], directions, 1, size)


def _shape(shapes: list[Shape], node: Node) -> Shape:
    directions, size = _fits(shapes, node)
    shape, steps = tuple(node.attrs["shape"]), prod(shapes[0]) // shapes[1][2]
    need(prod(shapes[0]) % shapes[1][2] == 0, "the input is not whole steps")
    need(prod(shape) == directions * size * (1 if node.attrs["last"] else steps), "the output does not hold the states")
    return shape


def _run(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    hidden, _, final = recur(node, arrays)
    y = final if node.attrs["last"] else hidden
    if "shape" in node.attrs:
        return y.reshape(len(y), *node.attrs["shape"])
    axis = 1 if node.attrs["layout"] else y.ndim - 1
    result: NDArray[Any] = np.expand_dims(y, axis)
    return result


OPERATIONS = {
    "GRU": Operation(group="recurrent", shape=_onnx_shape, run=_run),
    "LSTM": Operation(group="recurrent", shape=_onnx_shape, run=_run),
    "gru": Operation(group="canonical", shape=_shape, run=_run),
    "lstm": Operation(group="canonical", shape=_shape, run=_run),
}
