"""Layout: channels stay last behind a convolution, from layer to layer.

The Transpose that the convolution pass leaves behind each product is moved towards the outputs: what reads it computes
in front of it, channel-last, wherever an operation works on any order of axes. (1) Functions of one variable and
arithmetic, with constants and other operands turned; (2) Concat, Slice, Pad, reductions, pools and Softmax, on other
axes; (3) Reshape that splits axes, or merges axes that are neighbours in memory, too; (4) Transpose. Between two layers
both Transposes cancel then. (5) A layer over the whole value that a Transpose writes takes its weights in the other
order, where the network has a ``conv``. Without attention in it, the file's own Transposes that put the last axis
second move there, too. Requires convolution, linear.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._graph import Graph, Node, Value
from emg_edge.graph.operations import BINARY, OPERATIONS, UNARY

from ._pass import Notes, Pass, rewrite
from ._views import index_map

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

MARK = "layout"  # attribute of a Transpose that may be moved


@dataclass(frozen=True)
class _Step:
    """How a node computes on turned inputs: attributes, the new output's shape, and the order that restores it."""

    attrs: Mapping[str, Any]
    shape: tuple[int, ...]
    perm: tuple[int, ...]


def _marked(graph: Graph, name: str) -> Node | None:
    """Return the Transpose that writes a value, if it may be moved."""
    node = graph.producers.get(name)
    return node if node is not None and node.op == "Transpose" and MARK in node.attrs else None


def _inverse(perm: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(perm.index(axis) for axis in range(len(perm)))


def _turned(entries: tuple[Any, ...], perm: tuple[int, ...]) -> tuple[Any, ...]:
    """Return one entry per axis in another order of the axes."""
    return tuple(entries[axis] for axis in perm)


def _same(graph: Graph, node: Node, perm: tuple[int, ...]) -> _Step | None:
    """Element-wise: any order of axes will do."""
    shape = graph.shape(node.output)
    ranks = {len(graph.shape(name)) for name in graph.dynamic(node)}
    fits = ranks == {len(perm)} == {len(shape)}
    return _Step(node.attrs, _turned(shape, _inverse(perm)), perm) if fits else None


def _along(graph: Graph, node: Node, perm: tuple[int, ...]) -> _Step | None:
    """Along one axis: Concat, Softmax."""
    step = _same(graph, node, perm)
    return step and replace(step, attrs={**node.attrs, "axis": perm[node.attrs["axis"]]})


def _per_axis(key: str) -> Callable[[Graph, Node, tuple[int, ...]], _Step | None]:
    """Return the rule of operations with one entry per axis."""

    def rule(graph: Graph, node: Node, perm: tuple[int, ...]) -> _Step | None:
        step = _same(graph, node, perm)
        return step and replace(step, attrs={**node.attrs, key: _turned(tuple(node.attrs[key]), _inverse(perm))})

    return rule


def _windows(graph: Graph, node: Node, perm: tuple[int, ...]) -> _Step | None:
    """Pool over the axes where they are now."""
    step = _same(graph, node, perm)
    return step and replace(step, attrs={**node.attrs, "axes": tuple(perm[axis] for axis in node.attrs["axes"])})


def _reduced(graph: Graph, node: Node, perm: tuple[int, ...]) -> _Step:
    """Reduce over the axes where they are now; the order of those that stay restores the result."""
    axes = tuple(sorted(perm[axis] for axis in node.attrs["axes"]))
    shape, attrs = graph.shape(node.output), {**node.attrs, "axes": axes}
    if node.attrs["keepdims"]:
        return _Step(attrs, _turned(shape, _inverse(perm)), perm)
    kept = [axis for axis in perm if axis not in axes]
    order = tuple(sorted(kept).index(axis) for axis in kept) or (0,)
    return _Step(attrs, _turned(shape, _inverse(order)), order)


def _atoms(before: tuple[int, ...], after: tuple[int, ...]) -> list[tuple[int, int]] | None:
    """Cut two views of one memory into common pieces: (axis before, axis after) of each, None where they overlap."""
    atoms: list[tuple[int, int]] = []
    left, right = ([(axis, extent) for axis, extent in enumerate(shape) if extent > 1] for shape in (before, after))
    while left and right:
        (i, a), (j, b) = left.pop(0), right.pop(0)
        small, large = sorted((a, b))
        if large % small:
            return None
        atoms.append((i, j))
        rest = large // small
        if rest > 1 and a > b:
            left.insert(0, (i, rest))
        elif rest > 1:
            right.insert(0, (j, rest))
    return atoms


def _viewed(graph: Graph, node: Node, perm: tuple[int, ...]) -> _Step | None:
    """Reshape that splits axes, merges axes that are neighbours in memory, too, or adds and drops axes of 1."""
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    atoms = _atoms(before, after)
    if atoms is None:
        return None
    memory = sorted(range(len(atoms)), key=lambda atom: (perm[atoms[atom][0]], atom))
    axes = [atoms[atom][1] for atom in memory]
    runs = [axis for place, axis in enumerate(axes) if place == 0 or axes[place - 1] != axis]
    in_order = all(a < b for a, b in itertools.pairwise(memory) if atoms[a][1] == atoms[b][1])
    if len(runs) != len(set(runs)) or not in_order:
        return None
    order = (*(axis for axis in range(len(after)) if axis not in runs), *runs)
    shape = _turned(after, order)
    return _Step({**node.attrs, "shape": shape}, shape, _inverse(order))


_RULES: dict[str, Callable[[Graph, Node, tuple[int, ...]], _Step | None]] = {
    **dict.fromkeys(UNARY | BINARY, _same),
    **{name: _reduced for name, operation in OPERATIONS.items() if operation.group == "reduce"},
    **{name: _windows for name, operation in OPERATIONS.items() if operation.group == "pool"},
    "Concat": _along,
    "Pad": _per_axis("pads"),
    "Reshape": _viewed,
    "Slice": _per_axis("slices"),
    "Softmax": _along,
}


def _composed(graph: Graph, node: Node, moved: Node) -> Graph:
    """Let two Transposes be one, or none."""
    perm, source = _turned(tuple(moved.attrs["perm"]), tuple(node.attrs["perm"])), moved.inputs[0]
    if perm == tuple(range(len(perm))):
        return graph.alias(node.output, source)
    whole = replace(node, inputs=(source,), attrs={"perm": perm, MARK: True})
    return graph.substitute(node.output, [whole])


def _sink(graph: Graph, node: Node) -> Graph | None:
    """Let a node read what stands before Transposes, and turn its result instead."""
    moved = next((turn for name in node.inputs if (turn := _marked(graph, name)) is not None), None)
    if moved is not None and node.op == "Transpose":
        return _composed(graph, node, moved)
    if moved is None or node.op not in _RULES:
        return None
    perm = tuple(moved.attrs["perm"])
    step = _RULES[node.op](graph, node, perm)
    if step is None:
        return None
    sources = _Sources(graph, node, perm)
    inputs = tuple(sources.find(name) for name in node.inputs)
    fresh = graph.fresh(f"{node.output}.last")
    inner = replace(node, inputs=inputs, output=fresh, attrs=step.attrs)
    attrs = {"perm": step.perm, MARK: True}
    turn = Node(op="Transpose", name=node.name, inputs=(fresh,), output=node.output, attrs=attrs, scope=node.scope)
    values = [*sources.values, Value(name=fresh, shape=step.shape)]
    result = graph.substitute(node.output, [*sources.nodes, inner, turn], values=values, constants=sources.constants)
    return result.handed_on(node.output, fresh)


class _Sources:
    """Operands in the order of axes before a Transpose: what it reads, constants turned, anything else turned back."""

    def __init__(self, graph: Graph, node: Node, perm: tuple[int, ...]) -> None:
        self.graph, self.node, self.perm = graph, node, perm
        self.nodes: list[Node] = []
        self.values: list[Value] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def find(self, name: str) -> str:
        """Return the operand that stands for ``name``."""
        order = _inverse(self.perm)
        moved = _marked(self.graph, name)
        if moved is not None and tuple(moved.attrs["perm"]) == self.perm:
            return moved.inputs[0]
        if name in self.graph.constants and self.graph.constants[name].size == 1:
            return name
        fresh = self.graph.fresh(f"{self.node.output}.operand{len(self.nodes) + len(self.constants)}")
        if name in self.graph.constants:
            array = self.graph.constants[name]
            wide = array.reshape(*(1,) * (len(order) - array.ndim), *array.shape)
            self.constants[fresh] = np.ascontiguousarray(wide.transpose(order))
            return fresh
        shape = _turned(self.graph.shape(name), order)
        self.nodes.append(
            Node(op="Transpose", name=self.node.name, inputs=(name,), output=fresh, attrs={"perm": order})
        )
        self.values.append(Value(name=fresh, shape=shape))
        return fresh


def _merge(graph: Graph) -> Graph:
    """Let equal Transposes of one value be one."""
    seen: dict[tuple[str, tuple[int, ...]], str] = {}

    def match(graph: Graph, node: Node) -> Graph | None:
        if node.op != "Transpose":
            return None
        first = seen.setdefault((node.inputs[0], tuple(node.attrs["perm"])), node.output)
        return graph.alias(node.output, first) if first != node.output else None

    return rewrite(graph, match)


def _reorder(graph: Graph, node: Node) -> Graph | None:
    """Let a linear layer over a whole value read it as it lies in memory, its weights' columns in that order."""
    if node.op != "linear" or node.inputs[0] in graph.constants:
        return None
    source, index = index_map(graph, node.inputs[0])
    weight = graph.constants[node.inputs[1]]
    size = prod(graph.shape(source))
    whole = len(index) == size == weight.shape[1] and np.array_equal(np.sort(index), np.arange(size))
    if not whole or np.array_equal(index, np.arange(size)):
        return None
    columns = np.empty_like(weight)
    columns[:, index] = weight
    name = graph.fresh(f"{node.inputs[1]}.last")
    turned = replace(node, inputs=(source, name, *node.inputs[2:]))
    return graph.substitute(node.output, [turned], constants={name: columns})


def _mark(graph: Graph) -> Graph:
    """Let the file's own Transposes to channels first move, where the network is convolutional."""
    kinds = {node.op for node in graph.nodes}
    if "conv" not in kinds or "Softmax" in kinds:
        return graph

    def marked(node: Node) -> Node:
        rank = len(graph.shape(node.output))
        first = node.op == "Transpose" and tuple(node.attrs["perm"]) == (0, rank - 1, *range(1, rank - 1))
        return replace(node, attrs={**node.attrs, MARK: True}) if first and node.inputs[0] not in graph.inputs else node

    return replace(graph, nodes=tuple(marked(node) for node in graph.nodes))


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    graph = _mark(graph)
    graph = _merge(rewrite(graph, _sink))
    return rewrite(graph, _reorder) if any(node.op == "conv" for node in graph.nodes) else graph


LAYOUT = Pass(name="layout", run=_run)
