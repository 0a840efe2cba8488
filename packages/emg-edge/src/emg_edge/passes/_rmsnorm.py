"""RMSNorm and the division by an L2 norm, from the single node or from what it was decomposed into.

Cases: (1) RMSNormalization; (2) any closed subgraph behind a mean or sum of squares over the last axis that, probed
with numbers, computes ``x / sqrt(mean(x**2) + eps) * gamma``. Requires folded constants.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Graph, Node
from emg_edge.graph.operations._normalise import divide_by_rms

from ._pass import Notes, Pass, rewrite, scope_of
from ._probe import closed, reach, run_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INSIDE = frozenset(
    (
        "ReduceMean",
        "ReduceSum",
        "ReduceL2",
        "Mul",
        "Pow",
        "Add",
        "Sqrt",
        "Div",
        "Reciprocal",
        "Max",
        "Min",
        "Expand",
        "Abs",
    )
)
_TOLERANCE = 1e-4


def _single(graph: Graph, node: Node) -> Graph | None:
    if node.op != "RMSNormalization":
        return None
    attrs = {"eps": node.attrs["eps"], "shape": graph.shape(node.output)}
    fused = replace(node, op="rmsnorm", attrs=attrs, scope=scope_of(graph, node))
    return graph.substitute(node.output, [fused])


def _squared(graph: Graph, node: Node) -> tuple[str, list[str]] | None:
    """Return the value whose squares a node reduces over the last axis, and the values in between."""
    if node.op not in {"ReduceMean", "ReduceSum", "ReduceL2"}:
        return None
    if tuple(node.attrs["axes"]) != (len(graph.shape(node.inputs[0])) - 1,):
        return None
    square = graph.producers.get(node.inputs[0])
    if node.op == "ReduceL2":
        return node.inputs[0], [node.output]
    if square is None or square.op not in {"Pow", "Mul"} or len(set(graph.dynamic(square))) != 1:
        return None
    return square.inputs[0], [square.output, node.output]


def _decomposed(graph: Graph, node: Node) -> Graph | None:
    start = _squared(graph, node)
    if start is None or start[0] in graph.constants:
        return None
    x, between = start
    for sink in reversed(reach(graph, (x, *between), _INSIDE)):
        body = closed(graph, x, sink, _INSIDE, 3)
        found = _probe(body) if body is not None else None
        if found is not None:
            stem = graph.fresh(f"{sink.output}.gamma")
            fused = Node(
                op="rmsnorm",
                name=sink.name,
                inputs=(x, stem),
                output=sink.output,
                attrs={"eps": found[1], "shape": graph.shape(sink.output)},
                scope=scope_of(graph, sink),
            )
            return graph.substitute(sink.output, [fused], constants={stem: found[0]})
    return None


def _probe(body: Graph) -> tuple[NDArray[np.float32], float] | None:
    """Recover gamma and eps from a body, or None if it is no RMSNorm."""
    shape = body.shape(body.inputs[0])
    unit = np.random.default_rng(0).standard_normal(shape)
    large = divide_by_rms(unit, np.ones(shape[-1]), 0.0).reshape(-1, shape[-1])
    gamma = (large * run_rows(body, 1e4 * unit)).sum(0) / (large * large).sum(0)
    small = run_rows(body, 3e-3 * unit)
    shrunk = (small * gamma * large).sum(1) / np.maximum(np.square(gamma * large).sum(1), 1e-30)
    square = np.square(3e-3 * unit).reshape(-1, shape[-1]).mean(1)
    eps = float(np.median(square * (1.0 / np.square(shrunk) - 1.0)))
    if not np.isfinite([*gamma, eps]).all():
        return None
    eps = eps if eps > 1e-9 else 0.0
    for size in (3e-3, 1.0, 30.0):
        want = divide_by_rms(size * unit + 0.5 * size, gamma, eps).reshape(-1, shape[-1])
        error = np.abs(run_rows(body, size * unit + 0.5 * size) - want).max()
        if not error <= _TOLERANCE * max(float(np.abs(want).max()), 1e-6):
            return None
    return gamma.astype(np.float32), eps


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(rewrite(graph, _single), _decomposed)


RMSNORM = Pass(name="rmsnorm", run=_run, ensures=frozenset({"RMSNormalization"}))
