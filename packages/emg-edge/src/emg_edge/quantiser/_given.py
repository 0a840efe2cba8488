"""Grids that a quantised file demands, as tensors of the program; and those that no operator can write or read.

Rule: the grid of a value that is a tensor of the program is honoured exactly, zero point included. It gives way, and is
listed by `emg_edge.quantiser._superseded.grid_warnings`, where the operators around it cannot use it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import Unsupported, UnsupportedError
from emg_edge.graph._graph import sample_shape
from emg_edge.program._tensor import Tensor

from .lowering import LOWERINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import GivenGrid, Graph, Node


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the file demands of a value, as far as its operators can use it.

    Parameters
    ----------
    wide, narrow
        int16 and int8 grids that are honoured, None where there is none.
    copied
        Whether a reader needs an int8 copy whose grid the file leaves open.
    dropped
        Grids that give way, each with the reason.
    """

    wide: GivenGrid | None = None
    narrow: GivenGrid | None = None
    copied: bool = False
    dropped: tuple[tuple[GivenGrid, str], ...] = ()


def demand(graph: Graph, name: str, readers: list[Node]) -> Demand:
    """Decide which grids of a value are honoured.

    Parameters
    ----------
    graph
        Canonical.
    name
        A value.
    readers
        The nodes that read it, through copies.

    Raises
    ------
    UnsupportedError
        When a grid has a scale per channel.
    """
    grids = {grid.dtype: grid for grid in graph.given.get(name, ())}
    for grid in grids.values():
        if len(grid.scale) > 1:
            why = "only q, k and v in front of attention have a scale per channel"
            raise UnsupportedError([Unsupported(grid.node, "QuantizeLinear", why, "quantise it per tensor")])
    wide, narrow = grids.get("int16"), grids.get("int8")
    dropped: list[tuple[GivenGrid, str]] = []
    if narrow is not None and narrow.zero_point != 0 and any(LOWERINGS[reader.op].symmetric for reader in readers):
        dropped.append((narrow, "its readers need zero point 0"))
        narrow = None
    copied = wide is not None and narrow is None and any(_reads_int8(graph, reader, wide) for reader in readers)
    moved = any(reader not in graph.consumers.get(name, []) for reader in readers)
    why = _why_not_wide(graph.producers.get(name), moved=moved and (copied or narrow is not None))
    if wide is not None and why:
        dropped.append((wide, why))
        wide, copied = None, False
    return Demand(wide=wide, narrow=narrow, copied=copied, dropped=tuple(dropped))


def _reads_int8(graph: Graph, reader: Node, grid: GivenGrid) -> bool:
    """Whether a reader cannot take an int16 grid."""
    entry = LOWERINGS[reader.op]
    if entry.reads == "product":
        return entry.wide is None or not entry.wide(graph, reader, grid.scale[0])
    return entry.reads == "int8"


def _why_not_wide(producer: Node | None, *, moved: bool) -> str:
    if producer is not None and (LOWERINGS[producer.op].writes == "int8" or "body" in producer.attrs):
        return "its operator writes int8"
    return "it is moved in front of a reader of int8" if moved else ""


def given_tensors(graph: Graph, name: str, readers: list[Node]) -> tuple[Tensor, Tensor | None, bool] | None:
    """Return the tensor that the file demands for a value, its int8 copy, and whether one must be calibrated."""
    found = demand(graph, name, readers)
    grids = [grid for grid in (found.wide, found.narrow) if grid is not None]
    if not grids:
        return None
    tensors = [_tensor(graph, name, grid) for grid in grids]
    copy = replace(tensors[1], name=f"{name}_int8") if len(tensors) == 2 else None
    return tensors[0], copy, found.copied


def given_channels(graph: Graph, name: str, index: NDArray[np.int64], count: int) -> NDArray[np.float64] | None:
    """Return the step of each channel of a linear layer before attention, ``(count,)``, where the file gives it.

    Parameters
    ----------
    graph
        Canonical.
    name
        The value with q, k or v in it.
    index
        Channels ``(heads, width)`` of one of them.
    count
        Channels of the layer.
    """
    grids = graph.given.get(name, ())
    if not channels_fit(grids, index, count):
        return None
    return np.broadcast_to(np.array(grids[0].scale), (count,)).copy()


def channels_fit(grids: tuple[GivenGrid, ...], index: NDArray[np.int64], count: int) -> bool:
    """Whether q, k and v can have the file's grid: one, int8, zero point 0, one scale a head."""
    if len(grids) != 1 or grids[0].dtype != "int8" or grids[0].zero_point != 0:
        return False
    scale = np.array(grids[0].scale)
    return len(scale) == 1 or (len(scale) == count and bool((scale[index] == scale[index][:, :1]).all()))


def _tensor(graph: Graph, name: str, grid: GivenGrid) -> Tensor:
    shape = sample_shape(graph.shape(name))
    return Tensor(name=name, shape=shape, dtype=grid.dtype, scale=grid.scale[0], zero_point=grid.zero_point)


def handed_back(graph: Graph) -> Graph:
    """Give the source of copied or chosen elements (a maximum over a window) the grid demanded behind them."""
    for node in reversed(graph.nodes):
        x = node.inputs[0]
        alone = LOWERINGS[node.op].keeps_grid and graph.sole_consumer(x) is node
        if alone and node.output in graph.given and x not in graph.given:
            graph = graph.handed_on(node.output, x)
    return graph


def accepted_weights(graph: Graph, *, requantise: bool) -> Graph:
    """Return the graph without steps that no symmetric int8 weights stand behind.

    Parameters
    ----------
    graph
        Canonical.
    requantise
        Whether such weights may be quantised again, from their real values.

    Raises
    ------
    UnsupportedError
        Listing the layers, unless they may.
    """
    odd = [node for node in graph.nodes if "steps" in node.attrs and np.isnan(node.attrs["steps"]).any()]
    if odd and not requantise:
        raise UnsupportedError(
            [
                Unsupported(
                    node.name,
                    node.op,
                    "its weights are quantised with codes more than 127 steps from their zero point, or with steps "
                    "that differ within an output channel",
                    "quantise weights symmetrically to -127..127, or allow requantise_weights=True "
                    "(--requantise-weights), which rounds them once more",
                )
                for node in odd
            ]
        )
    bare = {n.output: replace(n, attrs={k: v for k, v in n.attrs.items() if k != "steps"}) for n in odd}
    return replace(graph, nodes=tuple(bare.get(node.output, node) for node in graph.nodes)) if odd else graph
