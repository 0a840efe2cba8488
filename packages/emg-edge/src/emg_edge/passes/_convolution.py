"""Convolutions: channel-last products with every per-channel factor and offset behind them.

Cases: (1) a kernel that equals its stride, or covers its whole input, as a ``linear`` over patches, where no other
convolution stands in front that would leave its channels last; (2) a kernel of one element as a ``linear`` over pixels;
(3) everything else, and a transposed convolution as a convolution of its phases (`_phases`), as ``conv`` between two
Transposes. Per-channel arithmetic behind, batch normalisation above all, goes into weights and biases.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._absorb import absorbed, row_steps, steps_attr
from ._builder import Builder, Convolution
from ._pass import Notes, Pass, rewrite, scope_of
from ._phases import phases

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node


def _read(graph: Graph, node: Node, notes: Notes) -> Convolution | None:
    """Return a convolution with its chain, or None where it is refused."""
    if any(name not in graph.constants for name in node.inputs[1:]):
        notes.refuse(node, "its weights are computed at run time", "make them constants when exporting")
        return None
    weight, known = graph.constants[node.inputs[1]], graph.steps.get(node.inputs[1])
    if not _is_stackable(node, graph.shape(node.inputs[0])[0], weight.shape[2:]):
        notes.refuse(node, f"it reads {graph.shape(node.inputs[0])[0]} images at once", "keep the batch at 1")
        return None
    if node.op == "ConvTranspose":
        weight = _outputs_first(weight, node.attrs["group"])
        known = None if known is None else _outputs_first(known, node.attrs["group"])
    steps = row_steps(None if known is None else known.reshape(len(weight), -1))
    bias = graph.constants[node.inputs[2]] if len(node.inputs) > 2 else np.zeros(len(weight))
    chain, w, b, steps = absorbed(graph, node, weight.reshape(len(weight), -1), bias, steps, axis=1)
    return Convolution(
        node=node,
        output=chain[-1].output if chain else node.output,
        weight=w.reshape(weight.shape),
        bias=b,
        attrs=steps_attr(steps),
        scope=scope_of(graph, node),
    )


def _outputs_first(weight: NDArray[Any], group: int) -> NDArray[Any]:
    """Return ``(Cin, Cout / group, *kernel)`` as ``(Cout, Cin / group, *kernel)``."""
    split = weight.reshape(group, -1, *weight.shape[1:]).swapaxes(1, 2)
    return split.reshape(-1, *split.shape[2:])


def _match(graph: Graph, node: Node, notes: Notes) -> Graph | None:
    if node.op not in {"Conv", "ConvTranspose"} or (found := _read(graph, node, notes)) is None:
        return None
    if node.op == "ConvTranspose":
        return _transposed(graph, found)
    if _is_pointwise(found):
        return _pixels(graph, found)
    return _patches(graph, found) if _is_patches(graph, found) else _convolved(graph, found)


def _is_pointwise(found: Convolution) -> bool:
    """Whether every output pixel is a product of one input pixel."""
    attrs, kernel = found.node.attrs, found.weight.shape[2:]
    return set(kernel) == {1} and attrs["group"] == 1 and not any(attrs["pads"]) and set(attrs["strides"]) == {1}


def _is_patches(graph: Graph, found: Convolution) -> bool:
    """Whether a convolution cuts its input into whole patches whose elements are best taken channel by channel."""
    attrs, kernel = found.node.attrs, found.weight.shape[2:]
    spatial = graph.shape(found.node.inputs[0])[2:]
    plain = attrs["group"] == 1 and not any(attrs["pads"]) and set(attrs["dilations"]) == {1}
    divides = all(extent % k == 0 for extent, k in zip(spatial, kernel, strict=True))
    whole = kernel == spatial or (tuple(attrs["strides"]) == kernel and divides)
    return plain and whole and (found.weight.shape[1] == 1 or not _behind_convolution(graph, found.node))


def _behind_convolution(graph: Graph, node: Node) -> bool:
    return any(before.op in {"conv", "linear"} for before in graph.ancestors(node.inputs[0]))


def _patches(graph: Graph, found: Convolution) -> Graph:
    """Write a patch convolution as Reshape, Transpose, linear, Transpose."""
    x = found.node.inputs[0]
    shape, kernel, outputs = graph.shape(x), found.weight.shape[2:], len(found.weight)
    count, out = len(kernel), tuple(e // k for e, k in zip(shape[2:], kernel, strict=True))
    cut = (shape[0], shape[1], *(v for pair in zip(out, kernel, strict=True) for v in pair))
    order = (0, *(2 + 2 * j for j in range(count)), 1, *(3 + 2 * j for j in range(count)))
    b = Builder(graph, found)
    rows, _ = b.transpose(b.add("Reshape", x, cut), cut, *order)
    names = b.parameters(found.weight.reshape(outputs, -1), found.bias)
    tokens = b.add("linear", rows, (shape[0], *out, outputs), *names, **found.attrs)
    b.channels_second(tokens, (shape[0], *out, outputs))
    return b.finish(tokens)


def _pixels(graph: Graph, found: Convolution) -> Graph:
    """Write a convolution of single pixels as Transpose, linear, Transpose."""
    x, outputs = found.node.inputs[0], len(found.weight)
    b = Builder(graph, found)
    last, shape = _channels_last(b, x)
    names = b.parameters(found.weight.reshape(outputs, -1), found.bias)
    wide = (*shape[:-1], outputs)
    y = b.add("linear", last, wide, *names, **found.attrs)
    b.channels_second(y, wide)
    return b.finish(y)


def _channels_last(b: Builder, x: str) -> tuple[str, tuple[int, ...]]:
    shape = b.graph.shape(x)
    return b.transpose(x, shape, 0, *range(2, len(shape)), 1)


def _geometry(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return strides, dilations, pads and groups of an image, a signal being one row."""
    lead = (1,) * (2 - len(attrs["strides"]))
    pads = tuple(attrs["pads"])
    return {
        "strides": (*lead, *attrs["strides"]),
        "dilations": (*lead, *attrs["dilations"]),
        "pads": pads if len(pads) == 4 else (0, pads[0], 0, pads[1]),
        "group": attrs["group"],
    }


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return rows and columns of a channel-last value; several signals, or images, are rows of one."""
    return prod(shape[:-2]), shape[-2]


def _is_stackable(node: Node, batch: int, kernel: tuple[int, ...]) -> bool:
    """Whether several examples may be rows of one image, because the kernel never sees two rows."""
    attrs, rows = node.attrs, len(kernel) == 2
    alone = not rows or (kernel[0], attrs["strides"][0], attrs["pads"][0], attrs["pads"][2]) == (1, 1, 0, 0)
    return batch == 1 or alone


def _image(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights ``(Cout, Cin / group, *kernel)`` as ``(Cout, rows, columns, Cin / group)``."""
    wide = weight if weight.ndim == 4 else weight[:, :, None]
    return np.ascontiguousarray(wide.transpose(0, 2, 3, 1))


def _convolved(graph: Graph, found: Convolution) -> Graph:
    """Write a convolution as Transpose, conv, Transpose."""
    b = Builder(graph, found)
    last, shape = _channels_last(b, found.node.inputs[0])
    out = (shape[0], *graph.shape(found.node.output)[2:], len(found.weight))
    names = b.parameters(_image(found.weight), found.bias)
    y = b.add("conv", last, out, *names, size=_size(shape), **_geometry(found.node.attrs), **found.attrs)
    b.channels_second(y, out)
    return b.finish(y)


def _transposed(graph: Graph, found: Convolution) -> Graph:
    """Write a transposed convolution as Transpose, conv over its phases, interleaving, Slice, Transpose."""
    b, node = Builder(graph, found), found.node
    last, shape = _channels_last(b, node.inputs[0])
    plan = phases(found.weight, shape[:-1], graph.shape(node.output)[2:], node.attrs)
    names = b.parameters(_image(plan.weight), plan.spread(found.bias))
    steps = {key: tuple(plan.spread(np.array(values)).tolist()) for key, values in found.attrs.items()}
    out = (shape[0], *plan.extent, len(plan.weight))
    geometry = {"size": _size(shape), **_geometry(plan.attrs)}
    y = canonical = b.add("conv", last, out, *names, **geometry, **steps)
    y = b.add("Reshape", y, plan.split)
    y, _ = b.transpose(y, plan.split, *plan.order)
    y = b.add("Reshape", y, plan.merged)
    cropped = tuple(stop - start for start, stop, _ in plan.slices)
    y = b.add("Slice", y, cropped, slices=plan.slices)
    b.channels_second(y, cropped)
    return b.finish(canonical)


def _run(graph: Graph, notes: Notes) -> Graph:
    return rewrite(graph, lambda graph, node: _match(graph, node, notes))


CONVOLUTION = Pass(name="convolution", run=_run, ensures=frozenset({"Conv", "ConvTranspose"}))
