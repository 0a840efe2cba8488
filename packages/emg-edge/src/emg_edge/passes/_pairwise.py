"""Arithmetic of two computed values: ``add``, ``mul``, ``div``, ``maximum``, ``minimum``, broadcast by strides."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from emg_edge.graph._graph import Value
from emg_edge.kernels._strided import AXES

from ._pass import Notes, Pass, rewrite, scope_of

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node

KINDS = {"Add": "add", "Sub": "add", "Mul": "mul", "Div": "div", "Max": "maximum", "Min": "minimum"}
_ADVICE = "give it one computed value and constants, none of them 0 where it divides, or two computed values"


def broadcast(
    a: tuple[int, ...], b: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return (extent, strides of a, strides of b) of a broadcast result, neighbouring axes merged where they can be."""
    axes: list[tuple[int, int, int]] = []  # innermost first
    steps = [1, 1]
    for axis in range(len(shape)):
        extent = shape[-1 - axis]
        own = [part[-1 - axis] if axis < len(part) else 1 for part in (a, b)]
        stride = [step if count > 1 else 0 for step, count in zip(steps, own, strict=True)]
        steps = [step * count for step, count in zip(steps, own, strict=True)]
        if extent == 1:
            continue
        if axes and all(s == t * axes[-1][0] for s, t in zip(stride, axes[-1][1:], strict=True)):
            axes[-1] = (axes[-1][0] * extent, axes[-1][1], axes[-1][2])
        else:
            axes.append((extent, stride[0], stride[1]))
    extents, left, right = zip(*axes[::-1], strict=True) if axes else ((1,), (0,), (0,))
    return extents, left, right


def _match(graph: Graph, node: Node) -> Graph | None:
    if node.op not in KINDS or len(graph.dynamic(node)) != 2:
        return None
    shape = graph.shape(node.output)
    attrs = {"shape": shape, **({"subtract": True} if node.op == "Sub" else {})}
    fused = replace(node, op=KINDS[node.op], attrs=attrs, scope=scope_of(graph, node))
    shapes = [graph.shape(name) for name in node.inputs]
    if all(prod(part) == prod(shape) for part in shapes):
        return graph.substitute(node.output, [fused])
    extent, left, right = broadcast(shapes[0], shapes[1], shape)
    if len(extent) <= AXES:
        spread = {"extent": extent, "stride_a": left, "stride_b": right}
        return graph.substitute(node.output, [replace(fused, attrs={**attrs, **spread})])
    views = [graph.fresh(f"{node.output}.{part}") for part in ("left", "right")]
    expanded = [
        replace(node, op="Expand", inputs=(name,), output=view, attrs={"shape": shape})
        for name, view in zip(node.inputs, views, strict=True)
    ]
    values = [Value(name=view, shape=shape) for view in views]
    return graph.substitute(node.output, [*expanded, replace(fused, inputs=tuple(views))], values=values)


def _run(graph: Graph, notes: Notes) -> Graph:
    result = rewrite(graph, _match)
    for node in result.nodes:
        if node.op in KINDS:
            shapes = [result.shape(name) for name in node.inputs]
            notes.refuse(node, f"{node.op} of operands of shapes {shapes} has no integer operator", _ADVICE)
    return result


PAIRWISE = Pass(name="pairwise", run=_run, ensures=frozenset(KINDS))
