"""Shapes: what each node writes, by the table of legal operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge._errors import EmgEdgeError

from ._graph import checked_size
from .operations import OPERATIONS

if TYPE_CHECKING:
    from ._graph import Graph, Node
    from ._operation import Shape


def output_shape(node: Node, graph: Graph) -> Shape:
    """Infer the shape that a node writes.

    Raises
    ------
    EmgEdgeError
        If the operation is not in the table, or its inputs or attributes do not fit together.
    """
    where = f"{node.op} {node.name!r}"
    operation = OPERATIONS.get(node.op)
    if operation is None:
        raise EmgEdgeError(f"{where}: no such operation in the float IR; it has {sorted(OPERATIONS)}")
    shapes = [graph.shape(name) for name in node.inputs]
    try:
        shape = operation.shape(shapes, node)
    except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError) as error:
        raise EmgEdgeError(f"{where} on shapes {shapes}: {error}") from error
    return checked_size(tuple(int(extent) for extent in shape), where)
