"""Scale migration: loud LayerNorm channels become quieter, and the weights behind them larger (SmoothQuant).

Source: Xiao et al., arXiv 2211.10438, equation 4. The factors fold into gamma, beta and the weights; nothing is added
at run time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ._float import run_float

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._graph import Graph, Node

_WINDOWS = 32


def migrate(graph: Graph, windows: NDArray[np.float32], exponent: float) -> Graph:
    """Return an equivalent canonical graph with evened-out LayerNorm outputs.

    Parameters
    ----------
    graph
        Canonical.
    windows
        float32 ``(n, channels, time)``; up to 32 of them, spread evenly, are used.
    exponent
        Share of the difference that moves into the weights, 0 to 1.
    """
    values = run_float(graph, windows[:: max(1, -(-len(windows) // _WINDOWS))])
    for node in graph.nodes:
        readers = graph.consumers.get(node.output, [])
        if (
            node.op == "layernorm"
            and readers
            and all(r.op == "linear" for r in readers)
            and node.output not in graph.outputs
        ):
            graph = _move(graph, node, readers, np.abs(values[node.output]), exponent)
    return graph


def _move(graph: Graph, node: Node, readers: list[Node], magnitude: NDArray[np.float32], exponent: float) -> Graph:
    width = len(graph.constants[node.inputs[1]])
    peak = magnitude.reshape(-1, width).max(0).astype(np.float64)
    weights = [graph.constants[reader.inputs[1]] for reader in readers]
    if any(w.shape[1] != width for w in weights):
        return graph
    loud = np.max([np.abs(w).max(0) for w in weights], axis=0).astype(np.float64)
    factor = np.maximum(peak, 1e-5) ** exponent / np.maximum(loud, 1e-5) ** (1.0 - exponent)
    factor /= np.exp(np.log(factor).mean())
    constants = dict(graph.constants)
    renamed: dict[str, tuple[str, ...]] = {}
    for owner, parts in ((node, (1, 2)), *((reader, (1,)) for reader in readers)):
        names = list(owner.inputs)
        for part in parts:
            array = graph.constants[owner.inputs[part]].astype(np.float64)
            names[part] = f"{owner.output}.{part}.migrated"
            constants[names[part]] = (array / factor if owner is node else array * factor).astype(np.float32)
        renamed[owner.output] = tuple(names)
    nodes = tuple(replace(n, inputs=renamed.get(n.output, n.inputs)) for n in graph.nodes)
    return replace(graph, nodes=nodes, constants=constants).pruned()
