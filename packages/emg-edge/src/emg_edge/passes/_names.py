"""Readable names: each canonical node, and the value that it writes, is called after the module that it comes from.

Ensures identifiers ``[a-z][a-z0-9_]*`` of at most 48 characters, unique, so that no name from a file reaches C source.
Graph inputs and outputs keep theirs where it is such an identifier.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emg_edge._identifiers import identifier

from ._pass import Notes, Pass

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node

_WRAPPERS = ("encoder.", "model.", "module.", "backbone.", "network.")
_KINDS_NAMED_BY_SCOPE = {"linear", "layernorm", "attention", "conv"}


def _stem(node: Node, scopes: dict[str, str]) -> str:
    scope = scopes[node.output]
    for wrapper in _WRAPPERS:
        scope = scope.removeprefix(wrapper)
    if node.op in _KINDS_NAMED_BY_SCOPE:
        return identifier(scope, node.op)
    inside = scopes.get(node.inputs[-1], "") if node.op == "add" else ""
    parent = inside.removeprefix("encoder.").rpartition(".")[0]
    return identifier(f"{parent}_{node.op}" if parent else node.op, node.op)


def _scopes(graph: Graph) -> dict[str, str]:
    """Scope of each node; attention takes the parent of the projection that it reads."""
    scopes: dict[str, str] = {}
    for node in graph.nodes:
        scope = node.scope or node.name
        if node.op == "attention":
            parent = scopes.get(node.inputs[0], "").rpartition(".")[0]
            scope = parent or "attention"
        scopes[node.output] = scope
    return scopes


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    scopes = _scopes(graph)
    taken: set[str] = set()
    renamed: dict[str, str] = {}

    def claim(stem: str) -> str:
        count, name = 0, stem
        while name in taken:
            count += 1
            name = f"{stem}_{count}"
        taken.add(name)
        return name

    titles = (*graph.inputs, *(graph.output_names or graph.outputs))
    for name, title in zip((*graph.inputs, *graph.outputs), titles, strict=True):
        renamed.setdefault(name, claim(identifier(title, "value")))
    nodes = []
    for node in graph.nodes:
        title = claim(_stem(node, scopes))
        renamed.setdefault(node.output, title)
        nodes.append((node, title))
    constants = {
        name: f"{title}.{part}"
        for node, title in nodes
        for part, name in enumerate(node.inputs)
        if name in graph.constants
    }
    table = {**renamed, **constants}
    return replace(
        graph,
        nodes=tuple(
            replace(n, name=title, inputs=tuple(table[i] for i in n.inputs), output=table[n.output])
            for n, title in nodes
        ),
        values={table[name]: replace(value, name=table[name]) for name, value in graph.values.items()},
        constants={table[name]: array for name, array in graph.constants.items() if name in table},
        inputs=tuple(table[name] for name in graph.inputs),
        outputs=tuple(table[name] for name in graph.outputs),
        input_names=graph.input_names or graph.inputs,
        output_names=(),
        given={table[name]: grids for name, grids in graph.given.items()},
        steps={},
    )


NAMES = Pass(name="names", run=_run)
