"""From canonical nodes to integer operators: weights, biases, multipliers and tables, one function per kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import apply_body
from emg_edge.kernels import (
    FRACTION,
    MAX_EPS,
    STEP,
    Add,
    AddConstant,
    Attention,
    LayerNorm,
    Linear,
    Mean,
    Requantise,
    Table,
    Transpose,
    exp_table,
    multiplier,
)

from ._weights import quantise_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._program import Op, Tensor

    from ._grids import Grids

_BYTES = np.arange(256, dtype=np.uint8).view(np.int8)


def lower(graph: Graph, node: Node, grids: Grids) -> Op:
    """Return the integer operator of a canonical node."""
    return _LOWERINGS[node.op](graph, node, grids)


def narrowed(wide: Tensor, narrow: Tensor) -> Op:
    """Return the operator that writes the int8 copy of a tensor."""
    mul, shift = multiplier(wide.scale / narrow.scale)
    return Requantise(
        name=f"{narrow.name}_requantise", inputs=(wide.name,), output=narrow.name, mul=int(mul[0]), shift=shift
    )


def _int32(values: NDArray[Any], what: str) -> NDArray[np.int32]:
    rounded = np.rint(values)
    if np.abs(rounded).max(initial=0.0) >= 2**31:
        raise EmgEdgeError(f"{what} does not fit 32 bits; the scales of its tensors are too far apart")
    result: NDArray[np.int32] = rounded.astype(np.int32)
    return result


def _table(node: Node, scale: float, zero: int, out: Tensor) -> NDArray[np.int8]:
    real = (_BYTES.astype(np.float64) - zero) * scale
    with np.errstate(all="ignore"):
        behind = apply_body(node.attrs["body"], real)
    if not np.isfinite(behind).all():
        raise EmgEdgeError(f"the function at {node.name!r} is not finite on [{real.min():g}, {real.max():g}]")
    return out.quantise(behind)


def _linear(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    w, b = (graph.constants[name] for name in node.inputs[1:])
    weight, bias, w_scale = quantise_weights(w, b, x.scale, node.attrs.get("steps"))
    bias = bias - x.zero_point * weight.astype(np.int64).sum(1)
    y_scale: Any = next((h.channels[out.name] for h in grids.heads.values() if out.name in h.channels), out.scale)
    zero, table = out.zero_point, None
    if "body" in node.attrs:
        y_scale, zero = grids.before_table[node.output]
        table = _table(node, y_scale, zero, out)
    mul, shift = multiplier(x.scale * w_scale / y_scale)
    return Linear(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        weight=weight,
        bias=_int32(bias, f"bias of {node.name!r}"),
        mul=mul,
        shift=shift,
        pre_zero=zero,
        table=table,
    )


def _layernorm(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    gamma, beta = (graph.constants[name].astype(np.float64) / out.scale for name in node.inputs[1:])
    room_gamma = 30.0 + FRACTION - np.log2(max(float(np.abs(gamma).max()), 1e-30))
    room_beta = 30.0 - np.log2(max(float(np.abs(beta).max()), 1e-30))
    shift = int(np.floor(min(30.0, room_gamma, room_beta)))
    if shift < 1:
        raise EmgEdgeError(f"layernorm {node.name!r}: gamma or beta is too large for its output's scale {out.scale:g}")
    return LayerNorm(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        gamma=_int32(gamma * 2.0 ** (shift - FRACTION), f"gamma of {node.name!r}"),
        beta=_int32(beta * 2.0**shift, f"beta of {node.name!r}"),
        shift=shift,
        eps=_eps(node, len(gamma), x.scale),
    )


def _eps(node: Node, width: int, scale: float) -> int:
    """Return epsilon in units of the squared, width-fold input steps."""
    eps: float = node.attrs["eps"] * width**2 / scale**2
    if not eps <= MAX_EPS:
        raise EmgEdgeError(
            f"layernorm {node.name!r}: its input has steps of {scale:g}, so small that epsilon {node.attrs['eps']:g} "
            "is all that counts; scale the model's input up"
        )
    return round(eps)


def _attention(graph: Graph, node: Node, grids: Grids) -> Op:
    sources, out = [grids.read(node, name) for name in node.inputs[:3]], grids.tensors[node.output]
    q, k, v = grids.heads[node.output].parts
    index_mul, index_shift = multiplier(q * k * node.attrs["scale"] / STEP)
    out_mul, out_shift = multiplier(v / out.scale / 2.0**8)
    turn = [
        np.clip(np.rint(graph.constants[name].astype(np.float64) * 32768.0), -32768, 32767).astype(np.int16)
        for name in node.inputs[3:]
    ]
    return Attention(
        name=node.name,
        inputs=tuple(source.name for source in sources),
        output=out.name,
        heads=node.attrs["heads"],
        width=node.attrs["width"],
        layout=tuple(int(v) for v in node.attrs["layout"]),
        index_mul=index_mul,
        index_shift=index_shift,
        out_mul=out_mul,
        out_shift=out_shift,
        table=exp_table(),
        cos=turn[0] if turn else None,
        sin=turn[1] if turn else None,
    )


def _add(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    (a, b), out = (grids.read(node, name) for name in node.inputs), grids.tensors[node.output]
    mul, shift = multiplier([a.scale / out.scale, b.scale / out.scale])
    return Add(
        name=node.name, inputs=(a.name, b.name), output=out.name, mul_a=int(mul[0]), mul_b=int(mul[1]), shift=shift
    )


def _add_constant(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    value = graph.constants[node.inputs[1]].astype(np.float64) / out.scale
    _, widest = multiplier(x.scale / out.scale)
    room = 30.0 - np.log2(max(float(np.abs(value).max()), 1e-9))
    shift = int(max(1, min(widest, np.floor(room))))
    return AddConstant(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        value=_int32(value * 2.0**shift, f"constant of {node.name!r}"),
        mul=int(_int32(np.array([x.scale / out.scale * 2.0**shift]), f"multiplier of {node.name!r}")[0]),
        shift=shift,
        repeat=node.attrs["repeat"],
    )


def _mean(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    mul, shift = multiplier(x.scale / (out.scale * node.attrs["axis"]))
    return Mean(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        outer=node.attrs["outer"],
        axis=node.attrs["axis"],
        inner=node.attrs["inner"],
        mul=int(mul[0]),
        shift=shift,
    )


def _transpose(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    return Transpose(
        name=node.name, inputs=(x.name,), output=out.name, shape=node.attrs["view"], perm=node.attrs["perm"]
    )


def _look_up(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    return Table(name=node.name, inputs=(x.name,), output=out.name, table=_table(node, x.scale, x.zero_point, out))


_LOWERINGS: dict[str, Callable[[Graph, Node, Grids], Op]] = {
    "add": _add,
    "add_constant": _add_constant,
    "attention": _attention,
    "layernorm": _layernorm,
    "linear": _linear,
    "mean": _mean,
    "table": _look_up,
    "transpose": _transpose,
}
