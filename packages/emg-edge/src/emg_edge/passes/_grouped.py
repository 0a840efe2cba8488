"""Products with a matrix of weights each: grouped convolutions of single pixels.

``x (batch, M, K) @ W (batch, K, N)`` is a convolution of M pixels with one group per matrix. Locally connected layers
(Einsum in the file) come to this.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._absorb import row_steps, steps_attr
from ._builder import Builder, Convolution
from ._pass import Notes, Pass, rewrite, scope_of, split_constant

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node


def _match(graph: Graph, node: Node) -> Graph | None:
    pair = split_constant(graph, node) if node.op == "MatMul" else None
    if pair is None or pair[0] != node.inputs[0]:
        return None
    weight, shape, known = graph.constants[pair[1]], graph.shape(pair[0]), graph.steps.get(pair[1])
    count = prod(weight.shape[:-2])
    if count == 1 or count != prod(shape[:-2]):
        return None
    columns, outputs = weight.shape[-2:]
    matrices = weight.reshape(count, columns, outputs).swapaxes(1, 2)
    steps = None if known is None else known.reshape(count, columns, outputs).swapaxes(1, 2).reshape(-1, columns)
    found = Convolution(
        node=node,
        output=node.output,
        weight=np.ascontiguousarray(matrices).reshape(-1, 1, 1, columns),
        bias=np.zeros(count * outputs, np.float32),
        attrs=steps_attr(row_steps(steps)),
        scope=scope_of(graph, node),
    )
    b, rank = Builder(graph, found), len(shape)
    x, turned = b.transpose(pair[0], shape, rank - 2, *range(rank - 2), rank - 1)
    out = (*turned[:-1], outputs)
    geometry = {"strides": (1, 1), "dilations": (1, 1), "pads": (0, 0, 0, 0), "group": count, "size": (1, shape[-2])}
    y = b.add("conv", x, out, *b.parameters(found.weight, found.bias), **geometry, **found.attrs)
    b.turned(y, out, *range(1, rank - 1), 0, rank - 1)
    return b.finish(y)


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _match)


GROUPED = Pass(name="grouped", run=_run)
