"""What stands behind a product and belongs into it: per-channel factors and offsets, and the steps of its weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._pass import Notes, Pass, rewrite, split_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node


_AFFINE = {"Add", "Sub", "Mul", "Div"}


def absorb(
    graph: Graph, start: str, weight: NDArray[np.float64], bias: NDArray[np.float64], axis: int
) -> tuple[list[Node], NDArray[np.float64], NDArray[np.float64]]:
    """Follow the chain of affine nodes behind a value; return it with the weights and biases that make it superfluous.

    Parameters
    ----------
    graph
        With the chain.
    start
        What the product writes.
    weight, bias
        ``(N, K)`` and ``(N,)``, a row per channel.
    axis
        The value's axis of N channels.
    """
    chain: list[Node] = []
    while (node := graph.sole_consumer(value := chain[-1].output if chain else start)) and node.op in _AFFINE:
        channel = None if value in graph.given else _per_channel(graph, node, len(bias), axis)
        if channel is None:
            break
        gain, offset = channel
        weight, bias = weight * gain[:, None], bias * gain + offset
        chain.append(node)
    return chain, weight, bias


def _per_channel(
    graph: Graph, node: Node, count: int, axis: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return factor and offset of each channel, or None where the node is not affine along the axis."""
    pair = split_constant(graph, node)
    if pair is None or graph.shape(node.output) != graph.shape(pair[0]):
        return None
    constant = graph.constants[pair[1]].astype(np.float64)
    reversed_order = pair[0] != node.inputs[0]
    wide = (1,) * (len(graph.shape(pair[0])) - constant.ndim) + constant.shape
    if constant.size != wide[axis] or (node.op == "Div" and reversed_order):
        return None
    return _factors(node.op, np.broadcast_to(constant.reshape(-1), (count,)), reversed_order=reversed_order)


def _factors(
    op: str, c: NDArray[np.float64], *, reversed_order: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return factor and offset of each channel of an affine node with constants ``c``."""
    factor = {"Add": np.ones_like(c), "Sub": np.full_like(c, -1.0 if reversed_order else 1.0), "Mul": c}
    gain = factor[op] if op in factor else 1.0 / c
    return gain, {"Add": c, "Sub": c if reversed_order else -c}.get(op, np.zeros_like(c))


def _behind(graph: Graph, node: Node) -> tuple[Node, NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the affine node behind a canonical product, views skipped, with factor and offset of each channel."""
    value = node.output
    while (reader := graph.sole_consumer(value)) is not None and reader.op == "Reshape" and value not in graph.given:
        value = reader.output
    if reader is None or reader.op not in _AFFINE or value in graph.given or graph.shape(value)[-1] < 1:
        return None
    count = len(graph.constants[node.inputs[2]])
    pair, shape = split_constant(graph, reader), graph.shape(reader.output)
    if pair is None or shape != graph.shape(value) or (reader.op == "Div" and pair[0] != reader.inputs[0]):
        return None
    whole = np.broadcast_to(graph.constants[pair[1]], shape).reshape(-1, count).astype(np.float64)
    factors = _factors(reader.op, whole[0], reversed_order=pair[0] != reader.inputs[0])
    return (reader, *factors) if (whole == whole[0]).all() else None


def _absorb_behind(graph: Graph, node: Node) -> Graph | None:
    """Let a canonical product take in what stands behind it in the order of memory, for as long as there is some."""
    if node.op not in {"conv", "linear"} or "body" in node.attrs:
        return None
    chain: list[Node] = []
    weight, bias = (graph.constants[name] for name in node.inputs[1:])
    rows, total, steps = (
        weight.reshape(len(weight), -1).astype(np.float64),
        bias.astype(np.float64),
        node.attrs.get("steps"),
    )
    last = node
    while (found := _behind(graph, last)) is not None:
        reader, gain, offset = found
        rows, total = rows * gain[:, None], total * gain + offset
        steps = steps and tuple(np.abs(np.array(steps) * gain).tolist())
        chain.append(reader)
        last = replace(node, output=reader.output)
    if not chain:
        return None
    names = graph.fresh(f"{last.output}.weight"), graph.fresh(f"{last.output}.bias")
    attrs = {**node.attrs, "shape": graph.shape(last.output), **({"steps": steps} if steps else {})}
    whole = replace(node, inputs=(node.inputs[0], *names), output=last.output, attrs=attrs)
    arrays = (rows.astype(np.float32).reshape(weight.shape), total.astype(np.float32))
    return graph.substitute(last.output, [whole], constants=dict(zip(names, arrays, strict=True)))


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _absorb_behind)


ABSORB = Pass(name="absorb", run=_run)
"""What stands behind a product in the order of memory; requires layout."""


def row_steps(rows: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return the step of each row of weights that the file quantised; NaN where no symmetric int8 row stands behind.

    Parameters
    ----------
    rows
        Steps ``(N, K)`` of the weights, or None.
    """
    if rows is None:
        return None
    uniform = bool((rows == rows[:, :1]).all())  # NaN, too, differs from itself
    return rows[:, 0] if uniform else np.full(len(rows), np.nan)


def steps_attr(steps: NDArray[np.float64] | None) -> dict[str, Any]:
    """Return the attribute of a product whose weights have steps of their own."""
    return {} if steps is None else {"steps": tuple(float(step) for step in steps)}


def absorbed(
    graph: Graph,
    node: Node,
    weight: NDArray[Any],
    bias: NDArray[Any],
    steps: NDArray[np.float64] | None,
    axis: int,
) -> tuple[list[Node], NDArray[np.float32], NDArray[np.float32], NDArray[np.float64] | None]:
    """Return the chain behind a product, and its weights, biases and steps with the chain in them."""
    known = np.zeros((len(weight), 0)) if steps is None else steps[:, None]
    wide = np.hstack([weight.astype(np.float64), known])  # the chain scales weights and their steps alike
    chain, wide, b = absorb(graph, node.output, wide, bias.astype(np.float64), axis)
    w, known = np.split(wide, [weight.shape[1]], axis=1)
    return chain, w.astype(np.float32), b.astype(np.float32), None if steps is None else np.abs(known[:, 0])
