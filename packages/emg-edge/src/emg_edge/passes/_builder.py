"""A product as the importer wrote it, and the chain of nodes that replaces it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emg_edge.graph._graph import Graph, Node, Value

from ._layout import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import numpy as np
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

    def channels_second(self, y: str, shape: tuple[int, ...]) -> None:
        """Append the Transpose that puts the last axis second, as exporters order channels; layout may move it."""
        self.turned(y, shape, 0, len(shape) - 1, *range(1, len(shape) - 1))

    def turned(self, y: str, shape: tuple[int, ...], *perm: int) -> None:
        """Append a Transpose that layout may move."""
        self.add("Transpose", y, tuple(shape[axis] for axis in perm), perm=perm, **{MARK: True})

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
