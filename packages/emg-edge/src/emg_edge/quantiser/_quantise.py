"""From a float graph and calibration windows to a verified integer program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emg_edge._identifiers import identifier
from emg_edge.passes import canonicalise
from emg_edge.program._program import Program

from ._bits import with_weight_bits
from ._calibrate import check_calibration, collect
from ._correct import corrected
from ._given import accepted_weights, handed_back
from ._grids import choose_grids
from ._options import QuantiseOptions
from ._superseded import honoured_grids
from .lowering import lower, narrowed
from .precision import Price, choose_precision, rank
from .rescale import rescaled

if TYPE_CHECKING:
    from collections.abc import Callable

    from emg_edge.graph._graph import Graph
    from emg_edge.program._op import Op

    from ._calibrate import Feeds, Samples, Statistics
    from ._grids import Grids
    from .precision import Row

_MAX_NAME = 32
_ROUNDS = 2


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
    return quantised(graph, calibration, options).program


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """A program and how it came about.

    Parameters
    ----------
    graph
        The canonical float graph that it computes, factors moved.
    program
        Verified.
    options
        With what mixed precision chose.
    rows
        What each change of precision would do to the program as it was before mixed precision, the most harmful layer
        first; empty where nobody asked.
    """

    graph: Graph
    program: Program
    options: QuantiseOptions
    rows: tuple[Row, ...] = ()


def quantised(
    graph: Graph,
    calibration: Samples,
    options: QuantiseOptions | None = None,
    price: Price | None = None,
    *,
    ranked: bool = False,
) -> Quantised:
    """Quantise a model as `quantise` does, and say how.

    Parameters
    ----------
    graph, calibration, options
        As for `quantise`.
    price
        Of programs on the target; where None, bytes are counted and cycles are not.
    ranked
        Whether the layers shall be ranked though no option needs it.

    Raises
    ------
    BudgetError
        When no choice of bits keeps a budget.
    """
    options, price = options or QuantiseOptions(), price or Price()
    accepted = honoured_grids(handed_back(accepted_weights(canonicalise(graph), requantise=options.requantise_weights)))
    feeds = check_calibration(accepted, calibration)
    plain, moved = rescaled(with_weight_bits(accepted, options.weight_bits), feeds, options)
    statistics = collect(plain, feeds)

    def build(options: QuantiseOptions) -> Program:
        graph = with_weight_bits(plain, options.weight_bits)
        return _program(graph, choose_grids(graph, statistics, options), moved)

    rows: list[Row] = []
    if ranked or options.measured:
        rows, options = _mixed(plain, statistics, moved, feeds, options, price, build)
    program, final = build(options), with_weight_bits(plain, options.weight_bits)
    if options.bias_correction:
        program = corrected(final, program, feeds)
    return Quantised(graph=final, program=program, options=options, rows=tuple(rows))


def _mixed(
    graph: Graph,
    statistics: Statistics,
    moved: tuple[str, ...],
    feeds: Feeds,
    options: QuantiseOptions,
    price: Price,
    build: Callable[[QuantiseOptions], Program],
) -> tuple[list[Row], QuantiseOptions]:
    """Return the ranked changes and the options that mixed precision chose, measured anew until it changes nothing."""
    wanted, named, first = options, options.named, None
    for _ in range(_ROUNDS):
        current = replace(options, wide=named)
        seen = with_weight_bits(graph, current.weight_bits)
        grids = choose_grids(seen, statistics, current)
        rows, base = rank(seen, statistics, grids, _program(seen, grids, moved), feeds, current, price)
        first = first or rows
        options = choose_precision(rows, base, replace(current, wide=wanted.wide), build, price, named)
        if wanted.wide != "auto" or options.named == named:
            break
        named = options.named
    return first or [], options


def _program(graph: Graph, grids: Grids, moved: tuple[str, ...]) -> Program:
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
    return program


def _operators(graph: Graph, grids: Grids) -> list[Op]:
    ops: list[Op] = []
    for node in graph.nodes:
        ops.append(lower(graph, node, grids))
        copy = grids.narrow.get(node.output)
        if copy is not None:
            ops.append(narrowed(grids.tensors[node.output], copy))
    return ops
