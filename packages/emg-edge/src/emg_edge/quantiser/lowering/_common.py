"""What several lowerings share: rounding to 32 bits, weights of products, tables of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import apply_body
from emg_edge.program._tensor import DTYPES
from emg_edge.quantiser._weights import quantise_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._tensor import Tensor
    from emg_edge.quantiser._grids import Grids

_BYTES = np.arange(256, dtype=np.uint8).view(np.int8)


def int32(values: NDArray[Any], what: str) -> NDArray[np.int32]:
    rounded = np.rint(values)
    if np.abs(rounded).max(initial=0.0) >= 2**31:
        raise EmgEdgeError(f"{what} does not fit 32 bits; the scales of its tensors are too far apart")
    result: NDArray[np.int32] = rounded.astype(np.int32)
    return result


def product_weights(
    graph: Graph, node: Node, scale: float
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.float64]]:
    """Return int8 weights as rows, biases and the weights' steps of a product whose input has that scale."""
    w, b = (graph.constants[name] for name in node.inputs[1:])
    return quantise_weights(w.reshape(len(w), -1), b, scale, node.attrs.get("steps"), node.attrs.get("weight_bits", 8))


def product_has_room(graph: Graph, node: Node, scale: float) -> bool:
    """Whether no accumulator of a product can overflow on int16 input of that scale, zero point 0."""
    weight, bias, _ = product_weights(graph, node, scale)
    reach = np.abs(weight.astype(np.int64)).sum(1) * 2**15 + np.abs(bias)
    return int(reach.max()) < 2**31


def clamps(graph: Graph, node: Node) -> bool:
    """Whether the function fused behind a product is ReLU, which a grid that begins at 0 does by saturating."""
    return _is_relu(node) and not graph.given.get(node.output, ())


def _is_relu(node: Node) -> bool:
    return node.attrs.get("function") == "relu" and not node.attrs.get("before")


def finish(node: Node, grids: Grids, out: Tensor) -> tuple[float, int, NDArray[np.int8] | None]:
    """Return the scale and the zero point that a product requantises to, and the table behind it, if any."""
    lowest = DTYPES[out.dtype][1]
    if "body" not in node.attrs or (_is_relu(node) and out.zero_point == lowest):
        return out.scale, out.zero_point, None
    scale, zero = grids.before_table[node.output]
    return scale, zero, function_table(node, (scale, zero), out, grids.seen[f"{node.output}:pre"])


def within(body: Graph, real: NDArray[np.float64], seen: tuple[float, float]) -> NDArray[np.float64]:
    """Apply a function; where it has no value, as behind its domain, that of the nearest calibrated argument stands."""
    with np.errstate(all="ignore"):
        behind = apply_body(body, real)
        lost = ~np.isfinite(behind)
        return np.where(lost, apply_body(body, np.clip(real, *seen)), behind) if lost.any() else behind


def function_table(node: Node, grid: tuple[float, int], out: Tensor, seen: tuple[float, float]) -> NDArray[np.int8]:
    """Return the function of a node behind every int8 code of a grid (scale, zero point)."""
    real = (_BYTES.astype(np.float64) - grid[1]) * grid[0]
    behind = within(node.attrs["body"], real, seen)
    if not np.isfinite(behind).all():
        raise EmgEdgeError(
            f"the function at {node.name!r} is not finite on [{seen[0]:g}, {seen[1]:g}], which its argument reached on "
            "the calibration windows; keep the argument away from the pole, by adding a constant or clipping it"
        )
    return out.quantise(behind)
