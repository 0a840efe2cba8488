"""From a float graph and calibration windows to a verified integer program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge.passes import canonicalise
from emg_edge.passes._names import identifier
from emg_edge.program._program import Program

from ._bits import with_weight_bits
from ._calibrate import check_calibration, collect
from ._correct import corrected
from ._given import accepted_weights, handed_back
from ._grids import choose_grids
from ._options import QuantiseOptions
from .lowering import lower, narrowed
from .rescale import rescaled

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph
    from emg_edge.program._op import Op

    from ._calibrate import Samples
    from ._grids import Grids

_MAX_NAME = 32


def quantise(graph: Graph, calibration: Samples, options: QuantiseOptions | None = None) -> Program:
    """Quantise a model to integers, post-training.

    Weights become int8 per output channel; activations int8, except values that are only added, averaged, normalised or
    returned, which stay int16; q, k and v get a scale per head. A tensor whose channels have scales of their own (the
    fused q, k, v) carries ``scale == 0.0``. Grids and weights' steps that the file brought (QuantizeLinear and
    DequantizeLinear) are taken as they are, what it leaves open is calibrated.

    Parameters
    ----------
    graph
        From `load_onnx` or `canonicalise`.
    calibration
        float ``(n, channels, time)``, preprocessed as for inference; one array per input name where there are several.
        Some hundred windows of all classes are enough.
    options
        Defaults where None.

    Returns
    -------
    Program
        Verified. Tensors and operators bear the names of the canonical graph.
    """
    options = options or QuantiseOptions()
    graph = with_weight_bits(handed_back(accepted_weights(canonicalise(graph), requantise=options.requantise_weights)), options.weight_bits)
    feeds = check_calibration(graph, calibration)
    graph, moved = rescaled(graph, feeds, options)
    grids = choose_grids(graph, collect(graph, feeds), options)
    program = Program(
        name=identifier(graph.metadata.get("emg.model", graph.name), "net")[:_MAX_NAME],
        tensors={t.name: t for t in (*grids.tensors.values(), *grids.narrow.values())},
        ops=tuple(_operators(graph, grids)),
        inputs=graph.inputs,
        outputs=graph.outputs,
        metadata=dict(graph.metadata),
        rescaled=moved,
    )
    program.verify()
    return corrected(graph, program, feeds) if options.bias_correction else program


def _operators(graph: Graph, grids: Grids) -> list[Op]:
    ops: list[Op] = []
    for node in graph.nodes:
        ops.append(lower(graph, node, grids))
        copy = grids.narrow.get(node.output)
        if copy is not None:
            ops.append(narrowed(grids.tensors[node.output], copy))
    return ops
