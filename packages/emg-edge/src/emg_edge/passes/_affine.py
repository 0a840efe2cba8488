"""Gains and offsets per channel: chains of constant arithmetic on one value become one ``affine``.

Cases: (1) Add, Sub, Mul, Div with constants of any broadcast shape and Neg, one after the other; (2) PRelu with its
slope per channel; (3) Max and Min with a constant per channel, as two of them around a clipped zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Node, Value

from ._pass import Notes, Pass, rewrite, scope_of, split_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph

    Array = NDArray[np.float64]

_ONE, _ZERO = np.ones(1), np.zeros(1)


@dataclass(frozen=True)
class _Line:
    """``gain * x + offset``, with another gain where x < 0 if ``negative`` is given; arrays broadcast."""

    x: str
    gain: Array
    offset: Array
    negative: Array | None = None


def _step(graph: Graph, node: Node) -> _Line | None:
    """Return one node as a line over its computed operand, or None where it is none."""
    if node.op == "Neg":
        return _Line(node.inputs[0], -_ONE, _ZERO)
    pair = split_constant(graph, node) if node.op in {"Add", "Sub", "Mul", "Div", "PRelu"} else None
    if pair is None:
        return None
    x, c, first = pair[0], graph.constants[pair[1]].astype(np.float64), pair[0] == node.inputs[0]
    if node.op in {"Add", "Sub"}:
        sign = -1.0 if node.op == "Sub" else 1.0
        return _Line(x, _ONE, sign * c) if first else _Line(x, sign * _ONE, c)
    if node.op == "Mul":
        return _Line(x, c, _ZERO)
    if not first or (node.op == "Div" and (c == 0.0).any()):
        return None
    return _Line(x, 1.0 / c, _ZERO) if node.op == "Div" else _Line(x, _ONE, _ZERO, c)


def _chain(graph: Graph, node: Node) -> _Line | None:
    """Return the whole chain that ends in a node as one line over what stands in front of it."""
    line = _step(graph, node)
    while line is not None:
        before = graph.producers.get(line.x)
        if before is None or graph.sole_consumer(line.x) is None or line.x in graph.given or line.negative is not None:
            return line
        inner = _step(graph, before)
        if inner is None:
            return line
        negative = None if inner.negative is None else line.gain * inner.negative
        line = _Line(inner.x, line.gain * inner.gain, line.gain * inner.offset + line.offset, negative)
    return None


def layout(shape: tuple[int, ...], arrays: list[Array]) -> tuple[int, int, int, int]:
    """Return (outer, rows, repeat, width) such that all arrays, of that shape, depend on row and column alone."""
    free = [
        all(np.array_equal(a, np.broadcast_to(a.take([0], axis), shape)) for a in arrays) for axis in range(len(shape))
    ]
    start = next((axis for axis, is_free in enumerate(free) if not is_free), len(shape))
    if start == len(shape):
        return 1, 1, 1, prod(shape)
    runs = [(j, k) for j in range(start, len(shape)) for k in range(j, len(shape) + 1) if all(free[j:k])]
    j, k = max(runs, key=lambda run: prod(shape[run[0] : run[1]]))
    return prod(shape[:start]), prod(shape[start:j]), prod(shape[j:k]), prod(shape[k:])


def _packed(array: Array, shape: tuple[int, ...], extents: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Return the ``(rows, width)`` constants of a broadcast array, or ``(1, 1)`` where they are all the same."""
    full = np.broadcast_to(array, shape).astype(np.float32)
    if (full == full.flat[0]).all():
        return full.reshape(-1)[:1].reshape(1, 1).copy()
    return np.ascontiguousarray(full.reshape(extents)[0, :, 0])


def written(
    graph: Graph, node: Node, line: _Line, output: str, op_input: str
) -> tuple[Node, dict[str, NDArray[np.float32]]]:
    """Return an ``affine`` node that computes a line, and its constants."""
    shape = graph.shape(node.output)
    arrays = [line.gain, line.offset, *([] if line.negative is None else [line.negative])]
    full = [np.broadcast_to(array, shape) for array in arrays]
    extents = layout(shape, full)
    names = [graph.fresh(f"{output}.{part}") for part in ("gain", "offset", "negative")[: len(arrays)]]
    fused = Node(
        op="affine",
        name=node.name,
        inputs=(op_input, *names),
        output=output,
        attrs={**dict(zip(("outer", "rows", "repeat", "width"), extents, strict=True)), "shape": shape},
        scope=scope_of(graph, node),
    )
    return fused, {name: _packed(array, shape, extents) for name, array in zip(names, full, strict=True)}


def _lines(graph: Graph, node: Node, lines: list[_Line]) -> Graph:
    """Replace a node by lines one after the other, the first over an expanded view of its operand."""
    shape, last = graph.shape(node.output), lines[0].x
    nodes: list[Node] = []
    values: list[Value] = []
    constants: dict[str, NDArray[np.float32]] = {}
    if graph.shape(last) != shape:
        view = graph.fresh(f"{node.output}.view")
        nodes.append(replace(node, op="Expand", inputs=(last,), output=view, attrs={"shape": shape}))
        values.append(Value(name=view, shape=shape))
        last = view
    for place, line in enumerate(lines):
        inner = place < len(lines) - 1
        output = graph.fresh(f"{node.output}.inner") if inner else node.output
        fused, arrays = written(graph, node, line, output, last)
        nodes.append(fused)
        constants |= arrays
        values += [Value(name=output, shape=shape)] if inner else []
        last = output
    return graph.substitute(node.output, nodes, values=values, constants=constants)


def _limits(graph: Graph, node: Node) -> list[_Line] | None:
    """Return Max or Min with a constant as ``c + relu(x - c)`` or ``c - relu(c - x)``."""
    pair = split_constant(graph, node) if node.op in {"Max", "Min"} else None
    if pair is None:
        return None
    c, sign = graph.constants[pair[1]].astype(np.float64), 1.0 if node.op == "Max" else -1.0
    return [_Line(pair[0], sign * _ONE, -sign * c), _Line("", sign * _ONE, c, _ZERO)]


def _match(graph: Graph, node: Node) -> Graph | None:
    lines = _limits(graph, node)
    if lines is not None:
        return _lines(graph, node, lines)
    reader = graph.sole_consumer(node.output)
    if _step(graph, node) is None or (
        reader is not None
        and reader.op != "PRelu"
        and node.output not in graph.given
        and (step := _step(graph, reader)) is not None
        and step.negative is None
    ):
        return None  # the next one takes it along
    line = _chain(graph, node)
    return None if line is None else _lines(graph, node, [line])


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _match)


AFFINE = Pass(name="affine", run=_run, ensures=frozenset({"Neg"}))
