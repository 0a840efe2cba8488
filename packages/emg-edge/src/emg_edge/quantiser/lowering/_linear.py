"""Linear layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.kernels import (
    Linear,
    multiplier,
)

from ._common import finish, int32, product_has_room, product_weights
from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _linear(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    weight, bias, w_scale = product_weights(graph, node, x.scale)
    bias = bias - x.zero_point * weight.astype(np.int64).sum(1)
    y_scale, zero, table = finish(node, grids, out)
    scales: Any = next((h.channels[out.name] for h in grids.heads.values() if out.name in h.channels), y_scale)
    mul, shift = multiplier(x.scale * w_scale / scales)
    return Linear(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        weight=weight,
        bias=int32(bias, f"bias of {node.name!r}"),
        mul=mul,
        shift=shift,
        pre_zero=zero,
        table=table,
        weight_bits=node.attrs.get("weight_bits", 8),
    )


LOWERINGS = {"linear": Lowering(lower=_linear, reads="product", wide=product_has_room)}
