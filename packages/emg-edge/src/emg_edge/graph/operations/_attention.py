"""Softmax attention over heads as one operation."""

from __future__ import annotations

import math
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

from ._normalise import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


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


def _attention_shape(shapes: list[Shape], node: Node) -> Shape:
    need(len(shapes) in {3, 5}, "takes q, k, v and optionally cos and sin")
    shape, layout = tuple(node.attrs["shape"]), node.attrs["layout"]
    heads, width = node.attrs["heads"], node.attrs["width"]
    need(prod(shape) % (heads * width) == 0 and len(layout) == 9, "output or layout do not fit heads and width")
    rows = prod(shape) // (heads * width)
    for part in range(3):
        base, head, row = layout[3 * part : 3 * part + 3]
        last = base + (heads - 1) * head + (rows - 1) * row + width - 1
        need(min(base, head, row) >= 0 and last < prod(shapes[part]), f"layout of part {part} leaves the tensor")
    if len(shapes) == 5:
        need(shapes[3] == shapes[4] and shapes[3][1:] == (width // 2,), "cos and sin must be (period, width / 2)")
    return shape


def _attention(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    heads, width, layout = node.attrs["heads"], node.attrs["width"], node.attrs["layout"]
    rows = math.prod(node.attrs["shape"]) // (heads * width)
    q, k, v = (gather_heads(arrays[i], layout[3 * i : 3 * i + 3], heads, rows, width) for i in range(3))
    if len(arrays) == 5:
        q, k = rotate(q, arrays[3][0], arrays[4][0]), rotate(k, arrays[3][0], arrays[4][0])
    weights = softmax((q * q.dtype.type(node.attrs["scale"])) @ k.swapaxes(-1, -2), -1)
    context: NDArray[Any] = (weights @ v).swapaxes(1, 2)
    return context.reshape(len(q), *node.attrs["shape"])


OPERATIONS = {"attention": Operation(group="canonical", shape=_attention_shape, run=_attention)}
