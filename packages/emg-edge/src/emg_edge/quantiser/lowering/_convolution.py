"""Convolutions: weights per output channel, as those of a linear layer over patches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge.kernels import Conv, multiplier

from ._common import finish, int32, product_has_room, product_weights
from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _conv(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    weight, bias, w_scale = product_weights(graph, node, x.scale)
    bias = bias - x.zero_point * weight.astype(np.int64).sum(1)
    y_scale, zero, table = finish(node, grids, out)
    mul, shift = multiplier(x.scale * w_scale / y_scale)
    return Conv(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        weight=weight.reshape(graph.shape(node.inputs[1])),
        bias=int32(bias, f"bias of {node.name!r}"),
        mul=mul,
        shift=shift,
        size=node.attrs["size"],
        stride=node.attrs["strides"],
        dilation=node.attrs["dilations"],
        pads=node.attrs["pads"],
        groups=node.attrs["group"],
        pre_zero=zero,
        table=table,
        weight_bits=node.attrs.get("weight_bits", 8),
    )


LOWERINGS = {"conv": Lowering(lower=_conv, reads="product", wide=product_has_room)}
