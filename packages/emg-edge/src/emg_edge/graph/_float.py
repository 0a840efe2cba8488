"""The float executor: every operation of the IR in numpy, vectorised over samples.

Each array carries a leading sample axis (1 for constants), so one run serves a whole batch although the graph's own
batch axis is 1.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

from ._graph import sample_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import DTypeLike, NDArray

    from ._graph import Graph, Node


def run_float(graph: Graph, x: NDArray[Any], *, dtype: DTypeLike = np.float32) -> dict[str, NDArray[Any]]:
    """Run a graph with one input on a batch of samples, keeping every value.

    Parameters
    ----------
    graph
        A verified graph with exactly one input.
    x
        ``(n, *sample)``, for a window model ``(n, channels, time)``.
    dtype
        Floating type to compute in.

    Returns
    -------
    dict
        Each value ``(n, *shape)`` by name, shape without the batch axis of 1.
    """
    if len(graph.inputs) != 1:
        raise EmgEdgeError(f"graph {graph.name!r} has inputs {graph.inputs}; run_float needs exactly one")
    expected = sample_shape(graph.shape(graph.inputs[0]))
    x = np.asarray(x)
    if x.ndim < 1 or len(x) < 1 or x[0].size != math.prod(expected) or x.shape[1:] not in {expected, (1, *expected)}:
        raise EmgEdgeError(f"input of shape {x.shape}, need (n, {', '.join(map(str, expected))}) with n >= 1")
    values = evaluate(graph, {graph.inputs[0]: x.astype(dtype)})
    return {
        name: np.broadcast_to(array, (len(x), *array.shape[1:])).reshape(len(x), *sample_shape(graph.shape(name)))
        for name, array in values.items()
    }


def evaluate(graph: Graph, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run the nodes on feeds with a leading sample axis; return inputs and every value written, ``(n, *shape)``."""
    dtype = next(iter(feeds.values())).dtype if feeds else np.dtype(np.float32)
    values = {name: feeds[name].reshape(-1, *graph.shape(name)) for name in graph.inputs}
    for node in graph.nodes:
        arrays = [_operand(graph, values, name, dtype) for name in node.inputs]
        with np.errstate(all="ignore"):
            result = run_node(node, arrays)
        values[node.output] = result
    return values


def _operand(graph: Graph, values: Mapping[str, NDArray[Any]], name: str, dtype: DTypeLike) -> NDArray[Any]:
    if name in values:
        return values[name]
    constant = graph.constants[name][None]
    return constant.astype(dtype) if constant.dtype.kind == "f" else constant


def run_node(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Run one operation on arrays with a leading sample axis."""
    return _KERNELS[node.op](node, arrays)


def erf(x: NDArray[Any]) -> NDArray[Any]:
    """Return the error function to 1e-12: cubic Hermite interpolation of `math.erf` on a grid of 1/512 over ±6."""
    value, slope = _erf_grid()
    position = (np.clip(x, -6.0, 6.0).astype(np.float64) + 6.0) * 512.0
    left = np.minimum(position.astype(np.int64), len(value) - 2)
    t = position - left
    y0, y1, d0, d1 = value[left], value[left + 1], slope[left] / 512.0, slope[left + 1] / 512.0
    cubic = y0 + t * (d0 + t * ((3 * (y1 - y0) - 2 * d0 - d1) + t * (d0 + d1 - 2 * (y1 - y0))))
    result: NDArray[Any] = cubic.astype(x.dtype)
    return result


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


def _softmax(x: NDArray[Any], axis: int) -> NDArray[Any]:
    e: NDArray[Any] = np.exp(x - x.max(axis, keepdims=True))
    e /= e.sum(axis, keepdims=True)
    return e


def _align(arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Give all arrays one rank by axes of 1 behind the sample axis."""
    rank = max(a.ndim for a in arrays)
    return [a.reshape(a.shape[0], *(1,) * (rank - a.ndim), *a.shape[1:]) for a in arrays]


def _binary(function: Callable[..., Any]) -> Callable[[Node, list[NDArray[Any]]], NDArray[Any]]:
    def run(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        del node
        result: NDArray[Any] = function(*_align(arrays))
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


def _slice(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    index = tuple(slice(start, None if stop < 0 else stop, step) for start, stop, step in node.attrs["slices"])
    result: NDArray[Any] = arrays[0][(slice(None), *index)]
    return result


def _concat(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    n = max(len(a) for a in arrays)
    return np.concatenate([np.broadcast_to(a, (n, *a.shape[1:])) for a in arrays], axis=node.attrs["axis"] + 1)


def _expand(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    shape = np.broadcast_shapes(arrays[0].shape[1:], tuple(node.attrs["shape"]))
    a = arrays[0].reshape(len(arrays[0]), *(1,) * (len(shape) - arrays[0].ndim + 1), *arrays[0].shape[1:])
    return np.broadcast_to(a, (len(a), *shape))


def _conv(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Convolve by gathering windows: ``(n, 1, Cin, *spatial)`` with ``(Cout, Cin / group, *kernel)``."""
    x, w = arrays[0][:, 0], arrays[1][0]
    group, kernel = node.attrs["group"], w.shape[2:]
    spatial, pads = len(kernel), node.attrs["pads"]
    x = np.pad(x, ((0, 0), (0, 0), *((pads[i], pads[i + spatial]) for i in range(spatial))))
    axes = tuple(range(2, 2 + spatial))
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, node.attrs["dilations"], strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=axes)
    step = tuple(slice(None, None, s) for s in node.attrs["strides"])
    taps = tuple(slice(None, None, d) for d in node.attrs["dilations"])
    windows = windows[(slice(None), slice(None), *step, *taps)]
    n, out = len(x), windows.shape[2 : 2 + spatial]
    order = (0, 1, *(2 + i for i in range(1, 1 + spatial)), 2, *(2 + i for i in range(1 + spatial, 1 + 2 * spatial)))
    split = windows.reshape(n, group, -1, *out, *kernel)  # n, group, cin, *out, *kernel
    patches = split.transpose(order).reshape(n, group, math.prod(out), -1)
    y = patches @ w.reshape(group, w.shape[0] // group, -1).swapaxes(1, 2)
    y = y.swapaxes(2, 3).reshape(n, 1, w.shape[0], *out)
    result: NDArray[Any] = y + arrays[2][0].reshape(-1, *(1,) * spatial) if len(arrays) > 2 else y
    return result


def _reduce_mean(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    axes = tuple(axis + 1 for axis in node.attrs["axes"])
    y: NDArray[Any] = arrays[0].mean(axes, keepdims=bool(node.attrs["keepdims"]))
    return y.reshape(len(y), *(y.shape[1:] or (1,))).astype(arrays[0].dtype)


def normalise(x: NDArray[Any], gamma: NDArray[Any], beta: NDArray[Any], eps: float) -> NDArray[Any]:
    """Normalise over the last axis with the biased variance, then scale and shift."""
    d = x - x.mean(-1, keepdims=True)
    result: NDArray[Any] = d / np.sqrt((d * d).mean(-1, keepdims=True) + eps) * gamma + beta
    return result.astype(x.dtype)


def _layernorm(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, gamma, beta = arrays[0], arrays[1][0], arrays[2][0]
    rows = x.reshape(len(x), -1, len(gamma))
    return normalise(rows, gamma, beta, node.attrs["eps"]).reshape(len(x), *node.attrs["shape"])


def _linear(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, weight, bias = arrays[0], arrays[1][0], arrays[2][0]
    y = (x.reshape(-1, weight.shape[1]) @ weight.T + bias).reshape(len(x), *node.attrs["shape"])
    body = node.attrs.get("body")
    return y if body is None else apply_body(body, y)


def apply_body(body: Graph, x: NDArray[Any]) -> NDArray[Any]:
    """Apply a function of one variable, given as a graph with a one-element input, to every element."""
    flat = x.reshape(-1, 1)
    (name,) = body.outputs
    return evaluate(body, {body.inputs[0]: flat})[name].reshape(x.shape).astype(x.dtype)


def gather_heads(x: NDArray[Any], layout: tuple[int, ...], heads: int, rows: int, width: int) -> NDArray[Any]:
    """Return ``(n, heads, rows, width)``: element (h, r, i) stands at ``base + h * head + r * row + i``."""
    base, head, row = layout
    h, r, i = np.ogrid[:heads, :rows, :width]
    gathered: NDArray[Any] = x.reshape(len(x), -1)[:, base + h * head + r * row + i]
    return gathered


def rotate(x: NDArray[Any], cos: NDArray[Any], sin: NDArray[Any]) -> NDArray[Any]:
    """Rotate the interleaved pairs of ``(n, heads, rows, width)``; tables ``(period, width / 2)`` repeat over rows."""
    row = np.arange(x.shape[2]) % len(cos)
    c, s = cos[row], sin[row]
    a, b = x[..., 0::2], x[..., 1::2]
    return np.stack([a * c - b * s, a * s + b * c], -1).reshape(x.shape)


def _attention(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    heads, width, layout = node.attrs["heads"], node.attrs["width"], node.attrs["layout"]
    rows = math.prod(node.attrs["shape"]) // (heads * width)
    q, k, v = (gather_heads(arrays[i], layout[3 * i : 3 * i + 3], heads, rows, width) for i in range(3))
    if len(arrays) == 5:
        q, k = rotate(q, arrays[3][0], arrays[4][0]), rotate(k, arrays[3][0], arrays[4][0])
    weights = _softmax((q * q.dtype.type(node.attrs["scale"])) @ k.swapaxes(-1, -2), -1)
    context: NDArray[Any] = (weights @ v).swapaxes(1, 2)
    return context.reshape(len(q), *node.attrs["shape"])


def _add_constant(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, value = arrays[0], arrays[1][0]
    rows, width = value.shape
    y: NDArray[Any] = x.reshape(len(x), rows, node.attrs["repeat"], width) + value[:, None, :]
    return y.reshape(len(x), *node.attrs["shape"])


def _mean(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    outer, axis, inner = (node.attrs[key] for key in ("outer", "axis", "inner"))
    y: NDArray[Any] = arrays[0].reshape(-1, outer, axis, inner).mean(2)
    return y.reshape(len(y), *node.attrs["shape"]).astype(arrays[0].dtype)


def _permute(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x = arrays[0].reshape(-1, *node.attrs["view"]).transpose(0, *(axis + 1 for axis in node.attrs["perm"]))
    return x.reshape(len(x), *node.attrs["shape"])


_KERNELS: dict[str, Callable[[Node, list[NDArray[Any]]], NDArray[Any]]] = {
    "Abs": _unary(np.abs),
    "Erf": _unary(erf),
    "Exp": _unary(np.exp),
    "Gelu": lambda node, a: gelu(a[0], node.attrs["approximate"]),
    "Neg": _unary(np.negative),
    "Reciprocal": _unary(np.reciprocal),
    "Relu": _unary(lambda x: np.maximum(x, 0)),
    "Sigmoid": _unary(lambda x: 0.5 * (1.0 + np.tanh(0.5 * x))),
    "Sqrt": _unary(np.sqrt),
    "Tanh": _unary(np.tanh),
    "Add": _binary(np.add),
    "Div": _binary(_divide),
    "Max": _binary(np.maximum),
    "Min": _binary(np.minimum),
    "Mul": _binary(np.multiply),
    "Pow": _binary(np.power),
    "Sub": _binary(np.subtract),
    "Reshape": lambda node, a: a[0].reshape(len(a[0]), *node.attrs["shape"]),
    "Transpose": lambda node, a: a[0].transpose(0, *(axis + 1 for axis in node.attrs["perm"])),
    "Slice": _slice,
    "Gather": lambda node, a: np.take(a[0], node.attrs["indices"], axis=node.attrs["axis"] + 1),
    "Concat": _concat,
    "Expand": _expand,
    "MatMul": _binary(np.matmul),
    "Conv": _conv,
    "ReduceMean": _reduce_mean,
    "Softmax": lambda node, a: _softmax(a[0], node.attrs["axis"] + 1),
    "LayerNormalization": lambda node, a: normalise(a[0], a[1][0], a[2][0], node.attrs["eps"]),
    "linear": _linear,
    "layernorm": _layernorm,
    "attention": _attention,
    "add": lambda node, a: a[0].reshape(-1, *node.attrs["shape"]) + a[1].reshape(-1, *node.attrs["shape"]),
    "add_constant": _add_constant,
    "mean": _mean,
    "transpose": _permute,
    "table": lambda node, a: apply_body(node.attrs["body"], a[0]).reshape(-1, *node.attrs["shape"]),
}
KERNELS = frozenset(_KERNELS)
