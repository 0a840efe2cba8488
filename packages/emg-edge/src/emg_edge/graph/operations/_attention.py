"""Softmax attention over heads as one operation."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def gather_heads(
    x: NDArray[Any], layout: tuple[int, ...], heads: int, rows: int, width: int, group: int = 1
) -> NDArray[Any]:
    """Return ``(n, heads, rows, width)``: element (h, r, i) stands at ``base + h // group * head + r * row + i``."""
    base, head, row = layout
    h, r, i = np.ogrid[:heads, :rows, :width]
    gathered: NDArray[Any] = x.reshape(len(x), -1)[:, base + h // group * head + r * row + i]
    return gathered


def rotate(x: NDArray[Any], cos: NDArray[Any], sin: NDArray[Any], *, halves: bool = False) -> NDArray[Any]:
    """Rotate the pairs of ``(n, heads, rows, width)``; tables ``(period, width / 2)`` repeat over rows."""
    row = np.arange(x.shape[2]) % len(cos)
    c, s = cos[row], sin[row]
    a, b = np.split(x, 2, -1) if halves else (x[..., 0::2], x[..., 1::2])
    return np.stack([a * c - b * s, a * s + b * c], -2 if halves else -1).reshape(x.shape)


def turned(node: Node, x: NDArray[Any], given: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Return q or k as it enters the scores."""
    if "cos" not in given:
        return x
    return rotate(x, given["cos"][0], given["sin"][0], halves=node.attrs.get("halves", False))


def extents(node: Node) -> tuple[int, int, int, int]:
    """Return heads, queries, keys and width of an attention node."""
    heads, width = node.attrs["heads"], node.attrs["width"]
    queries = prod(node.attrs["shape"]) // (heads * width)
    return heads, queries, node.attrs.get("keys") or queries, width


def extras(node: Node) -> tuple[str, ...]:
    """Return what the inputs behind q, k and v are: ``cos``, ``sin``, ``mask``, ``bias``, ``padding``."""
    return tuple(node.attrs.get("extras", ("cos", "sin")[: len(node.inputs) - 3]))


def operands(node: Node, arrays: list[NDArray[Any]]) -> tuple[list[NDArray[Any]], dict[str, NDArray[Any]]]:
    """Return q, k, v as ``(n, heads, rows, width)``, not yet rotated, and the other inputs by what they are."""
    heads, queries, keys, width = extents(node)
    layout, group = node.attrs["layout"], node.attrs.get("group", 1)
    parts = [
        gather_heads(arrays[0], layout[:3], heads, queries, width),
        gather_heads(arrays[1], layout[3:6], heads, keys, width, group),
        gather_heads(arrays[2], layout[6:9], heads, keys, width, group),
    ]
    return parts, dict(zip(extras(node), arrays[3:], strict=True))


def _attention_shape(shapes: list[Shape], node: Node) -> Shape:
    need(len(shapes) >= 3 and len(extras(node)) == len(shapes) - 3, "takes q, k, v and what `extras` names")
    shape, layout = tuple(node.attrs["shape"]), node.attrs["layout"]
    heads, queries, keys, width = extents(node)
    need(prod(shape) == heads * queries * width and len(layout) == 9, "output or layout do not fit heads and width")
    group = node.attrs.get("group", 1)
    need(heads % group == 0, f"{heads} heads are no multiple of {group}")
    for part, (count, rows) in enumerate(((heads, queries), (heads // group, keys), (heads // group, keys))):
        base, head, row = layout[3 * part : 3 * part + 3]
        last = base + (count - 1) * head + (rows - 1) * row + width - 1
        need(min(base, head, row) >= 0 and last < prod(shapes[part]), f"layout of part {part} leaves the tensor")
    _check_extras(dict(zip(extras(node), shapes[3:], strict=True)), node)
    return shape


def _check_extras(found: dict[str, Shape], node: Node) -> None:
    heads, queries, keys, width = extents(node)
    if "cos" in found:
        need(
            found["cos"] == found.get("sin") and found["cos"][1:] == (width // 2,),
            "cos and sin must be (period, width / 2)",
        )
    for name in ("mask", "bias"):
        rows, row = found.get(name, (1, 1, keys))[:2], found.get(name, (keys,))[-1]
        need(row == keys and rows[0] in {1, heads} and rows[1] in {1, queries}, f"{name} must be (1 | H, 1 | N, M)")
    need(prod(found.get("padding", (keys,))) == keys, "padding needs one value a key")


def visible(node: Node, given: dict[str, NDArray[Any]]) -> NDArray[np.bool_] | None:
    """Return which key each query sees, broadcastable to ``(n, heads, queries, keys)``; None where it is all."""
    _, queries, keys, _ = extents(node)
    seen: NDArray[np.bool_] | None = None
    if node.attrs.get("reach") is not None:
        behind, ahead = node.attrs["reach"]
        distance = np.arange(keys) - np.arange(queries)[:, None]
        seen = ((distance >= behind) & (distance <= ahead))[None, None]
    for name in ("mask", "padding"):
        if name in given:
            array = given[name]
            own = (array if name == "mask" else array.reshape(len(array), 1, 1, keys)) != 0
            seen = own if seen is None else seen & own
    return seen


def _attention(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    (q, k, v), given = operands(node, arrays)
    q, k = (turned(node, x, given) for x in (q, k))
    scores = (q * q.dtype.type(node.attrs["scale"])) @ k.swapaxes(-1, -2)
    if "bias" in given:
        scores = scores + given["bias"].astype(scores.dtype)
    seen = visible(node, given)
    if seen is not None:
        scores = np.where(seen, scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0.0)).astype(scores.dtype)
    total = e.sum(-1, keepdims=True)
    e /= np.where(total > 0.0, total, 1.0)  # a row that sees no key is 0
    context: NDArray[Any] = (e @ v).swapaxes(1, 2)
    return context.reshape(len(context), *node.attrs["shape"])


OPERATIONS = {"attention": Operation(group="canonical", shape=_attention_shape, run=_attention)}
