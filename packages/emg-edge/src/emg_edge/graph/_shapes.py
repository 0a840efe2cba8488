"""The table of legal operations: one shape rule each."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import EmgEdgeError

from ._graph import checked_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._graph import Graph, Node

Shape = tuple[int, ...]

UNARY = frozenset({"Abs", "Erf", "Exp", "Gelu", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Tanh"})
BINARY = frozenset({"Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"})
MOVEMENT = frozenset({"Concat", "Expand", "Gather", "Reshape", "Slice", "Transpose"})
CANONICAL = frozenset({"add", "add_constant", "attention", "layernorm", "linear", "mean", "table", "transpose"})


def output_shape(node: Node, graph: Graph) -> Shape:
    """Infer the shape that a node writes.

    Raises
    ------
    EmgEdgeError
        If the operation is not in the table, or its inputs or attributes do not fit together.
    """
    where = f"{node.op} {node.name!r}"
    rule = _RULES.get(node.op)
    if rule is None:
        raise EmgEdgeError(f"{where}: no such operation in the float IR; it has {sorted(_RULES)}")
    shapes = [graph.shape(name) for name in node.inputs]
    try:
        shape = rule(shapes, node)
    except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError) as error:
        raise EmgEdgeError(f"{where} on shapes {shapes}: {error}") from error
    return checked_size(tuple(int(extent) for extent in shape), where)


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _same(shapes: list[Shape], node: Node) -> Shape:
    del node
    _need(len(shapes) == 1, "takes one input")
    return shapes[0]


def _broadcast(shapes: list[Shape], node: Node) -> Shape:
    del node
    _need(len(shapes) == 2, "takes two inputs")
    return np.broadcast_shapes(*shapes)


def _reshape(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    _need(prod(shape) == prod(shapes[0]), f"cannot be seen as {shape}")
    return shape


def _transpose(shapes: list[Shape], node: Node) -> Shape:
    perm = tuple(node.attrs["perm"])
    _need(sorted(perm) == list(range(len(shapes[0]))), f"perm {perm} is not a permutation of the axes")
    return tuple(shapes[0][axis] for axis in perm)


def _slice(shapes: list[Shape], node: Node) -> Shape:
    slices = node.attrs["slices"]
    _need(len(slices) == len(shapes[0]), "one slice per axis")
    extents = tuple(
        len(range(start, stop, step)) for start, stop, step in slices if step != 0 and min(start, stop) >= -1
    )
    _need(len(extents) == len(shapes[0]) and min(extents, default=1) > 0, f"slices {slices} are empty")
    _need(all(0 <= s[0] < extent for s, extent in zip(slices, shapes[0], strict=True)), f"slices {slices} out of range")
    return extents


def _gather(shapes: list[Shape], node: Node) -> Shape:
    axis, indices = node.attrs["axis"], np.asarray(node.attrs["indices"])
    _need(0 <= axis < len(shapes[0]), f"axis {axis} out of range")
    _need(indices.size > 0 and indices.min() >= 0 and indices.max() < shapes[0][axis], "indices out of range")
    return (*shapes[0][:axis], *indices.shape, *shapes[0][axis + 1 :])


def _concat(shapes: list[Shape], node: Node) -> Shape:
    axis = node.attrs["axis"]
    first = shapes[0]
    _need(0 <= axis < len(first), f"axis {axis} out of range")
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes if len(shape) == len(first)}
    _need(len(rest) == 1 and all(len(shape) == len(first) for shape in shapes), "parts differ outside the axis")
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def _expand(shapes: list[Shape], node: Node) -> Shape:
    return np.broadcast_shapes(shapes[0], tuple(node.attrs["shape"]))


def _matmul(shapes: list[Shape], node: Node) -> Shape:
    del node
    a, b = shapes
    _need(len(a) >= 2 and len(b) >= 2 and a[-1] == b[-2], "inner extents differ")
    return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])


def _conv(shapes: list[Shape], node: Node) -> Shape:
    x, w = shapes[0], shapes[1]
    strides, pads, dilations = (tuple(node.attrs[key]) for key in ("strides", "pads", "dilations"))
    spatial = len(x) - 2
    _need(spatial in {1, 2} and len(w) == len(x), "only 1-D and 2-D convolutions")
    _need(
        len(strides) == len(dilations) == spatial and len(pads) == 2 * spatial, "strides, pads or dilations do not fit"
    )
    _need(min(*strides, *dilations) >= 1 and min(pads) >= 0, "strides and dilations must be >= 1, pads >= 0")
    group = node.attrs["group"]
    _need(group >= 1 and x[1] == w[1] * group and w[0] % group == 0, "channels do not fit the groups")
    _need(len(shapes) == 2 or shapes[2] == (w[0],), "bias does not fit")
    out = [
        (x[i + 2] + pads[i] + pads[i + spatial] - dilations[i] * (w[i + 2] - 1) - 1) // strides[i] + 1
        for i in range(spatial)
    ]
    return (x[0], w[0], *out)


def _reduce(shapes: list[Shape], node: Node) -> Shape:
    axes, keep = set(node.attrs["axes"]), node.attrs["keepdims"]
    _need(axes <= set(range(len(shapes[0]))), f"axes {sorted(axes)} out of range")
    shape = [1 if axis in axes else extent for axis, extent in enumerate(shapes[0]) if keep or axis not in axes]
    return tuple(shape) or (1,)


def _softmax(shapes: list[Shape], node: Node) -> Shape:
    _need(0 <= node.attrs["axis"] < len(shapes[0]), "axis out of range")
    return shapes[0]


def _normalise(shapes: list[Shape], node: Node) -> Shape:
    del node
    _need(shapes[1] == shapes[2] == shapes[0][-1:], "scale and bias must match the last axis")
    return shapes[0]


def _linear(shapes: list[Shape], node: Node) -> Shape:
    x, w, b = shapes
    shape = tuple(node.attrs["shape"])
    _need(len(w) == 2 and prod(x) % w[1] == 0 and b == w[:1], "input, weight (N, K) and bias (N,) do not fit")
    _need(prod(shape) == prod(x) // w[1] * w[0], f"rows of {w[0]} do not fill {shape}")
    return shape


def _layernorm(shapes: list[Shape], node: Node) -> Shape:
    x, gamma, beta = shapes
    shape = tuple(node.attrs["shape"])
    _need(gamma == beta and len(gamma) == 1 and prod(x) % gamma[0] == 0, "gamma and beta do not fit whole rows")
    _need(prod(shape) == prod(x), "sizes differ")
    return shape


def _table(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    _need(len(shapes) == 1 and prod(shape) == prod(shapes[0]), "sizes differ")
    return shape


def _attention(shapes: list[Shape], node: Node) -> Shape:
    _need(len(shapes) in {3, 5}, "takes q, k, v and optionally cos and sin")
    shape, layout = tuple(node.attrs["shape"]), node.attrs["layout"]
    heads, width = node.attrs["heads"], node.attrs["width"]
    _need(prod(shape) % (heads * width) == 0 and len(layout) == 9, "output or layout do not fit heads and width")
    rows = prod(shape) // (heads * width)
    for part in range(3):
        base, head, row = layout[3 * part : 3 * part + 3]
        last = base + (heads - 1) * head + (rows - 1) * row + width - 1
        _need(min(base, head, row) >= 0 and last < prod(shapes[part]), f"layout of part {part} leaves the tensor")
    if len(shapes) == 5:
        _need(shapes[3] == shapes[4] and shapes[3][1:] == (width // 2,), "cos and sin must be (period, width / 2)")
    return shape


def _add(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    _need(len(shapes) == 2 and prod(shapes[0]) == prod(shapes[1]) == prod(shape), "sizes differ")
    return shape


def _add_constant(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    _need(
        len(shapes[1]) == 2 and prod(shapes[1]) * node.attrs["repeat"] == prod(shapes[0]) == prod(shape), "sizes differ"
    )
    return shape


def _mean(shapes: list[Shape], node: Node) -> Shape:
    outer, axis, inner = (node.attrs[key] for key in ("outer", "axis", "inner"))
    shape = tuple(node.attrs["shape"])
    _need(outer * axis * inner == prod(shapes[0]) and outer * inner == prod(shape), "extents do not fit")
    return shape


def _permute(shapes: list[Shape], node: Node) -> Shape:
    view, perm, shape = (tuple(node.attrs[key]) for key in ("view", "perm", "shape"))
    _need(sorted(perm) == list(range(len(view))) and len(view) <= 4, "perm must permute at most four axes")
    _need(prod(view) == prod(shapes[0]) == prod(shape), "view does not fit")
    return shape


_RULES: dict[str, Callable[[list[Shape], Node], Shape]] = {
    **dict.fromkeys(UNARY, _same),
    **dict.fromkeys(BINARY, _broadcast),
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Slice": _slice,
    "Gather": _gather,
    "Concat": _concat,
    "Expand": _expand,
    "MatMul": _matmul,
    "Conv": _conv,
    "ReduceMean": _reduce,
    "Softmax": _softmax,
    "LayerNormalization": _normalise,
    "linear": _linear,
    "layernorm": _layernorm,
    "attention": _attention,
    "add": _add,
    "add_constant": _add_constant,
    "mean": _mean,
    "transpose": _permute,
    "table": _table,
}
OPERATIONS = frozenset(_RULES)
