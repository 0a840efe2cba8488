"""Functions of one variable: any element-wise subgraph with scalar constants becomes one table with a body.

The body keeps the exact float function; its name is found by comparing values. A decomposed GELU needs no pattern here,
in whichever form it was written. Requires attention to have taken the scalar factors that belong to it.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._float import apply_body
from emg_edge.graph._graph import Graph, Node, Value
from emg_edge.graph.operations import BINARY, UNARY
from emg_edge.graph.operations._elementwise import gelu

from ._pass import Notes, Pass, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

UNNAMED = "function"
KNOWN: dict[str, Callable[[NDArray[np.float64]], NDArray[Any]]] = {
    "gelu": gelu,
    "gelu_tanh": lambda x: gelu(x, "tanh"),
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": lambda x: 0.5 + 0.5 * np.tanh(0.5 * x),
    "silu": lambda x: x * (0.5 + 0.5 * np.tanh(0.5 * x)),
    "tanh": np.tanh,
}


def function_roots(graph: Graph) -> dict[str, str]:
    """Name, for each value, the one that it is an element-wise function of.

    That is the nearest behind it that has a grid of the file, or no function behind it; a farther one where branches
    meet again, or where the whole is a function with a name, as an exporter's GELU is.
    """
    paths: dict[str, tuple[str, ...]] = {}  # candidates, the nearest first
    for node in graph.nodes:
        path = _path(graph, node, paths)
        if path:
            paths[node.output] = path
    return {name: _root(graph, name, path) for name, path in paths.items()}


def _path(graph: Graph, node: Node, paths: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    dynamic = graph.dynamic(node)
    scalars = all(graph.constants[name].size == 1 for name in node.inputs if name in graph.constants)
    same = all(graph.shape(name) == graph.shape(node.output) for name in dynamic)
    if node.op not in UNARY | BINARY or not scalars or not same or not dynamic:
        return ()
    ways = [(name, *paths.get(name, ())) if name in graph.given else paths.get(name, (name,)) for name in dynamic]
    common = [all(name in way for way in ways) for name in ways[0]]
    return ways[0][common.index(True) :] if any(common) else ()


def _root(graph: Graph, name: str, path: tuple[str, ...]) -> str:
    named = (root for root in reversed(path[1:]) if _name(_body(graph, root, name)) != UNNAMED)
    return next(named, path[0])


def _body(graph: Graph, root: str, sink: str) -> Graph:
    """Return the function as a graph on one element."""
    nodes = graph.ancestors(sink, stop=[root])
    names = {name for node in nodes for name in (*node.inputs, node.output)}
    return Graph(
        name="body",
        nodes=tuple(nodes),
        values={name: Value(name=name, shape=(1,)) for name in names if name not in graph.constants},
        constants={name: graph.constants[name].reshape(1) for name in names if name in graph.constants},
        inputs=(root,),
        outputs=(sink,),
    )


def _is_line(body: Graph) -> bool:
    """Whether a function is a gain and an offset, which needs no table."""
    return all(
        len(body.dynamic(node)) == 1
        and (node.op in {"Add", "Sub", "Mul", "Neg"} or (node.op == "Div" and node.inputs[1] in body.constants))
        for node in body.nodes
    )


def _name(body: Graph) -> str:
    grid = np.linspace(-8.0, 8.0, 1601)
    values = apply_body(body, grid)
    return next((name for name, known in KNOWN.items() if np.abs(known(grid) - values).max() < 1e-6), UNNAMED)


def _match(graph: Graph, node: Node, roots: dict[str, str]) -> Graph | None:
    root = roots.get(node.output)
    readers = graph.consumers.get(node.output, [])
    inner = bool(readers) and all(roots.get(reader.output) == root for reader in readers)
    if root is None or (inner and node.output not in graph.outputs):
        return None
    body = _body(graph, root, node.output)
    if _is_line(body):
        return None
    fused = replace(
        node,
        op="table",
        inputs=(root,),
        attrs={"body": body, "function": _name(body), "shape": graph.shape(node.output)},
    )
    return graph.substitute(node.output, [fused]) if prod(graph.shape(root)) == prod(graph.shape(node.output)) else None


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    roots = function_roots(graph)
    for output in [node.output for node in reversed(graph.nodes)]:  # the last first: what it contains is then unused
        node = graph.producers.get(output)
        graph = graph if node is None else _match(graph, node, roots) or graph
    return graph


TABLE = Pass(name="table", run=_run, ensures=UNARY - {"Neg"})


def _fuse(graph: Graph, node: Node) -> Graph | None:
    if node.op != "table":
        return None
    linear = graph.producers.get(node.inputs[0])
    if linear is None or linear.op not in {"conv", "linear"} or "body" in linear.attrs:
        return None
    if graph.sole_consumer(linear.output) != node:
        return None
    before = graph.given.get(linear.output, ())
    if len(before) > 1 or any(grid.dtype != "int8" or len(grid.scale) > 1 for grid in before):
        return None
    attrs = {**linear.attrs, **{key: node.attrs[key] for key in ("body", "function", "shape")}, "before": before}
    given = {name: grids for name, grids in graph.given.items() if name != linear.output}
    return replace(graph, given=given).substitute(node.output, [replace(linear, output=node.output, attrs=attrs)])


def _run_fuse(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _fuse)


FUSE = Pass(name="fuse", run=_run_fuse)
