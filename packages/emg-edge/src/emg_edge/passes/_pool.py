"""Pooling over one or two axes of any value becomes ``max_pool`` or ``average_pool`` over (outer, H, W, inner).

Cases: (1) axes that follow each other are pooled where they are, in any layout; (2) others are moved to the end first.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from emg_edge.graph._graph import Node, Value
from emg_edge.graph.operations._pool import WINDOW

from ._pass import Notes, Pass, rewrite, scope_of

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph

_KINDS = {"AveragePool": "average_pool", "MaxPool": "max_pool"}
_NEUTRAL = {"kernel": 1, "strides": 1, "dilations": 1, "begin": 0, "out": 1, "low": 0, "high": 1}


def _in_place(graph: Graph, node: Node) -> Graph:
    """Apply case 1."""
    axes, shape = node.attrs["axes"], graph.shape(node.inputs[0])
    one = len(axes) == 1
    window = {key: (*((_NEUTRAL[key],) if one else ()), *node.attrs[key]) for key in WINDOW}
    attrs = {
        **window,
        "outer": prod(shape[: axes[0]]),
        "inner": prod(shape[axes[-1] + 1 :]),
        "size": (*((1,) if one else ()), *(shape[axis] for axis in axes)),
        "shape": graph.shape(node.output),
    }
    return graph.substitute(node.output, [replace(node, op=_KINDS[node.op], attrs=attrs, scope=scope_of(graph, node))])


def _behind_a_turn(graph: Graph, node: Node) -> Graph:
    """Apply case 2: leave a node over the last axes between two transpositions, to be taken next."""
    axes, shape, out = node.attrs["axes"], graph.shape(node.inputs[0]), graph.shape(node.output)
    perm = (*(axis for axis in range(len(shape)) if axis not in axes), *axes)
    before, after = graph.fresh(f"{node.output}.turned"), graph.fresh(f"{node.output}.pooled")
    last = tuple(range(len(shape) - len(axes), len(shape)))
    nodes = [
        Node(op="Transpose", name=node.name, inputs=node.inputs, output=before, attrs={"perm": perm}),
        replace(node, inputs=(before,), output=after, attrs={**node.attrs, "axes": last}),
        Node(
            op="Transpose",
            name=node.name,
            inputs=(after,),
            output=node.output,
            attrs={"perm": tuple(perm.index(axis) for axis in range(len(perm)))},
        ),
    ]
    values = [
        Value(name=name, shape=tuple(extents[axis] for axis in perm))
        for name, extents in ((before, shape), (after, out))
    ]
    turned = graph.substitute(node.output, nodes, values=values)
    return _in_place(turned, turned.producers[after])


def _match(graph: Graph, node: Node) -> Graph | None:
    if node.op not in _KINDS:
        return None
    axes = node.attrs["axes"]
    adjacent = tuple(axes) == tuple(range(axes[0], axes[0] + len(axes)))
    return _in_place(graph, node) if adjacent else _behind_a_turn(graph, node)


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _match)


POOL = Pass(name="pool", run=_run, ensures=frozenset(_KINDS))
