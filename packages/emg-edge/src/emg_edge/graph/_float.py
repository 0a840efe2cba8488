"""The float executor: a graph run in numpy, vectorised over samples.

Each array carries a leading sample axis (1 for constants), so one run serves a whole batch although the graph's own
batch axis is 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

from ._graph import sample_shape
from .operations import OPERATIONS

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._graph import Graph, Node


def run_float(
    graph: Graph, x: NDArray[Any] | Mapping[str, NDArray[Any]], *, dtype: DTypeLike = np.float32
) -> dict[str, NDArray[Any]]:
    """Run a graph on a batch of samples, keeping every value.

    Parameters
    ----------
    graph
        A verified graph.
    x
        ``(n, *sample)``, for a window model ``(n, channels, time)``; one array per input name where there are several.
    dtype
        Floating type to compute in.

    Returns
    -------
    dict
        Each value ``(n, *shape)`` by name, shape without the batch axis of 1.

    Raises
    ------
    EmgEdgeError
        When an input is missing, or shapes or numbers of samples do not fit.
    """
    feeds = {name: _feed(graph, name, array, dtype) for name, array in by_name(graph, x).items()}
    counts = {name: len(array) for name, array in feeds.items()}
    n = next(iter(counts.values()))
    if set(counts.values()) != {n}:
        raise EmgEdgeError(f"inputs hold {counts} samples; every input needs the same number")
    return {
        name: np.broadcast_to(array, (n, *array.shape[1:])).reshape(n, *sample_shape(graph.shape(name)))
        for name, array in evaluate(graph, feeds).items()
    }


def by_name(graph: Graph, x: NDArray[Any] | Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return one array per input of the graph, in its order; a lone array serves a graph with one input.

    Raises
    ------
    EmgEdgeError
        Naming the inputs that are missing.
    """
    given = graph.titled(x) if isinstance(x, Mapping) else dict.fromkeys(graph.inputs[:1], x)
    missing = [name for name in graph.inputs if name not in given]
    if missing:
        raise EmgEdgeError(f"graph {graph.name!r} has inputs {graph.inputs}; arrays for {missing} are missing")
    return {name: np.asarray(given[name]) for name in graph.inputs}


def _feed(graph: Graph, name: str, x: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    expected = sample_shape(graph.shape(name))
    if x.ndim < 1 or len(x) < 1 or x[0].size != math.prod(expected) or x.shape[1:] not in {expected, (1, *expected)}:
        raise EmgEdgeError(f"input {name!r} of shape {x.shape}, need (n, {', '.join(map(str, expected))}) with n >= 1")
    return x.astype(dtype)


def evaluate(graph: Graph, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run the nodes on feeds with a leading sample axis; return inputs and every value written, ``(n, *shape)``."""
    dtype = next(iter(feeds.values())).dtype if feeds else np.dtype(np.float32)
    values = {name: feeds[name].reshape(-1, *graph.shape(name)) for name in graph.inputs}
    for node in graph.nodes:
        arrays = [_operand(graph, values, name, dtype) for name in node.inputs]
        with np.errstate(all="ignore"):
            result = run_node(node, arrays)
        values[node.output] = result
    return values


def _operand(graph: Graph, values: Mapping[str, NDArray[Any]], name: str, dtype: DTypeLike) -> NDArray[Any]:
    if name in values:
        return values[name]
    constant = graph.constants[name][None]
    return constant.astype(dtype) if constant.dtype.kind == "f" else constant


def run_node(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Run one operation on arrays with a leading sample axis."""
    return OPERATIONS[node.op].run(node, arrays)


def apply_body(body: Graph, x: NDArray[Any]) -> NDArray[Any]:
    """Apply a function of one variable, given as a graph with a one-element input, to every element."""
    flat = x.reshape(-1, 1)
    (name,) = body.outputs
    return evaluate(body, {body.inputs[0]: flat})[name].reshape(x.shape).astype(x.dtype)
