"""Concatenation of several values and constants becomes ``concat``; one of parts of one value is movement and stays."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from ._pass import Notes, Pass, rewrite, scope_of
from ._views import padded_map

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node


def _match(graph: Graph, node: Node) -> Graph | None:
    if node.op != "Concat" or padded_map(graph, node.output)[0] != node.output:
        return None
    axis, shape = node.attrs["axis"], graph.shape(node.output)
    attrs = {"outer": prod(shape[:axis]), "inner": prod(shape[axis + 1 :]), "shape": shape}
    joined = replace(node, op="concat", attrs=attrs, scope=scope_of(graph, node))
    return graph.substitute(node.output, [joined])


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _match)


CONCAT = Pass(name="concat", run=_run)
