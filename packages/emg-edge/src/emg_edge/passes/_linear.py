"""Linear layers: a product with constant weights and every per-channel factor and offset behind it.

MatMul with a constant right operand (Gemm arrives as one), and every Add, Sub, Mul and Div by a constant along the last
axis behind it while nothing else reads the value and the file demands no grid for it. Requires folded constants.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Graph, Node

from ._absorb import absorbed, row_steps, steps_attr
from ._pass import Notes, Pass, rewrite, scope_of, split_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _build(
    graph: Graph, node: Node, x: str, weight: NDArray[np.float32], steps: NDArray[np.float64] | None
) -> tuple[list[Node], dict[str, NDArray[np.float32]]]:
    """Return the linear node that replaces ``node`` and the chain behind it, and its constants."""
    last_axis = len(graph.shape(node.output)) - 1
    chain, w, b, known = absorbed(graph, node, weight, np.zeros(len(weight)), steps, last_axis)
    last = chain[-1] if chain else node
    names = graph.fresh(f"{last.output}.weight"), graph.fresh(f"{last.output}.bias")
    fused = Node(
        op="linear",
        name=last.name,
        inputs=(x, *names),
        output=last.output,
        attrs={"shape": graph.shape(last.output), **steps_attr(known)},
        scope=scope_of(graph, node, *chain),
    )
    return [fused], dict(zip(names, (w, b), strict=True))


def _product(graph: Graph, node: Node, notes: Notes) -> Graph | None:
    pair = split_constant(graph, node)
    if pair is None:
        return None
    weight = graph.constants[pair[1]]
    if pair[0] != node.inputs[0] or prod(weight.shape[:-2]) != 1:
        notes.refuse(node, "the constant operand is not one matrix on the right", "write it as x @ W with W (K, N)")
        return None
    matrix, known = weight.reshape(weight.shape[-2:]).T, graph.steps.get(pair[1])
    steps = row_steps(None if known is None else known.reshape(known.shape[-2:]).T)
    nodes, constants = _build(graph, node, pair[0], matrix, steps)
    return graph.substitute(nodes[-1].output, nodes, constants=constants)


def _run(graph: Graph, notes: Notes) -> Graph:
    return rewrite(graph, lambda graph, node: _product(graph, node, notes) if node.op == "MatMul" else None)


LINEAR = Pass(name="linear", run=_run)
