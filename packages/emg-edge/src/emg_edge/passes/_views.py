"""Reading data movement by meaning: which source elements, with which factors, each element of a value is made of.

A chain of Reshape, Transpose, Slice, Gather, Concat, Expand and of sums and constant factors is run on indices instead
of numbers. What comes out does not depend on how an exporter spelt the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._float import run_node
from emg_edge.graph.operations import MOVEMENT, PADDING

from ._pass import split_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node

MAX_TERMS = 4
_LINEAR = MOVEMENT | {"Mul", "Div", "Add", "Sub", "Neg"}


@dataclass(frozen=True)
class Form:
    """A value as ``value[e] = sum_t factor[e, t] * source[index[e, t]]``.

    Parameters
    ----------
    source
        Name of the value that the indices count in, row-major.
    index
        int64 ``(size, terms)``.
    factor
        float64 ``(size, terms)``; 0 marks an absent term.
    """

    source: str
    index: NDArray[np.int64]
    factor: NDArray[np.float64]

    def simplified(self) -> Form:
        """Merge terms of one index, drop those that vanish everywhere, and put the others in front."""
        index, factor = self.index.copy(), self.factor.copy()
        for late in range(1, index.shape[1]):
            for early in range(late):
                same = index[:, late] == index[:, early]
                factor[same, early] += factor[same, late]
                factor[same, late] = 0.0
        order = np.argsort(factor == 0.0, axis=1, kind="stable")
        index, factor = np.take_along_axis(index, order, 1), np.take_along_axis(factor, order, 1)
        terms = max(1, int((factor != 0.0).any(0).sum()))
        return Form(self.source, index[:, :terms], factor[:, :terms])

    def taken(self, rows: NDArray[np.int64]) -> Form:
        """Return the form whose element e is this one's element ``rows[e]``."""
        return Form(self.source, self.index[rows], self.factor[rows])


def _identity(graph: Graph, name: str) -> Form:
    index = np.arange(prod(graph.shape(name)), dtype=np.int64)[:, None]
    return Form(name, index, np.ones(index.shape))


def linear_form(graph: Graph, name: str) -> Form:
    """Return a value as a linear form of the nearest value that the chain can be followed back to."""
    return _form(graph, name, _LINEAR)


def index_map(graph: Graph, name: str, through: frozenset[str] = MOVEMENT) -> tuple[str, NDArray[np.int64]]:
    """Follow pure data movement back; return the source and each element's index in it."""
    form = _form(graph, name, through)
    return form.source, form.index[:, 0]


def padded_map(graph: Graph, name: str) -> tuple[str, NDArray[np.int64]]:
    """Follow movement and padding back; return the source and each element's index in it, -1 for a zero."""
    form = _form(graph, name, MOVEMENT | PADDING)
    return form.source, np.where(form.factor[:, 0] == 0.0, -1, form.index[:, 0])


def _form(graph: Graph, name: str, through: frozenset[str]) -> Form:
    """Evaluate the chain behind a value, oldest node first; a node that does not fit starts a new source."""
    forms: dict[str, Form] = {}
    for node in graph.ancestors(name, stop=_roots(graph, name, through)):
        inner = [forms.get(i) or _identity(graph, i) for i in graph.dynamic(node)]
        forms[node.output] = _step(graph, node, inner) or _identity(graph, node.output)
    return forms.get(name) or _identity(graph, name)


def _roots(graph: Graph, name: str, through: frozenset[str]) -> set[str]:
    """Values behind ``name`` at which operations outside ``through`` end."""
    return {node.output for node in graph.nodes if node.op not in through or node.output in graph.inputs} - {
        output for output in (name,) if output in graph.producers and graph.producers[output].op in through
    }


def _step(graph: Graph, node: Node, inner: list[Form]) -> Form | None:
    """Return the form of a node's output, or None where it is not one linear form of one source."""
    if len({form.source for form in inner}) != 1:
        return None
    if node.op in MOVEMENT:
        return _moved(graph, node, inner) if len(inner) == len(node.inputs) else None
    if node.op in PADDING:
        return _padded(graph, node, inner[0])
    if node.op == "Neg":
        return Form(inner[0].source, inner[0].index, -inner[0].factor)
    if node.op in {"Add", "Sub"}:
        return _summed(graph, node, inner)
    return _scaled(graph, node, inner[0])


def _moved(graph: Graph, node: Node, inner: list[Form]) -> Form:
    terms = max(form.index.shape[1] for form in inner)
    pads = [((0, 0), (0, terms - form.index.shape[1])) for form in inner]
    index = np.concatenate([np.pad(form.index, pad) for form, pad in zip(inner, pads, strict=True)])
    factor = np.concatenate([np.pad(form.factor, pad) for form, pad in zip(inner, pads, strict=True)])
    starts = np.cumsum([0, *(len(form.index) for form in inner)])
    rows = [np.arange(starts[j], starts[j + 1]).reshape(1, *graph.shape(name)) for j, name in enumerate(node.inputs)]
    return Form(inner[0].source, index, factor).taken(run_node(node, rows).reshape(-1))


def _padded(graph: Graph, node: Node, inner: Form) -> Form:
    """Stand absent terms where zeros are."""
    rows = np.arange(len(inner.index)).reshape(graph.shape(node.inputs[0]))
    padded = np.pad(rows, node.attrs["pads"], constant_values=-1).reshape(-1)
    form = inner.taken(np.maximum(padded, 0))
    return Form(form.source, form.index, np.where(padded[:, None] < 0, 0.0, form.factor))


def _broadcast_rows(graph: Graph, name: str, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Index of the element of ``name`` that stands at each element of ``shape``."""
    own = graph.shape(name)
    return np.broadcast_to(np.arange(prod(own)).reshape(own), shape).reshape(-1)


def _summed(graph: Graph, node: Node, inner: list[Form]) -> Form | None:
    shape = graph.shape(node.output)
    if len(node.inputs) != 2 or any(name in graph.constants for name in node.inputs):
        return None
    pair = inner * 2 if len(inner) == 1 else inner
    a, b = (form.taken(_broadcast_rows(graph, name, shape)) for form, name in zip(pair, node.inputs, strict=True))
    sign = -1.0 if node.op == "Sub" else 1.0
    merged = Form(a.source, np.hstack([a.index, b.index]), np.hstack([a.factor, sign * b.factor])).simplified()
    return merged if merged.index.shape[1] <= MAX_TERMS else None


def _scaled(graph: Graph, node: Node, form: Form) -> Form | None:
    pair = split_constant(graph, node)
    if pair is None or (node.op == "Div" and pair[0] != node.inputs[0]):
        return None
    shape = graph.shape(node.output)
    constant = np.broadcast_to(graph.constants[pair[1]].astype(np.float64), shape).reshape(-1, 1)
    spread = form.taken(_broadcast_rows(graph, pair[0], shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = spread.factor * constant if node.op == "Mul" else spread.factor / constant
    return Form(form.source, spread.index, factor).simplified() if np.isfinite(factor).all() else None


def affine(index: NDArray[np.int64]) -> tuple[int, int, int] | None:
    """Return (base, head, row) with ``index[h, r, i] == base + h * head + r * row + i``, or None; strides >= 0."""
    heads, rows, width = index.shape
    base = int(index[0, 0, 0])
    head = int(index[1, 0, 0]) - base if heads > 1 else 0
    row = int(index[0, 1, 0]) - base if rows > 1 else 0
    h, r, i = np.ogrid[:heads, :rows, :width]
    fits = min(base, head, row) >= 0 and np.array_equal(index, base + h * head + r * row + i)
    return (base, head, row) if fits else None


def as_transpose(index: NDArray[np.int64]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Write a map from output to input elements as (view, perm) of a transposition, or None if it is none.

    The map is read as digits, innermost first: the longest run of one stride is the last axis, and so on.
    """
    digits: list[tuple[int, int]] = []  # (extent, stride), innermost first
    rest = index
    if rest[0] != 0:
        return None
    while len(rest) > 1:
        stride = int(rest[1])
        breaks = np.flatnonzero(np.diff(rest) != stride)
        extent = int(breaks[0]) + 1 if len(breaks) else len(rest)
        if stride <= 0 or len(rest) % extent:
            return None
        table = rest.reshape(-1, extent)
        if not np.array_equal(table, table[:, :1] + stride * np.arange(extent)):
            return None
        digits.append((extent, stride))
        rest = np.ascontiguousarray(table[:, 0])
    axes = sorted(range(len(digits)), key=lambda j: -digits[j][1])  # input order: largest stride first
    expected = len(index)
    for j in axes:
        extent, stride = digits[j]
        if expected != extent * stride:
            return None
        expected = stride
    view = tuple(digits[j][0] for j in axes)
    return (view, tuple(axes.index(j) for j in reversed(range(len(digits))))) if expected == 1 else None
