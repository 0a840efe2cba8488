"""Attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge.kernels import (
    STEP,
    Attention,
    exp_table,
    multiplier,
)

from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _attention(graph: Graph, node: Node, grids: Grids) -> Op:
    sources, out = [grids.read(node, name) for name in node.inputs[:3]], grids.tensors[node.output]
    q, k, v = grids.heads[node.output].parts
    index_mul, index_shift = multiplier(q * k * node.attrs["scale"] / STEP)
    out_mul, out_shift = multiplier(v / out.scale / 2.0**8)
    turn = [
        np.clip(np.rint(graph.constants[name].astype(np.float64) * 32768.0), -32768, 32767).astype(np.int16)
        for name in node.inputs[3:]
    ]
    return Attention(
        name=node.name,
        inputs=tuple(source.name for source in sources),
        output=out.name,
        heads=node.attrs["heads"],
        width=node.attrs["width"],
        layout=tuple(int(v) for v in node.attrs["layout"]),
        index_mul=index_mul,
        index_shift=index_shift,
        out_mul=out_mul,
        out_shift=out_shift,
        table=exp_table(),
        cos=turn[0] if turn else None,
        sin=turn[1] if turn else None,
    )


LOWERINGS = {"attention": Lowering(lower=_attention, reads="int8", writes="int8", symmetric=True)}
