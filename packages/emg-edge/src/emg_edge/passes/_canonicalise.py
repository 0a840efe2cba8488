"""The pipeline of passes, the list of what is left unsupported, and the proof by numbers that nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import EmgEdgeError, Unsupported, UnsupportedError
from emg_edge.graph._float import run_float
from emg_edge.graph._graph import sample_shape
from emg_edge.graph.operations import BINARY, CANONICAL, MOVEMENT, PADDING, UNARY

from ._absorb import ABSORB
from ._affine import AFFINE
from ._attention import ATTENTION
from ._concat import CONCAT
from ._convolution import CONVOLUTION
from ._fold import FOLD
from ._given import GIVEN, REGRID, settle_grids
from ._grouped import GROUPED
from ._identity import IDENTITY
from ._isnan import ISNAN
from ._layernorm import LAYERNORM
from ._layout import LAYOUT
from ._linear import LINEAR
from ._matmul import MATMUL
from ._movement import MOVEMENT_PASS
from ._names import NAMES
from ._pairwise import PAIRWISE
from ._pass import Notes
from ._pool import POOL
from ._ports import settle_ports
from ._recurrent import RECURRENT
from ._reduce import REDUCE
from ._rmsnorm import RMSNORM
from ._softmax import PROBABILITIES, SOFTMAX
from ._spelling import SPELLING
from ._table import FUSE, TABLE
from ._where import WHERE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Value

PASSES = (
    FOLD,
    IDENTITY,
    GIVEN,
    RECURRENT,
    LAYERNORM,
    RMSNORM,
    CONVOLUTION,
    GROUPED,
    LINEAR,
    LAYOUT,
    ABSORB,
    ISNAN,
    ATTENTION,
    SOFTMAX,
    WHERE,
    MATMUL,
    POOL,
    REDUCE,
    SPELLING,
    TABLE,
    AFFINE,
    PAIRWISE,
    CONCAT,
)
LAST_PASSES = (
    REGRID,
    MOVEMENT_PASS,
    PROBABILITIES,
    FUSE,
)  # only where canonical nodes and movement are all that is left
_TOLERANCE = 1e-3
_QUANTISED = 1e-2  # for files whose constants are quantised, cosines and sines of a rotation among them


def is_canonical(graph: Graph) -> bool:
    """Whether every node has an integer operator."""
    return all(node.op in CANONICAL for node in graph.nodes)


def canonicalise(graph: Graph) -> Graph:
    """Rewrite a graph into canonical nodes, each of which becomes one integer operator.

    Parameters
    ----------
    graph
        As `load_onnx` returns it. A canonical graph is returned as it is.

    Returns
    -------
    Graph
        Only canonical nodes, with readable unique names; a value bears the name of the node that writes it. Its outputs
        have the given graph's shapes and equal them on a random sample (relative tolerance 1e-3 of the largest); none
        is an input or another output.

    Raises
    ------
    UnsupportedError
        Listing every node that no pass could place, with the reason.
    """
    if is_canonical(graph) and all(node.name.isidentifier() for node in graph.nodes):
        return graph
    notes, result = Notes(), graph
    for step in PASSES:
        result = step(result, notes)
    _refuse_leftovers(result, notes, allowed=CANONICAL | MOVEMENT | PADDING)
    for step in LAST_PASSES:
        result = step(result, notes)
    _refuse_leftovers(result, notes, allowed=CANONICAL)
    shapes = [graph.shape(name) for name in graph.outputs]
    result = NAMES(settle_ports(settle_grids(result), shapes), notes)
    _compare(graph, result)
    return result


def _refuse_leftovers(graph: Graph, notes: Notes, allowed: frozenset[str]) -> None:
    """Raise for nodes that are not allowed; plain arithmetic around a node with a reason of its own is not blamed."""
    left = [node for node in graph.nodes if node.op not in allowed]
    blamed = [node for node in left if node.output in notes.refused]
    rest = [node for node in left if node not in blamed]
    quiet = MOVEMENT | PADDING | UNARY | BINARY | {"MatMul"} if blamed else frozenset()
    found = {node.output: notes.refused[node.output] for node in blamed}
    for node in rest:
        if node.op not in quiet:
            shapes = [graph.shape(name) for name in node.inputs]
            found[node.output] = Unsupported(
                node.name,
                node.op,
                f"on shapes {shapes} it is part of no pattern that has an integer operator",
                "use Linear, LayerNorm, softmax attention, element-wise functions, sums and means",
            )
    if left:
        raise UnsupportedError([found[node.output] for node in left if node.output in found])


def _sample(value: Value, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return one random sample of an input; integer inputs get ones and zeros, as masks have."""
    shape = (1, *sample_shape(value.shape))
    drawn = rng.standard_normal(shape) if value.dtype == "float32" else rng.integers(0, 2, shape)
    return drawn.astype(np.float32)


def _compare(before: Graph, after: Graph) -> None:
    """Run both graphs on a random sample and compare the outputs; where all is NaN, on positive numbers once more."""
    rng = np.random.default_rng(0)
    drawn = [_sample(before.values[name], rng) for name in before.inputs]
    errors = _errors(before, after, drawn)
    if any(np.isnan(error) for error in errors.values()):
        errors |= {
            name: e
            for name, e in _errors(before, after, [np.abs(x) + np.float32(0.5) for x in drawn]).items()
            if np.isnan(errors[name])
        }
    for name, error in errors.items():
        if not error <= (_QUANTISED if before.steps else _TOLERANCE):
            raise EmgEdgeError(
                f"canonical graph differs from the model at output {name!r} by {error:.2g} of its maximum on random "
                "input; values that overflow or depend on tiny differences cannot be compiled"
            )


def _errors(before: Graph, after: Graph, feeds: list[NDArray[np.float32]]) -> dict[str, float]:
    """Return the largest error of every output in units of its maximum, where it is finite; NaN where it never is."""
    old = run_float(before, dict(zip(before.inputs, feeds, strict=True)))
    new = run_float(after, dict(zip(after.inputs, feeds, strict=True)))
    errors = {}
    for name, renamed in zip(before.outputs, after.outputs, strict=True):
        a, b = old[name].reshape(-1), new[renamed].reshape(-1)
        finite = np.isfinite(a)
        error = np.abs(a[finite] - b[finite]).max(initial=0.0) / max(np.abs(a[finite]).max(initial=0.0), 1e-6)
        errors[name] = float(error) if finite.any() else np.nan
    return errors
