"""Normalisation of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.kernels import (
    FRACTION,
    MAX_EPS,
    LayerNorm,
)
from emg_edge.kernels._layernorm import coarseness

from ._common import int32
from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _layernorm(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    gamma, beta = (graph.constants[name].astype(np.float64) / out.scale for name in node.inputs[1:])
    repeat, groups = node.attrs.get("repeat", 1), node.attrs.get("groups", 1)
    room_gamma = 30.0 + FRACTION - np.log2(max(float(np.abs(gamma).max()), 1e-30))
    room_beta = 30.0 - np.log2(max(float(np.abs(beta).max()), 1e-30))
    shift = int(np.floor(min(30.0, room_gamma, room_beta)))
    if shift < 1:
        raise EmgEdgeError(f"layernorm {node.name!r}: gamma or beta is too large for its output's scale {out.scale:g}")
    return LayerNorm(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        gamma=int32(gamma * 2.0 ** (shift - FRACTION), f"gamma of {node.name!r}"),
        beta=int32(beta * 2.0**shift, f"beta of {node.name!r}"),
        shift=shift,
        eps=_eps(node, len(gamma) * repeat // groups, x.scale),
        repeat=repeat,
        groups=groups,
    )


def _eps(node: Node, width: int, scale: float) -> int:
    """Return epsilon in units of the squared, width-fold input steps."""
    eps: float = node.attrs["eps"] * width**2 / scale**2 / 4.0 ** coarseness(width)
    if not eps <= MAX_EPS:
        raise EmgEdgeError(
            f"layernorm {node.name!r}: its input has steps of {scale:g}, so small that epsilon {node.attrs['eps']:g} "
            "is all that counts; scale the model's input up"
        )
    return round(eps)


LOWERINGS = {"layernorm": Lowering(lower=_layernorm)}
