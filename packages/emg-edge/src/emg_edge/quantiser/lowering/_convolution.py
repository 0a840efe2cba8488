"""Convolutions: weights per output channel, as those of a linear layer over patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.kernels import Conv, multiplier
from emg_edge.quantiser._weights import quantise_weights

from ._common import finish, int32
from ._lowering import Lowering

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _weights(graph: Graph, node: Node, scale: float) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[Any]]:
    """Return int8 weights as rows, biases and the weights' steps for an input of that scale."""
    w, b = (graph.constants[name] for name in node.inputs[1:])
    return quantise_weights(w.reshape(len(w), -1), b, scale, node.attrs.get("steps"), node.attrs.get("weight_bits", 8))


def _conv(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    weight, bias, w_scale = _weights(graph, node, x.scale)
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


def _has_room(graph: Graph, node: Node, scale: float) -> bool:
    """Whether no accumulator can overflow on int16 input."""
    weight, bias, _ = _weights(graph, node, scale)
    reach = np.abs(weight.astype(np.int64)).sum(1) * 2**15 + np.abs(bias)
    return int(reach.max()) < 2**31


LOWERINGS = {"conv": Lowering(lower=_conv, reads="product", wide=_has_room)}
