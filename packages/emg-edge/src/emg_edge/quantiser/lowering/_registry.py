"""From canonical nodes to integer operators: weights, biases, multipliers and tables, one file a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge.kernels import Requantise, multiplier

from . import (
    _arithmetic,
    _attention,
    _convolution,
    _copies,
    _layernorm,
    _linear,
    _pool,
    _quantised,
    _recurrent,
    _reduce,
    _rows,
)

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.program._tensor import Tensor
    from emg_edge.quantiser._grids import Grids

    from ._lowering import Lowering


_FAMILIES = (
    _arithmetic,
    _attention,
    _convolution,
    _copies,
    _layernorm,
    _linear,
    _pool,
    _quantised,
    _recurrent,
    _reduce,
    _rows,
)

LOWERINGS: dict[str, Lowering] = {name: entry for family in _FAMILIES for name, entry in family.LOWERINGS.items()}


def lower(graph: Graph, node: Node, grids: Grids) -> Op:
    """Return the integer operator of a canonical node."""
    return LOWERINGS[node.op].lower(graph, node, grids)


def narrowed(wide: Tensor, narrow: Tensor) -> Op:
    """Return the operator that writes the int8 copy of a tensor."""
    mul, shift = multiplier(wide.scale / narrow.scale)
    return Requantise(
        name=f"{narrow.name}_requantise", inputs=(wide.name,), output=narrow.name, mul=int(mul[0]), shift=shift
    )
