"""``emg-edge inspect``: what a model consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._show import extents, plain, table

if TYPE_CHECKING:
    from pathlib import Path

    from ._show import Result


def inspect(model: Path) -> Result:
    """Describe a model after canonicalisation."""
    from emg_edge.onnx_reader._onnx import load_onnx
    from emg_edge.passes import canonicalise

    graph = canonicalise(load_onnx(model))
    nodes = [{"name": node.name, "op": node.op, "shape": list(graph.values[node.output].shape)} for node in graph.nodes]
    ports = {
        kind: [{"name": name, "shape": list(graph.values[name].shape)} for name in names]
        for kind, names in (("inputs", graph.inputs), ("outputs", graph.outputs))
    }
    result = {
        "name": graph.name,
        **ports,
        "layers": nodes,
        "parameters": sum(int(array.size) for array in graph.constants.values()),
        "metadata": graph.metadata,
        "unsupported": [],
    }
    rows = [[n.name, n.op, extents(graph.values[n.output].shape)] for n in graph.nodes]
    return plain(result), table(f"{graph.name}: {result['parameters']:,} constants", ["layer", "op", "shape"], rows)
