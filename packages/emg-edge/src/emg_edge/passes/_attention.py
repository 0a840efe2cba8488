"""Attention: Softmax between two products, with rotation, scale and masks found by what they do, not by their spelling.

From the score product both operands are followed back to one source each as linear forms (`_views`). That shows the
layout of q, k and v, the factor in front of the scores wherever it was folded, heads that share keys, and a rotation of
feature pairs that depends on the row. What is added to the scores is read by `_masks`. What does not fit is refused
with the reason, and left to `matmul` and `softmax`. Requires the linear pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, isclose, prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._graph import Graph, Node, Value

from ._interleave import interleave
from ._masks import Masks, read_masks
from ._pass import Notes, Pass, rewrite
from ._rotation import NeighbourError, RotationError, common_tables, read_operand
from ._scores import Core, RefusedError, find_core
from ._views import Form, affine, linear_form

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ADVICE = "write it as softmax(q @ k^T * scale + mask) @ v over heads"
_ROUNDING = 1e-5  # within which a factor is taken for 1 / sqrt(width), which float32 constants can only be near


@dataclass(frozen=True)
class _Extents:
    """Heads, queries, keys, width, and heads that share keys and values."""

    heads: int
    rows: int
    keys: int
    width: int
    group: int = 1

    @property
    def q(self) -> tuple[int, int, int]:
        """Extents of q."""
        return self.heads, self.rows, self.width

    @property
    def k(self) -> tuple[int, int, int]:
        """Extents of k and v."""
        return self.heads // self.group, self.keys, self.width


@dataclass(frozen=True)
class _Read:
    """An attention as the kernel needs it, in the graph that it was read from."""

    graph: Graph
    sources: tuple[str, ...]
    layout: tuple[int, ...]
    scale: float
    tables: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    halves: bool


def _operand(graph: Graph, name: str, lead: tuple[int, ...], *, swap: bool) -> Form:
    """Return q, k or v as a linear form in the order (heads, rows, width)."""
    form = linear_form(graph, name)
    shape = graph.shape(name)
    rows = np.broadcast_to(np.arange(prod(shape)).reshape(shape), (*lead, *shape[-2:]))
    rows = rows.swapaxes(-1, -2) if swap else rows
    return form.taken(np.ascontiguousarray(rows).reshape(-1))


def _value_layout(form: Form, extents: tuple[int, int, int]) -> tuple[int, int, int]:
    if form.index.shape[1] != 1 or not np.allclose(form.factor, 1.0, atol=1e-6):
        raise RefusedError("v is scaled or mixed behind its source")
    layout = affine(form.index.reshape(extents))
    if layout is None:
        raise RefusedError("v does not lie in memory as (base, head, row, 1)")
    return layout


def _extents(graph: Graph, core: Core) -> _Extents:
    rows, keys = graph.shape(core.score.output)[-2:]
    width, v = graph.shape(core.score.inputs[0])[-1], graph.shape(core.context.inputs[1])
    heads = prod(graph.shape(core.score.output)[:-2])
    if v[-2:] != (keys, width) or prod(graph.shape(core.context.output)[:-2]) != heads:
        raise RefusedError(f"keys ({keys} of {width}) and values {v} differ in number or width")
    return _Extents(heads, rows, keys, width)


def _forms(graph: Graph, core: Core) -> list[Form]:
    """Return q, k and v as linear forms."""
    lead, behind = graph.shape(core.score.output)[:-2], graph.shape(core.context.output)[:-2]
    return [
        _operand(graph, core.score.inputs[0], lead, swap=False),
        _operand(graph, core.score.inputs[1], lead, swap=True),
        _operand(graph, core.context.inputs[1], behind, swap=False),
    ]


def _shared(extents: _Extents, forms: list[Form]) -> tuple[_Extents, list[Form]]:
    """Read k and v once for every group of neighbouring heads that share them."""
    heads, group = extents.heads, extents.heads
    for form in forms[1:]:
        index, factor = (a.reshape(heads, -1) for a in (form.index, form.factor))
        alike = (index[1:] == index[:-1]).all(1) & (factor[1:] == factor[:-1]).all(1)
        for at in np.flatnonzero(~alike) + 1:
            group = gcd(group, int(at))
    if group in {1, heads}:  # one head of keys for all is a stride of 0
        return extents, forms
    found = _Extents(heads, extents.rows, extents.keys, extents.width, group)
    first = np.arange(len(forms[1].index)).reshape(heads, -1)[::group].reshape(-1)
    return found, [forms[0], *(form.taken(first) for form in forms[1:])]


def _halves(form: Form, extents: tuple[int, int, int]) -> Form:
    """Return a form whose features (i, i + d/2) stand side by side."""
    heads, rows, width = extents
    order = np.arange(width).reshape(2, -1).T.reshape(-1)
    return form.taken(np.arange(heads * rows * width).reshape(extents)[..., order].reshape(-1))


def _read(graph: Graph, forms: list[Form], extents: _Extents, *, free: bool) -> _Read:
    """Read q, k and v; where a rotation pairs features (i, i + d/2), linear layers, if ``free``, interleave them."""
    halves = False
    try:
        q, k = read_operand(forms[0], *extents.q), read_operand(forms[1], *extents.k)
    except NeighbourError:
        try:
            if not free:
                raise
            graph, forms = interleave(graph, forms, (extents.q, extents.k))
            q, k = read_operand(forms[0], *extents.q), read_operand(forms[1], *extents.k)
        except RotationError:
            if extents.width % 2:
                raise
            halves = True
            q, k = (read_operand(_halves(forms[i], e), *e, halves=True) for i, e in ((0, extents.q), (1, extents.k)))
    tables = common_tables(q, k, extents.group)
    layout = (*q.layout, *k.layout, *_value_layout(forms[2], extents.k))
    sources = tuple(form.source for form in forms)
    return _Read(graph, sources, layout, q.gain * k.gain, tables, halves and tables is not None)


def _scale(gain: float, width: int) -> float:
    usual = 1.0 / sqrt(width)
    scale = usual if isclose(gain, usual, rel_tol=_ROUNDING) else gain
    if scale <= 0.0:
        raise RefusedError(f"the scores' factor is {scale:g}; it must be positive")
    return scale


def _fuse(graph: Graph, softmax: Node) -> Graph:
    core = find_core(graph, softmax)
    extents = _extents(graph, core)
    masks = read_masks(graph, core.terms, (extents.heads, extents.rows, extents.keys))
    extents, forms = _shared(extents, _forms(graph, core))
    for free in (True, False):
        try:
            read = _read(graph, forms, extents, free=free)
        except RotationError as error:
            raise RefusedError(str(error)) from error
        scale = _scale(core.gain * read.scale, extents.width)
        result, packed = _placed(read, core, softmax, extents, masks, scale)
        attention = result.producers[packed]
        if read.graph is graph or all(result.sole_consumer(name) is attention for name in read.sources[:2]):
            break
    return result


def _constants(graph: Graph, out: str, read: _Read, masks: Masks) -> dict[str, tuple[str, NDArray[Any]]]:
    """Name the constant inputs behind q, k and v, by what they are."""
    found: dict[str, NDArray[Any]] = {}
    if read.tables is not None:
        found |= {"cos": read.tables[0], "sin": read.tables[1]}
    found |= {} if masks.mask is None else {"mask": masks.mask.astype(np.int64)}
    found |= {} if masks.bias is None else {"bias": masks.bias}
    return {kind: (graph.fresh(f"{out}.{kind}"), array) for kind, array in found.items()}


def _padding(graph: Graph, masks: Masks, out: str, nodes: list[Node], values: list[Value]) -> tuple[str, ...]:
    """Return the padding that keeps where it is not zero."""
    if masks.padding is None or masks.keeps:
        return () if masks.padding is None else (masks.padding,)
    kept = graph.fresh(f"{out}.kept")
    nodes.append(Node(op="Not", name=kept, inputs=(masks.padding,), output=kept))
    values.append(Value(name=kept, shape=graph.shape(masks.padding)))
    return (kept,)


def _placed(read: _Read, core: Core, softmax: Node, extents: _Extents, masks: Masks, scale: float) -> tuple[Graph, str]:
    """Put the attention node and the movement behind it in the place of the second product."""
    graph, out = read.graph, core.context.output
    packed, split, turned = (graph.fresh(f"{out}.{part}") for part in ("attention", "split", "heads"))
    constants = _constants(graph, out, read, masks)
    shape, view = (1, extents.rows, extents.heads * extents.width), (extents.rows, extents.heads, extents.width)
    nodes: list[Node] = []
    values = [
        Value(name=packed, shape=shape),
        Value(name=split, shape=view),
        Value(name=turned, shape=(extents.heads, extents.rows, extents.width)),
    ]
    padding = _padding(graph, masks, out, nodes, values)
    attrs = {
        "heads": extents.heads,
        "width": extents.width,
        "keys": extents.keys,
        "group": extents.group,
        "layout": read.layout,
        "scale": scale,
        "reach": masks.reach,
        "halves": read.halves,
        "extras": (*constants, *("padding" for _ in padding)),
        "shape": shape,
    }
    name = core.context.name
    inputs = (*read.sources, *(stem for stem, _ in constants.values()), *padding)
    nodes += [
        Node(op="attention", name=softmax.name, inputs=inputs, output=packed, attrs=attrs, scope=softmax.scope),
        Node(op="Reshape", name=name, inputs=(packed,), output=split, attrs={"shape": view}),
        Node(op="Transpose", name=name, inputs=(split,), output=turned, attrs={"perm": (1, 0, 2)}),
        Node(op="Reshape", name=name, inputs=(turned,), output=out, attrs={"shape": graph.shape(out)}),
    ]
    arrays = dict(constants.values())
    return graph.substitute(out, nodes, values=values, constants=arrays).handed_on(out, packed), packed


def _run(graph: Graph, notes: Notes) -> Graph:
    def match(graph: Graph, node: Node) -> Graph | None:
        if node.op != "Softmax":
            return None
        try:
            return _fuse(graph, node)
        except RefusedError as refused:
            notes.refuse(node, str(refused), _ADVICE)
            return None

    return rewrite(graph, match)


ATTENTION = Pass(name="attention", run=_run)
