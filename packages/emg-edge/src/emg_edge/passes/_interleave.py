"""Rotations that pair features (i, i + d/2): the linear layer in front gives its channels in interleaved order instead.

q @ k^T does not change when the features of q and k are permuted alike, and the order of a linear layer's outputs is
free, so the other common form of rotary embedding costs nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ._rotation import RotationError
from ._views import Form, affine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph

_REFUSAL = "q or k does not pair features as (2i, 2i+1) or (i, i + d/2)"


def interleave(
    graph: Graph, forms: list[Form], extents: tuple[tuple[int, int, int], tuple[int, int, int]]
) -> tuple[Graph, list[Form]]:
    """Return a graph whose linear layers write q and k interleaved, and the forms of q, k and v in it.

    Parameters
    ----------
    graph
        With the linear layers that q and k come from.
    forms
        Of q, k and v in the order (heads, rows, width).
    extents
        (heads, rows, width) of q and of k.

    Raises
    ------
    RotationError
        If q or k is not of that kind, or its source is no linear layer of its own.
    """
    width = extents[0][2]
    if width % 2:
        raise RotationError(_REFUSAL)
    order = np.arange(width).reshape(2, -1).T.reshape(-1)
    moves: dict[str, NDArray[np.int64]] = {}
    for form, own in zip(forms[:2], extents, strict=True):
        _plan(graph, form, moves, own, order)
    _check_value(forms[2], moves)
    for source, move in moves.items():
        graph = _permuted(graph, source, move)
    turned = []
    for form, own in zip(forms[:2], extents, strict=True):
        rank = np.arange(np.prod(own)).reshape(own)[..., order].reshape(-1)
        turned.append(_remapped(form.taken(rank), moves[form.source]))
    return graph, [*turned, forms[2]]


def _plan(
    graph: Graph,
    form: Form,
    moves: dict[str, NDArray[np.int64]],
    extents: tuple[int, int, int],
    order: NDArray[np.int64],
) -> None:
    """Add to ``moves`` where each channel of the source must go."""
    heads, rows, width = extents
    node = graph.producers.get(form.source)
    if node is None or node.op != "linear" or form.index.shape[1] > 2:
        raise RotationError(_REFUSAL)
    channels = graph.shape(node.inputs[1])[0]
    index = np.where(form.factor != 0.0, form.index, np.iinfo(np.int64).max).reshape(heads, rows, 2, width // 2, -1)
    first = index.min((2, 4))
    layout = affine(np.concatenate([first, first + width // 2], -1))
    if layout is None or (rows > 1 and layout[2] != channels):
        raise RotationError(_REFUSAL)
    move = moves.setdefault(form.source, np.arange(channels))
    for head in range(heads):
        start = layout[0] + head * layout[1]
        move[start + order] = start + np.arange(width)


def _check_value(value: Form, moves: dict[str, NDArray[np.int64]]) -> None:
    """Refuse where v reads channels that would move."""
    move = moves.get(value.source)
    if move is not None and (move[value.index % len(move)] != value.index % len(move)).any():
        raise RotationError("v shares channels with a rotated q or k")


def _permuted(graph: Graph, source: str, move: NDArray[np.int64]) -> Graph:
    """Let the linear layer write channel c at ``move[c]``."""
    node = graph.producers[source]
    back = np.argsort(move)
    names = graph.fresh(f"{source}.weight"), graph.fresh(f"{source}.bias")
    arrays = [graph.constants[name][back] for name in node.inputs[1:]]
    steps = {"steps": tuple(node.attrs["steps"][c] for c in back)} if "steps" in node.attrs else {}
    fused = replace(node, inputs=(node.inputs[0], *names), attrs={**node.attrs, **steps})
    return graph.substitute(source, [fused], constants=dict(zip(names, arrays, strict=True)))


def _remapped(form: Form, move: NDArray[np.int64]) -> Form:
    channels = len(move)
    return Form(form.source, form.index // channels * channels + move[form.index % channels], form.factor)
