"""Attention as one node: written out as products, masks and a softmax, which the passes read again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.onnx_reader._importer import Importer, RefusedError

from ._logic import real_constant

if TYPE_CHECKING:
    from collections.abc import Callable

_NEVER = -1e30


@dataclass(frozen=True)
class _Scores:
    """What stands between the two products of an attention.

    Parameters
    ----------
    scale
        Factor of the scores.
    causal
        Whether row r sees keys 0..r only.
    added, kept
        Names of an additive mask, and of a condition that is true where a key is visible; ``""`` for none.
    """

    scale: float
    causal: bool = False
    added: str = ""
    kept: str = ""


def heads_first(i: Importer, name: str, heads: int, label: str) -> str:
    """Return ``(batch, rows, heads * width)`` as ``(batch, heads, rows, width)``."""
    shape = i.shape(name)
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        raise RefusedError(f"{label} of shape {shape} for {heads} heads", "give (batch, rows, heads * width)")
    seen = i.emit("Reshape", (name,), i.temporary(label), shape=(*shape[:2], heads, shape[2] // heads))
    return i.emit("Transpose", (seen,), i.temporary(label), perm=(0, 2, 1, 3))


def repeated(i: Importer, name: str, heads: int, label: str) -> str:
    """Repeat each head of keys or values for the query heads that share it."""
    batch, own, rows, width = i.shape(name)
    if own == heads:
        return name
    if heads % own:
        raise RefusedError(f"{heads} heads share {own} heads of {label}", "let the one be a multiple of the other")
    seen = i.emit("Reshape", (name,), i.temporary(label), shape=(batch, own, 1, rows, width))
    wide = i.emit("Expand", (seen,), i.temporary(label), shape=(batch, own, heads // own, rows, width))
    return i.emit("Reshape", (wide,), i.temporary(label), shape=(batch, heads, rows, width))


def _attend(i: Importer, q: str, k: str, v: str, scores: _Scores, output: str | None) -> str:
    """Emit the attention of q, k, v as ``(batch, heads, rows, width)``."""
    turned = i.emit("Transpose", (k,), i.temporary("keys"), perm=(0, 1, 3, 2))
    value = i.emit("MatMul", (q, turned), i.temporary("scores"))
    factor = i.constant("scale", np.array([scores.scale], np.float32))
    value = i.emit("Mul", (value, factor), i.temporary("scaled"))
    rows, keys = i.shape(value)[-2:]
    never = i.constant("never", np.array([_NEVER], np.float32))
    if scores.added:
        value = i.emit("Add", (value, scores.added), i.temporary("masked"))
    if scores.kept:
        value = i.emit("Where", (scores.kept, value, never), i.temporary("masked"))
    if scores.causal:
        lower = i.constant("causal", np.tril(np.ones((rows, keys), np.float32)))
        value = i.emit("Where", (lower, value, never), i.temporary("masked"))
    weights = i.emit("Softmax", (value,), i.temporary("weights"), axis=3)
    return i.emit("MatMul", (weights, v), output)


def _merged(i: Importer, context: str) -> None:
    """Emit ``(batch, heads, rows, width)`` as the node's output ``(batch, rows, heads * width)``."""
    batch, heads, rows, width = i.shape(context)
    turned = i.emit("Transpose", (context,), i.temporary("rows"), perm=(0, 2, 1, 3))
    i.emit("Reshape", (turned,), shape=(batch, rows, heads * width))


def _refuse(i: Importer, allowed: set[int], **limits: float) -> None:
    """Refuse inputs beyond those allowed, further outputs, and attributes other than the given ones."""
    extra = [index for index, name in enumerate(i.source.inputs) if name and index not in allowed]
    if extra or any(i.source.outputs[1:]):
        raise RefusedError(
            f"uses inputs {extra} or outputs {list(filter(None, i.source.outputs[1:]))}",
            "export it without caches of keys and values, and with one output",
        )
    for name, value in limits.items():
        if i.attr(name, value) != value:
            raise RefusedError(f"{name}={i.attr(name, value)}", f"export it with {name}={value:g}")


def _condition(i: Importer, name: str) -> bool:
    """Whether a mask is a condition and not a number to add."""
    if name in i.constants:
        return i.types.get(name, "") == "BOOL" or i.constants[name].dtype.kind != "f"
    return i.values[name].dtype != "float32"


def _masks(i: Importer, name: str) -> dict[str, str]:
    if not name:
        return {}
    return {"kept": real_constant(i, name)} if _condition(i, name) else {"added": name}


def _attention(i: Importer) -> None:
    """Attention of opset 23."""
    _refuse(i, {0, 1, 2, 3}, softcap=0.0, qk_matmul_output_mode=0)
    q, k, v = (i.require(index) for index in range(3))
    flat = len(i.shape(q)) == 3
    if flat:
        heads, shared = int(i.attr("q_num_heads", 0)), int(i.attr("kv_num_heads", 0))
        q, k, v = heads_first(i, q, heads, "q"), heads_first(i, k, shared, "k"), heads_first(i, v, shared, "v")
    heads, width = i.shape(q)[1], i.shape(q)[3]
    k, v = repeated(i, k, heads, "k"), repeated(i, v, heads, "v")
    scores = _Scores(float(i.attr("scale", 0.0)) or width**-0.5, bool(i.attr("is_causal", 0)), **_masks(i, i.input(3)))
    context = _attend(i, q, k, v, scores, i.temporary("context") if flat else None)
    if flat:
        _merged(i, context)


def _padding(i: Importer, index: int, keys: int) -> dict[str, str]:
    """Return the raw mask (batch, keys), 1 where a key is visible, as a condition on scores."""
    name = i.input(index)
    if not name:
        return {}
    shape = i.shape(name)
    if shape != (1, keys):
        raise RefusedError(f"a mask of shape {shape} for {keys} keys", "give a mask (batch, keys) of 0 and 1")
    return {"kept": i.emit("Reshape", (real_constant(i, name),), i.temporary("padding"), shape=(1, 1, 1, keys))}


def _packed_attention(i: Importer) -> None:
    """com.microsoft.Attention: input, packed weights (D, 3 D'), bias."""
    _refuse(i, {0, 1, 2, 3, 5}, do_rotary=0, past_present_share_buffer=0)
    x, weight, bias = i.require(0), i.require(1), i.input(2)
    heads, total = int(i.attr("num_heads", 0)), i.shape(weight)[1]
    sizes = [int(size) for size in i.attr("qkv_hidden_sizes", [total // 3] * 3)]
    product = i.emit("MatMul", (x, weight), i.temporary("qkv"))
    product = i.emit("Add", (product, bias), i.temporary("qkv")) if bias else product
    batch, rows, _ = i.shape(product)
    parts, start = [], 0
    for label, size in zip("qkv", sizes, strict=True):
        slices = ((0, batch, 1), (0, rows, 1), (start, start + size, 1))
        parts.append(heads_first(i, i.emit("Slice", (product,), i.temporary(label), slices=slices), heads, label))
        start += size
    _finish(i, parts, int(i.attr("unidirectional", 0)), 3, i.input(5))


def _split_attention(i: Importer) -> None:
    """com.microsoft.MultiHeadAttention: query, key, value (batch, rows, D), bias (3 D)."""
    _refuse(i, {0, 1, 2, 3, 4, 5})
    heads, bias = int(i.attr("num_heads", 0)), i.input(3)
    names = [i.require(index) for index in range(3)]
    parts, start = [], 0
    for label, name in zip("qkv", names, strict=True):
        size = i.shape(name)[-1]
        part = ""
        if bias:
            part = i.emit("Slice", (bias,), i.temporary("bias"), slices=((start, start + size, 1),))
        value = i.emit("Add", (name, part), i.temporary(label)) if bias else name
        parts.append(heads_first(i, value, heads, label))
        start += size
    _finish(i, parts, int(i.attr("unidirectional", 0)), 4, i.input(5))


def _finish(i: Importer, parts: list[str], causal: int, padding: int, added: str) -> None:
    """Emit the attention of a com.microsoft node from q, k, v by heads."""
    q, k, v = parts
    width, keys = i.shape(q)[3], i.shape(k)[2]
    scale = float(i.attr("scale", 0.0)) or width**-0.5
    scores = _Scores(scale, bool(causal), added, **_padding(i, padding, keys))
    _merged(i, _attend(i, q, k, v, scores, i.temporary("context")))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "Attention": _attention,
    "com.microsoft.Attention": _packed_attention,
    "com.microsoft.MultiHeadAttention": _split_attention,
}
