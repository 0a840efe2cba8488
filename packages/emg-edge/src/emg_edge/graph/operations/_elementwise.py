"""Functions of one variable and arithmetic of two broadcast operands."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def erf(x: NDArray[Any]) -> NDArray[Any]:
    """Return the error function: to 1e-12, or to 5e-7 for float32, which holds no more and takes a sixth of the time.

    In float64 a cubic Hermite interpolation of `math.erf` on a grid of 1/512 over ±6; in float32 formula 7.1.26 of
    Abramowitz and Stegun, Handbook of Mathematical Functions (1 beyond ±6).
    """
    if x.dtype == np.float32:
        return _erf_single(x)
    value, slope = _erf_grid()
    position = (np.clip(x, -6.0, 6.0).astype(np.float64) + 6.0) * 512.0
    left = np.minimum(np.nan_to_num(position).astype(np.int64), len(value) - 2)  # NaN comes out as NaN all the same
    t = position - left
    y0, y1, d0, d1 = value[left], value[left + 1], slope[left] / 512.0, slope[left + 1] / 512.0
    cubic = y0 + t * (d0 + t * ((3 * (y1 - y0) - 2 * d0 - d1) + t * (d0 + d1 - 2 * (y1 - y0))))
    result: NDArray[Any] = cubic.astype(x.dtype)
    return result


def _erf_single(x: NDArray[np.float32]) -> NDArray[np.float32]:
    size = np.minimum(np.abs(x), np.float32(6.0))  # NaN stays NaN
    t = 1.0 / (1.0 + np.float32(0.3275911) * size)
    series = np.full_like(t, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series *= t
        series += np.float32(factor)
    series *= t
    series *= np.exp(-size * size)
    return np.copysign(1.0 - series, x)


@lru_cache(maxsize=1)
def _erf_grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    grid = np.arange(-6 * 512, 6 * 512 + 1) / 512.0
    return np.array([math.erf(v) for v in grid]), 2.0 / math.sqrt(math.pi) * np.exp(-grid * grid)


def gelu(x: NDArray[Any], approximate: str = "none") -> NDArray[Any]:
    """Return GELU, exact (``"none"``) or in its tanh form (``"tanh"``)."""
    if approximate == "tanh":
        result: NDArray[Any] = 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    else:
        result = 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))
    return result.astype(x.dtype)


def aligned(arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Give all arrays one rank by axes of 1 behind the sample axis."""
    rank = max(a.ndim for a in arrays)
    return [a.reshape(a.shape[0], *(1,) * (rank - a.ndim), *a.shape[1:]) for a in arrays]


def _binary(function: Callable[..., Any]) -> Callable[[Node, list[NDArray[Any]]], NDArray[Any]]:
    def run(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        del node
        result: NDArray[Any] = function(*aligned(arrays))
        return result

    return run


def _unary(function: Callable[..., Any]) -> Callable[[Node, list[NDArray[Any]]], NDArray[Any]]:
    def run(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        del node
        result: NDArray[Any] = function(arrays[0])
        return result.astype(arrays[0].dtype)

    return run


def _divide(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Divide; integers truncate towards zero, as ONNX demands."""
    quotient: NDArray[Any] = a / b
    return quotient if a.dtype.kind == "f" else np.trunc(quotient).astype(a.dtype)


def _mod(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Return the rest with the sign of the divisor, or with ``fmod`` that of the dividend."""
    result: NDArray[Any] = (np.fmod if node.attrs.get("fmod") else np.mod)(*aligned(arrays))
    return result


def _prelu(x: NDArray[Any], slope: NDArray[Any]) -> NDArray[Any]:
    result: NDArray[Any] = np.where(x < 0, slope * x, x)
    return result


def same_shape(shapes: list[Shape], node: Node) -> Shape:
    del node
    need(len(shapes) == 1, "takes one input")
    return shapes[0]


def _broadcast(shapes: list[Shape], node: Node) -> Shape:
    del node
    need(len(shapes) == 2, "takes two inputs")
    return np.broadcast_shapes(*shapes)


_UNARY: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "Abs": np.abs,
    "Erf": erf,
    "Exp": np.exp,
    "Neg": np.negative,
    "Reciprocal": np.reciprocal,
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": lambda x: 0.5 * (1.0 + np.tanh(0.5 * x)),
    "Sqrt": np.sqrt,
    "Tanh": np.tanh,
}
_BINARY: dict[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]] = {
    "Add": np.add,
    "Div": _divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "PRelu": _prelu,
    "Pow": np.power,
    "Sub": np.subtract,
}
OPERATIONS = {
    **{name: Operation(group="unary", shape=same_shape, run=_unary(function)) for name, function in _UNARY.items()},
    **{name: Operation(group="binary", shape=_broadcast, run=_binary(function)) for name, function in _BINARY.items()},
    "Mod": Operation(group="binary", shape=_broadcast, run=_mod),
    "Gelu": Operation(group="unary", shape=same_shape, run=lambda node, a: gelu(a[0], node.attrs["approximate"])),
}
