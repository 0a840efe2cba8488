"""A change of grid that a quantised file demands: no change at all to real numbers.

The importer's ``Requantise`` is seen through like a movement, so that it hides no pattern; what is left of them in the
end is canonical.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from emg_edge.graph._operation import Operation, Shape, need

from ._elementwise import same_shape

if TYPE_CHECKING:
    from emg_edge.graph._graph import Node


def _same_size(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    need(len(shapes) == 1 and prod(shapes[0]) == prod(shape), "sizes differ")
    return shape


OPERATIONS = {
    "Requantise": Operation(group="movement", shape=same_shape, run=lambda _, a: a[0]),
    "requantise": Operation(
        group="canonical", shape=_same_size, run=lambda node, a: a[0].reshape(len(a[0]), *node.attrs["shape"])
    ),
}
