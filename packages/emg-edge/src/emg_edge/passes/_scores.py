"""The way from a softmax back to its product of scores: factors, additive terms and masks on it, however written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._float import evaluate
from emg_edge.graph._graph import scalar

from ._pass import split_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node

MASKED = -1e4
"""Nats below which an additive term is a mask, as exporters write it: -10000, -65504, -1e9, -3.4e38 or -inf."""


class RefusedError(Exception):
    """The softmax is no attention that can be compiled."""


@dataclass(frozen=True)
class Term:
    """What is added to the scores: ``sign`` times a value or constant, or a mask where a condition holds or not.

    Parameters
    ----------
    name
        Value or constant that broadcasts to the scores.
    factor
        Number in front of it.
    kept
        None for a sum; for a mask whether keys are visible where ``name`` is true.
    """

    name: str
    factor: float
    kept: bool | None = None

    def evaluate(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is added to the scores, ``-inf`` for what is masked."""
        if self.kept is not None:
            return np.where((array != 0) == self.kept, 0.0, -np.inf)
        return np.asarray(array * self.factor)


@dataclass(frozen=True)
class Core:
    """The two products around a softmax, the scalar factor between them, and what is added to the scores."""

    score: Node
    context: Node
    gain: float
    terms: tuple[Term, ...]


def find_core(graph: Graph, softmax: Node) -> Core:
    """Follow a softmax to both products.

    Raises
    ------
    RefusedError
        Saying what stands in between.
    """
    if softmax.attrs["axis"] != len(graph.shape(softmax.output)) - 1:
        raise RefusedError("it does not normalise over the last axis")
    gain, terms, value = 1.0, [], softmax.inputs[0]
    while True:
        node = graph.producers.get(value)
        if node is None:
            raise RefusedError("its input comes from the graph input, not from q @ k^T")
        if node.op == "MatMul":
            break
        value, factor, term = step_back(graph, node)
        terms += [] if term is None else [replace(term, factor=term.factor * gain)]
        gain *= factor
    context = graph.sole_consumer(softmax.output)
    while context is not None and context.op == "Reshape":
        context = graph.sole_consumer(context.output)
    if context is None or context.op != "MatMul" or graph.dynamic(context) != context.inputs:
        raise RefusedError("its output is not used by one product with v")
    if graph.dynamic(node) != node.inputs:
        raise RefusedError("its scores are a product with constants")
    return Core(node, context, gain, tuple(terms))


def step_back(graph: Graph, node: Node) -> tuple[str, float, Term | None]:
    """Step over one node between scores and softmax: the value behind it, a factor, an additive term."""
    if node.op == "Reshape":
        if graph.shape(node.inputs[0])[-2:] != graph.shape(node.output)[-2:]:
            raise RefusedError("the scores are reshaped")
        return node.inputs[0], 1.0, None
    if node.op in {"Add", "Sub"}:
        return _summed(graph, node)
    if node.op == "Where":
        return _chosen(graph, node)
    pair = split_constant(graph, node) if node.op in {"Mul", "Div", "Max"} else None
    if pair is None:
        raise RefusedError(f"its input comes from {node.op}, not from q @ k^T")
    factor = scalar(graph.constants[pair[1]])
    if node.op == "Max" and factor is not None and factor <= MASKED:
        return pair[0], 1.0, None
    if factor is None or node.op == "Max" or (node.op == "Div" and (pair[0] != node.inputs[0] or factor == 0.0)):
        raise RefusedError("the scores are multiplied by more than one number")
    return pair[0], factor if node.op == "Mul" else 1.0 / factor, None


def _is_score(graph: Graph, name: str) -> bool:
    """Whether a value comes from a product within a few steps."""
    node = graph.producers.get(name)
    while node is not None and node.op in {"Mul", "Div", "Reshape", "Add", "Sub", "Where", "Max"}:
        inner = [i for i in graph.dynamic(node) if _is_score(graph, i)]
        node = graph.producers.get(inner[0]) if inner else None
    return node is not None and node.op == "MatMul"


def _summed(graph: Graph, node: Node) -> tuple[str, float, Term | None]:
    a, b = node.inputs
    if node.op == "Sub" and not _is_score(graph, a):
        raise RefusedError("the scores are subtracted from something")
    if a in graph.constants or (b not in graph.constants and not _is_score(graph, a)):
        a, b = b, a
    return a, 1.0, Term(b, -1.0 if node.op == "Sub" else 1.0)


def _chosen(graph: Graph, node: Node) -> tuple[str, float, Term | None]:
    """Read ``Where(condition, scores, -inf)`` or ``Where(condition, -inf, scores)``."""
    condition, a, b = node.inputs
    other, score, kept = (a, b, False) if a in graph.constants else (b, a, True)
    fill = graph.constants.get(other)
    if fill is None or float(np.max(fill)) > MASKED:
        raise RefusedError("the scores are replaced by something that is no mask")
    return score, 1.0, Term(condition, 1.0, kept)


def evaluated(graph: Graph, term: Term, source: str, array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a term for one array of the source that it is computed from."""
    if term.name in graph.constants:
        return term.evaluate(graph.constants[term.name].astype(np.float64))
    if term.name == source:
        return term.evaluate(array.reshape(graph.shape(source)))
    body = replace(
        graph, nodes=tuple(graph.ancestors(term.name, stop=[source])), inputs=(source,), outputs=(term.name,)
    ).pruned()
    return term.evaluate(evaluate(body, {source: array.reshape(1, *graph.shape(source))})[term.name][0])
