"""Attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph.operations._attention import extents, extras
from emg_edge.kernels import (
    STEP,
    Attention,
    exp_table,
    multiplier,
)

from ._common import int32
from ._lowering import Lowering

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _attention(graph: Graph, node: Node, grids: Grids) -> Op:
    given = dict(zip(extras(node), node.inputs[3:], strict=True))
    names = (*node.inputs[:3], *(given[key] for key in ("padding",) if key in given))
    sources, out = [grids.read(node, name) for name in names], grids.tensors[node.output]
    q, k, v = grids.heads[node.output].parts
    index_mul, index_shift = multiplier(q * k * node.attrs["scale"] / STEP)
    out_mul, out_shift = multiplier(v / out.scale / 2.0**8)
    turn = [_q15(graph.constants[given[key]]) for key in ("cos", "sin") if key in given]
    bias, layout = _bias(graph, node, given, q * k * node.attrs["scale"])
    _, queries, keys, _ = extents(node)
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
        halves=node.attrs.get("halves", False),
        keys=0 if keys == queries else keys,
        group=node.attrs.get("group", 1),
        reach=node.attrs.get("reach"),
        mask=_bits(graph, given),
        bias=bias,
        bias_layout=layout,
    )


def _q15(table: NDArray[Any]) -> NDArray[np.int16]:
    stored: NDArray[np.int16] = np.clip(np.rint(table.astype(np.float64) * 32768.0), -32768, 32767).astype(np.int16)
    return stored


def _bits(graph: Graph, given: dict[str, str]) -> NDArray[np.uint8] | None:
    if "mask" not in given:
        return None
    return np.packbits(graph.constants[given["mask"]] != 0, axis=-1, bitorder="little")


def _bias(
    graph: Graph, node: Node, given: dict[str, str], units: NDArray[np.float64]
) -> tuple[NDArray[np.int32] | None, tuple[int, int, int, int]]:
    """Return the bias in score units of each head and its layout; one row where it depends on key - row alone."""
    if "bias" not in given:
        return None, (0, 0, 0, 0)
    heads, rows, keys, _ = extents(node)
    nats = np.broadcast_to(graph.constants[given["bias"]].astype(np.float64), (heads, rows, keys))
    corner = np.concatenate([nats[:, ::-1, 0], nats[:, 0, 1:]], -1)  # by key - row, from 1 - N to M - 1
    distance = np.arange(keys) - np.arange(rows)[:, None] + rows - 1
    steps = int32(nats / units[:, None, None], f"bias of {node.name!r}")
    if np.array_equal(corner[:, distance], nats):
        return int32(corner / units[:, None], f"bias of {node.name!r}"), (rows - 1, rows + keys - 1, -1, 1)
    if (nats == nats[:, :1]).all():
        return np.ascontiguousarray(steps[:, 0]), (0, keys, 0, 1)
    return np.ascontiguousarray(steps), (0, rows * keys, keys, 1)


LOWERINGS = {"attention": Lowering(lower=_attention, reads="int8", writes="int8", symmetric=True)}
