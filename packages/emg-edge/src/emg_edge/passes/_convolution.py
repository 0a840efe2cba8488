"""Convolutions: channel-last products with every per-channel factor and offset behind them.

Cases: (1) a kernel that equals its stride, or covers its whole input, as a ``linear`` over patches, where no other
convolution stands in front that would leave its channels last; (2) a kernel of one element as a ``linear`` over pixels;
(3) everything else, and a transposed convolution as a convolution of its phases (`_phases`), as ``conv`` between two
Transposes. Per-channel arithmetic behind, batch normalisation above all, goes into weights and biases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Graph, Node, Value

from ._absorb import absorbed, row_steps, steps_attr
from ._layout import MARK
from ._pass import Notes, Pass, rewrite, scope_of
from ._phases import phases

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

_SHAPED = {"Reshape", "linear", "conv"}


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A Conv or ConvTranspose with the chain behind it in its weights.

    Parameters
    ----------
    node
        As the importer wrote it.
    output
        What the last node of the chain writes.
    weight
        float32 ``(Cout, Cin / group, *kernel)``, of a ConvTranspose as well.
    bias
        float32 ``(Cout,)``.
    attrs
        ``steps`` per output channel where the file quantised the weights.
    scope
        For names.
    """

    node: Node
    output: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    attrs: Mapping[str, Any]
    scope: str


class Builder:
    """Collects a chain of nodes that ends in a given value.

    Parameters
    ----------
    graph
        That the names must be new to.
    found
        What the nodes replace.
    """

    def __init__(self, graph: Graph, found: Convolution) -> None:
        self.graph, self.found = graph, found
        self.nodes: list[Node] = []
        self.values: list[Value] = []
        self.constants: dict[str, NDArray[np.float32]] = {}

    def add(self, op: str, x: str, shape: tuple[int, ...], *constants: str, **attrs: Any) -> str:  # noqa: ANN401
        """Append a node that writes a shape, an attribute of those that say so; return what it writes."""
        attrs |= {"shape": shape} if op in _SHAPED else {}
        name = self.graph.fresh(f"{self.found.output}.{op}{len(self.nodes)}")
        node = self.found.node
        self.nodes.append(
            Node(op=op, name=node.name, inputs=(x, *constants), output=name, attrs=attrs, scope=self.found.scope)
        )
        self.values.append(Value(name=name, shape=shape))
        return name

    def transpose(self, x: str, shape: tuple[int, ...], *perm: int) -> tuple[str, tuple[int, ...]]:
        """Append a Transpose; return what it writes and its shape."""
        turned = tuple(shape[axis] for axis in perm)
        return self.add("Transpose", x, turned, perm=perm), turned

    def parameters(self, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> tuple[str, str]:
        """Register weights and biases."""
        names = tuple(self.graph.fresh(f"{self.found.output}.{part}") for part in ("weight", "bias"))
        self.constants.update(zip(names, (weight, bias), strict=True))
        return names[0], names[1]

    def finish(self, canonical: str) -> Graph:
        """Let the last node write the output; hand its grids to the canonical value, which holds the same elements."""
        *rest, last = self.nodes
        output, old = self.found.output, last.output
        nodes = [*rest, Node(op=last.op, name=last.name, inputs=last.inputs, output=output, attrs=last.attrs)]
        values = [value for value in self.values if value.name != old]
        return self.graph.substitute(output, nodes, values=values, constants=self.constants).handed_on(
            output, canonical
        )


def _read(graph: Graph, node: Node, notes: Notes) -> Convolution | None:
    """Return a convolution with its chain, or None where it is refused."""
    if any(name not in graph.constants for name in node.inputs[1:]):
        notes.refuse(node, "its weights are computed at run time", "make them constants when exporting")
        return None
    weight, known = graph.constants[node.inputs[1]], graph.steps.get(node.inputs[1])
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
    cut = (1, shape[1], *(v for pair in zip(out, kernel, strict=True) for v in pair))
    order = (0, *(2 + 2 * j for j in range(count)), 1, *(3 + 2 * j for j in range(count)))
    b = Builder(graph, found)
    rows, _ = b.transpose(b.add("Reshape", x, cut), cut, *order)
    names = b.parameters(found.weight.reshape(outputs, -1), found.bias)
    tokens = b.add("linear", rows, (1, *out, outputs), *names, **found.attrs)
    _channels_second(b, tokens, (1, *out, outputs))
    return b.finish(tokens)


def _pixels(graph: Graph, found: Convolution) -> Graph:
    """Write a convolution of single pixels as Transpose, linear, Transpose."""
    x, outputs = found.node.inputs[0], len(found.weight)
    b = Builder(graph, found)
    last, shape = _channels_last(b, x)
    names = b.parameters(found.weight.reshape(outputs, -1), found.bias)
    wide = (*shape[:-1], outputs)
    y = b.add("linear", last, wide, *names, **found.attrs)
    _channels_second(b, y, wide)
    return b.finish(y)


def _channels_last(b: Builder, x: str) -> tuple[str, tuple[int, ...]]:
    shape = b.graph.shape(x)
    return b.transpose(x, shape, 0, *range(2, len(shape)), 1)


def _channels_second(b: Builder, y: str, shape: tuple[int, ...]) -> None:
    perm = (0, len(shape) - 1, *range(1, len(shape) - 1))
    b.add("Transpose", y, tuple(shape[axis] for axis in perm), perm=perm, **{MARK: True})


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


def _image(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights ``(Cout, Cin / group, *kernel)`` as ``(Cout, rows, columns, Cin / group)``."""
    wide = weight if weight.ndim == 4 else weight[:, :, None]
    return np.ascontiguousarray(wide.transpose(0, 2, 3, 1))


def _convolved(graph: Graph, found: Convolution) -> Graph:
    """Write a convolution as Transpose, conv, Transpose."""
    b = Builder(graph, found)
    last, shape = _channels_last(b, found.node.inputs[0])
    out = (1, *graph.shape(found.node.output)[2:], len(found.weight))
    names = b.parameters(_image(found.weight), found.bias)
    size = (1, *shape[1:-1])[-2:]
    y = b.add("conv", last, out, *names, size=size, **_geometry(found.node.attrs), **found.attrs)
    _channels_second(b, y, out)
    return b.finish(y)


def _transposed(graph: Graph, found: Convolution) -> Graph:
    """Write a transposed convolution as Transpose, conv over its phases, interleaving, Slice, Transpose."""
    b, node = Builder(graph, found), found.node
    last, shape = _channels_last(b, node.inputs[0])
    plan = phases(found.weight, shape[1:-1], graph.shape(node.output)[2:], node.attrs)
    names = b.parameters(_image(plan.weight), plan.spread(found.bias))
    steps = {key: tuple(plan.spread(np.array(values)).tolist()) for key, values in found.attrs.items()}
    out = (1, *plan.extent, len(plan.weight))
    geometry = {"size": (1, *shape[1:-1])[-2:], **_geometry(plan.attrs)}
    y = canonical = b.add("conv", last, out, *names, **geometry, **steps)
    y = b.add("Reshape", y, plan.split)
    y, _ = b.transpose(y, plan.split, *plan.order)
    y = b.add("Reshape", y, plan.merged)
    cropped = tuple(stop - start for start, stop, _ in plan.slices)
    y = b.add("Slice", y, cropped, slices=plan.slices)
    _channels_second(b, y, cropped)
    return b.finish(canonical)


def _run(graph: Graph, notes: Notes) -> Graph:
    return rewrite(graph, lambda graph, node: _match(graph, node, notes))


CONVOLUTION = Pass(name="convolution", run=_run, ensures=frozenset({"Conv", "ConvTranspose"}))
