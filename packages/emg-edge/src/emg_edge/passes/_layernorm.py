"""LayerNorm, from the single node or from what it was decomposed into.

Cases: (1) LayerNormalization; (2) any closed subgraph behind a ReduceMean over the last axis that, probed with numbers,
computes ``(x - mean) / sqrt(var + eps) * gamma + beta``, however an exporter spelt it; (3) GroupNormalization, of which
InstanceNormalization is the one with a group a channel. Requires folded constants.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Graph, Node
from emg_edge.graph.operations._normalise import normalise

from ._pass import Notes, Pass, rewrite, scope_of
from ._probe import closed, reach, run_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INSIDE = frozenset(("ReduceMean", "Sub", "Mul", "Pow", "Add", "Sqrt", "Div", "Reciprocal", "Neg"))
_TOLERANCE = 1e-4


def _single(graph: Graph, node: Node) -> Graph | None:
    if node.op not in {"LayerNormalization", "GroupNormalization"}:
        return None
    attrs = {"eps": node.attrs["eps"], "shape": graph.shape(node.output)}
    if node.op == "GroupNormalization":
        attrs |= {"groups": node.attrs["groups"], "repeat": prod(graph.shape(node.output)[2:])}
    fused = replace(
        node,
        op="layernorm",
        attrs=attrs,
        scope=scope_of(graph, node),
    )
    return graph.substitute(node.output, [fused])


def _decomposed(graph: Graph, node: Node) -> Graph | None:
    x = node.inputs[0]
    if node.op != "ReduceMean" or x in graph.constants or node.attrs["axes"] != (len(graph.shape(x)) - 1,):
        return None
    for sink in reversed(reach(graph, (x, node.output), _INSIDE)):
        body = closed(graph, x, sink, _INSIDE, 5)
        found = _probe(body) if body is not None else None
        if found is not None:
            gamma, beta, eps = found
            stem = graph.fresh(f"{sink.output}.gamma"), graph.fresh(f"{sink.output}.beta")
            fused = Node(
                op="layernorm",
                name=sink.name,
                inputs=(x, *stem),
                output=sink.output,
                attrs={"eps": eps, "shape": graph.shape(sink.output)},
                scope=scope_of(graph, sink),
            )
            return graph.substitute(sink.output, [fused], constants=dict(zip(stem, (gamma, beta), strict=True)))
    return None


def _probe(body: Graph) -> tuple[NDArray[np.float32], NDArray[np.float32], float] | None:
    """Recover gamma, beta and eps from a body, or None if it is no LayerNorm."""
    shape = body.shape(body.inputs[0])
    width, rng = shape[-1], np.random.default_rng(0)

    def run(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return run_rows(body, x)

    unit = rng.standard_normal(shape)
    beta = run(np.zeros(shape))[0]
    large = normalise(1e4 * unit, np.ones(width), np.zeros(width), 0.0).reshape(-1, width)
    gamma = (large * (run(1e4 * unit) - beta)).sum(0) / (large * large).sum(0)
    shrunk = ((run(3e-3 * unit) - beta) * gamma * large).sum(1) / np.maximum(np.square(gamma * large).sum(1), 1e-30)
    variance = np.square(3e-3) * unit.reshape(-1, width).var(1)
    eps = float(np.median(variance * (1.0 / np.square(shrunk) - 1.0)))  # the output shrinks by sqrt(var / (var + eps))
    if not np.isfinite([*gamma, *beta, eps]).all():
        return None
    eps = max(eps, 0.0)
    for size in (3e-3, 1.0, 30.0):
        want = normalise(size * unit + 0.5 * size, gamma, beta, eps).reshape(-1, width)
        if np.abs(run(size * unit + 0.5 * size) - want).max() > _TOLERANCE * max(1.0, float(np.abs(want).max())):
            return None
    return gamma.astype(np.float32), beta.astype(np.float32), eps


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(rewrite(graph, _single), _decomposed)


LAYERNORM = Pass(name="layernorm", run=_run, ensures=frozenset({"LayerNormalization", "GroupNormalization"}))
