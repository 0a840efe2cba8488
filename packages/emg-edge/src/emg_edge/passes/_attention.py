"""Attention: Softmax between two products, with rotation and scale found by what they do, not by how they are written.

From the score product both operands are followed back to one source each as linear forms (`_views`). That shows the
layout of q, k and v, the factor in front of the scores wherever it was folded, and a rotation of feature pairs that
depends on the row. Whatever does not fit is refused with the reason. Requires the linear pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose, prod, sqrt
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Graph, Node, Value, scalar

from ._interleave import interleave
from ._pass import Notes, Pass, rewrite, split_constant
from ._rotation import NeighbourError, Operand, RotationError, common_tables, read_operand
from ._views import Form, affine, linear_form

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDING = 1e-5  # within which a factor is taken for 1 / sqrt(width), which float32 constants can only be near
_ADVICE = "write it as softmax(q @ k^T * scale) @ v over heads, without mask"


class _RefusedError(Exception):
    """The softmax is no attention that can be compiled."""


@dataclass(frozen=True)
class _Core:
    """The two products around a softmax and the scalar factor between them."""

    score: Node
    context: Node
    gain: float


def _core(graph: Graph, softmax: Node) -> _Core:
    gain, value = 1.0, softmax.inputs[0]
    while True:
        node = graph.producers.get(value)
        if node is None or node.op not in {"Mul", "Div", "Reshape", "MatMul"}:
            raise _RefusedError(f"its input comes from {node.op if node else 'the graph input'}, not from q @ k^T")
        if node.op == "MatMul":
            break
        value, factor = _through(graph, node)
        gain *= factor
    context = graph.sole_consumer(softmax.output)
    while context is not None and context.op == "Reshape":
        context = graph.sole_consumer(context.output)
    if context is None or context.op != "MatMul" or graph.dynamic(context) != context.inputs:
        raise _RefusedError("its output is not used by one product with v")
    if softmax.attrs["axis"] != len(graph.shape(softmax.output)) - 1:
        raise _RefusedError("it does not normalise over the last axis")
    return _Core(node, context, gain)


def _through(graph: Graph, node: Node) -> tuple[str, float]:
    """Step over a scalar factor or a change of leading axes."""
    if node.op == "Reshape":
        if graph.shape(node.inputs[0])[-2:] != graph.shape(node.output)[-2:]:
            raise _RefusedError("the scores are reshaped")
        return node.inputs[0], 1.0
    pair = split_constant(graph, node)
    factor = scalar(graph.constants[pair[1]]) if pair else None
    if pair is None or factor is None or (node.op == "Div" and (pair[0] != node.inputs[0] or factor == 0.0)):
        raise _RefusedError("the scores are multiplied by more than one number")
    return pair[0], factor if node.op == "Mul" else 1.0 / factor


def _operand(graph: Graph, name: str, lead: tuple[int, ...], *, swap: bool) -> Form:
    """Return q, k or v as a linear form in the order (heads, rows, width)."""
    form = linear_form(graph, name)
    shape = graph.shape(name)
    rows = np.broadcast_to(np.arange(prod(shape)).reshape(shape), (*lead, *shape[-2:]))
    rows = rows.swapaxes(-1, -2) if swap else rows
    return form.taken(np.ascontiguousarray(rows).reshape(-1))


def _value_layout(form: Form, heads: int, rows: int, width: int) -> tuple[int, int, int]:
    if form.index.shape[1] != 1 or not np.allclose(form.factor, 1.0, atol=1e-6):
        raise _RefusedError("v is scaled or mixed behind its source")
    layout = affine(form.index.reshape(heads, rows, width))
    if layout is None:
        raise _RefusedError("v does not lie in memory as (base, head, row, 1)")
    return layout


def _extents(graph: Graph, core: _Core) -> tuple[int, int, int]:
    """Return (heads, rows, width)."""
    rows, columns = graph.shape(core.score.output)[-2:]
    width, v = graph.shape(core.score.inputs[0])[-1], graph.shape(core.context.inputs[1])
    heads = prod(graph.shape(core.score.output)[:-2])
    if rows != columns or v[-2:] != (rows, width) or prod(graph.shape(core.context.output)[:-2]) != heads:
        raise _RefusedError(f"queries ({rows}), keys ({columns}) and values {v} differ in number or width")
    return heads, rows, width


def _forms(graph: Graph, core: _Core) -> list[Form]:
    """Return q, k and v as linear forms."""
    lead, behind = graph.shape(core.score.output)[:-2], graph.shape(core.context.output)[:-2]
    return [
        _operand(graph, core.score.inputs[0], lead, swap=False),
        _operand(graph, core.score.inputs[1], lead, swap=True),
        _operand(graph, core.context.inputs[1], behind, swap=False),
    ]


def _operands(
    graph: Graph, forms: list[Form], extents: tuple[int, int, int]
) -> tuple[Graph, list[Form], Operand, Operand]:
    """Read q and k, in a graph whose linear layers interleave the pairs of their rotation."""
    try:
        return graph, forms, read_operand(forms[0], *extents), read_operand(forms[1], *extents)
    except NeighbourError:
        graph, forms = interleave(graph, forms, *extents)
        return graph, forms, read_operand(forms[0], *extents), read_operand(forms[1], *extents)


def _fuse(graph: Graph, softmax: Node) -> Graph:
    core = _core(graph, softmax)
    heads, rows, width = extents = _extents(graph, core)
    try:
        before = graph
        graph, forms, q, k = _operands(graph, _forms(graph, core), extents)
        tables = common_tables(q, k)
    except RotationError as error:
        raise _RefusedError(str(error)) from error
    v_layout, sources = _value_layout(forms[2], heads, rows, width), tuple(form.source for form in forms)
    scale, usual = core.gain * q.gain * k.gain, 1.0 / sqrt(width)
    scale = usual if isclose(scale, usual, rel_tol=_ROUNDING) else scale
    if scale <= 0.0:
        raise _RefusedError(f"the scores' factor is {scale:g}; it must be positive")
    out = core.context.output
    packed, split, turned = (graph.fresh(f"{out}.{part}") for part in ("attention", "split", "heads"))
    constants: dict[str, NDArray[np.float32]] = {}
    if tables is not None:
        constants = {graph.fresh(f"{out}.cos"): tables[0], graph.fresh(f"{out}.sin"): tables[1]}
    shape = (1, rows, heads * width)
    attention = Node(
        op="attention",
        name=softmax.name,
        inputs=(*sources, *constants),
        output=packed,
        attrs={
            "heads": heads,
            "width": width,
            "layout": (*q.layout, *k.layout, *v_layout),
            "scale": scale,
            "shape": shape,
        },
        scope=softmax.scope,
    )
    view = (rows, heads, width)
    moves = [
        Node(op="Reshape", name=core.context.name, inputs=(packed,), output=split, attrs={"shape": view}),
        Node(op="Transpose", name=core.context.name, inputs=(split,), output=turned, attrs={"perm": (1, 0, 2)}),
        Node(op="Reshape", name=core.context.name, inputs=(turned,), output=out, attrs={"shape": graph.shape(out)}),
    ]
    values = [
        Value(name=packed, shape=shape),
        Value(name=split, shape=view),
        Value(name=turned, shape=(heads, rows, width)),
    ]
    result = graph.substitute(out, [attention, *moves], values=values, constants=constants).handed_on(out, packed)
    if graph is not before and any(result.sole_consumer(name) is not attention for name in sources[:2]):
        raise _RefusedError("the linear layer in front of a rotation is read elsewhere, too")
    return result


def _run(graph: Graph, notes: Notes) -> Graph:
    def match(graph: Graph, node: Node) -> Graph | None:
        if node.op != "Softmax":
            return None
        try:
            return _fuse(graph, node)
        except _RefusedError as refused:
            notes.refuse(node, str(refused), _ADVICE)
            return None

    return rewrite(graph, match)


ATTENTION = Pass(name="attention", run=_run, ensures=frozenset({"Softmax"}))
