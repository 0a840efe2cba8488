"""Pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.kernels import AveragePool, MaxPool, multiplier

from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids

_WINDOW = ("outer", "inner", "size", "out", "kernel", "strides", "dilations", "begin")


def _fields(node: Node, grids: Grids) -> dict[str, Any]:
    read, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    return {"name": node.name, "inputs": (read.name,), "output": out.name, **{key: node.attrs[key] for key in _WINDOW}}


def _max_pool(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    return MaxPool(**_fields(node, grids))


def _average_pool(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    counts = np.arange(1, node.attrs["kernel"][0] * node.attrs["kernel"][1] + 1)
    mul, shift = multiplier(x.scale / (out.scale * counts))
    bounds = {key: node.attrs[key] for key in ("low", "high")}
    return AveragePool(**_fields(node, grids), **bounds, mul=mul, shift=shift)


LOWERINGS = {
    "average_pool": Lowering(lower=_average_pool),
    "max_pool": Lowering(lower=_max_pool, keeps_grid=True),
}
