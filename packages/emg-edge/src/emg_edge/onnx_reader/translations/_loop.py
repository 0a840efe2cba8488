"""Loops that are LSTM or GRU: converters of Keras write those layers as a Loop over the steps.

The body is not matched by its form: it is run on random numbers, and accepted where it does what an LSTM or GRU with
the same weights does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, permutations, product
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import evaluate
from emg_edge.graph._graph import Graph
from emg_edge.graph.operations._recurrent import GATES, gru_step, lstm_step
from emg_edge.onnx_reader._importer import Body, Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_SAMPLES = 3
_TRIED = 2000
_ERROR = 1e-4
_KERAS = {"LSTM": (0, 3, 1, 2), "GRU": (0, 1, 2)}  # where ONNX's gates stand among those of Keras
_REFUSED = RefusedError("is a loop", "export recurrent layers as LSTM or GRU nodes, other loops unrolled")


@dataclass(frozen=True)
class _Step:
    """One step of a loop as a graph from the sequence and the float states to the new states."""

    graph: Graph
    sequence: str
    states: tuple[str, ...]
    new: tuple[str, ...]
    importer: Importer


@dataclass(frozen=True)
class _Layer:
    """Weights of a recurrent layer, gates in ONNX's order."""

    op: str
    weight: NDArray[Any]
    recurrent: NDArray[Any]
    biases: tuple[NDArray[Any], NDArray[Any]]
    reset_after: int


def _inside(i: Importer, body: Body, step: int) -> tuple[Importer, list[str]]:
    """Import the body at one step; return the importer and the names of the float states."""
    from . import add_node

    inner = Importer(
        opset=i.opset, constants={**i.constants, **body.constants}, values=dict(i.values), aliases=dict(i.aliases),
        stored=i.stored, types=dict(i.types), folded=i.folded,
    )  # fmt: skip
    counter, condition, *states = body.inputs
    inner.constants |= {counter: np.array(step), condition: np.array(1)}
    floats = []
    for name, given, out in zip(states, i.source.inputs[2:], body.outputs[1:], strict=False):
        initial = i.resolve(given)
        array = i.constants.get(initial)
        if array is not None and out == name:
            inner.constants[name] = array
        elif array is not None and array.dtype.kind != "f" and array.size == 1:
            inner.constants[name] = array + step
        else:
            inner.add_input(name, i.shape(initial))
            floats.append(name)
    for source in body.nodes:
        add_node(inner, source)
    i.folded = inner.folded
    if inner.unsupported or not floats:
        raise _REFUSED
    return inner, floats


def _step(i: Importer, body: Body, step: int) -> _Step:
    """Import the body at one step; it must go on, and read that step of one sequence of the outer graph."""
    inner, floats = _inside(i, body, step)
    goes_on = inner.constants.get(inner.resolve(body.outputs[0]))
    reads = [n for n in inner.nodes if any(name in i.values for name in n.inputs)]
    fits = len(reads) == 1 and reads[0].op == "Gather" and reads[0].attrs["axis"] == 0
    if goes_on is None or not goes_on.all() or not fits or reads[0].attrs["indices"].reshape(-1).tolist() != [step]:
        raise _REFUSED
    places = dict(zip(body.inputs[2:], body.outputs[1:], strict=False))
    new = tuple(inner.resolve(places[name]) for name in floats)
    graph = Graph(
        name="body", nodes=tuple(inner.nodes), values=inner.values, constants=inner.constants,
        inputs=(reads[0].inputs[0], *floats), outputs=new,
    )  # fmt: skip
    return _Step(graph.pruned(), reads[0].inputs[0], tuple(floats), new, inner)


def _pool(step: _Step, body: Body) -> list[NDArray[Any]]:
    """Return the float constants that the body may take its weights from."""
    names = dict.fromkeys([*body.inputs, *(name for node in body.nodes for name in node.inputs)])
    found = (step.importer.constants.get(step.importer.aliases.get(name, name)) for name in names)
    return [array for array in found if array is not None and array.dtype.kind == "f"]


def _layers(op: str, pool: list[NDArray[Any]], depth: int, size: int) -> Iterator[_Layer]:
    """Every layer that can be made of the constants."""
    rows = GATES[op.lower()] * size
    flat = [array.reshape(-1, rows) for array in pool if array.shape[-1:] == (rows,) and array.size <= 2 * rows]
    biases = [row for array in flat for row in array][:4]
    blank = np.zeros(rows, np.float32)
    pairs = [(a, b) for a, b in permutations([*biases, blank, blank], 2)] if biases else [(blank, blank)]
    order = np.concatenate([np.arange(size) + gate * size for gate in _KERAS[op]])
    first, second = ([a for a in pool if a.shape == (extent, rows)] for extent in (depth, size))
    for w, r, (bw, br), reset in product(first, second, pairs, (1, 0) if op == "GRU" else (0,)):
        yield _Layer(op, w.T[order], r.T[order], (bw[order], br[order]), reset)


def _wanted(layer: _Layer, x: NDArray[Any], states: list[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """Return the new states of a layer."""
    size = layer.recurrent.shape[1]
    h = states[0]
    u, v = x @ layer.weight.T + layer.biases[0], h @ layer.recurrent.T + layer.biases[1]
    step = lstm_step if layer.op == "LSTM" else gru_step
    return step(u, v, h, states[-1], bool(layer.reset_after), layer.recurrent[-size:])[: len(states)]


def _found(step: _Step, body: Body) -> _Layer:
    """Return the layer that does what the body does."""
    depth, size = (step.graph.shape(name)[-1] for name in (step.sequence, step.states[0]))
    shapes = {step.graph.shape(name)[1:] for name in step.states}
    if len(step.states) > 2 or shapes != {(size,)} or step.graph.shape(step.sequence)[1:] != (1, depth):
        raise _REFUSED
    rng = np.random.default_rng(0)
    feeds = {
        name: rng.standard_normal((_SAMPLES, *step.graph.shape(name))).astype(np.float32) for name in step.graph.inputs
    }
    values = evaluate(step.graph, feeds)
    result = [values[name].reshape(_SAMPLES, -1) for name in step.new]
    states = [feeds[name].reshape(_SAMPLES, -1) for name in step.states]
    x = feeds[step.sequence][:, 0].reshape(_SAMPLES, -1)
    for layer in islice(_layers("LSTM" if len(states) == 2 else "GRU", _pool(step, body), depth, size), _TRIED):
        wanted = _wanted(layer, x, states)
        if all(np.abs(a - b).max() < _ERROR for a, b in zip(wanted, result, strict=True)):
            return layer
    raise _REFUSED


def _emit(i: Importer, body: Body, step: _Step, layer: _Layer) -> None:
    """Write the layer, and the outputs of the loop from it."""
    size, initial = layer.recurrent.shape[1], dict(zip(body.inputs[2:], i.source.inputs[2:], strict=False))
    starts = [i.constants.get(i.resolve(initial[name])) for name in step.states]
    arrays = [layer.weight[None], layer.recurrent[None], np.concatenate(layer.biases)[None]]
    for start in starts:
        if start is None:
            raise RefusedError("starts from a state that is computed at run time", "start from zero or constant states")
        arrays.append(start.reshape(1, size))
    names = (step.sequence, *(i.constant("w", array.astype(np.float32)) for array in arrays))
    attrs: dict[str, Any] = {"reverse": 0, "layout": 0}
    attrs |= {"reset_after": layer.reset_after} if layer.op == "GRU" else {}
    states = len(body.inputs) - 2
    for place, (output, out) in enumerate(zip(i.source.outputs, body.outputs[1:], strict=False)):
        name = step.importer.resolve(out)
        if not output:
            continue
        if name == step.new[0]:
            last = int(place < states)
            y = i.emit(layer.op, names, i.temporary("states"), last=last, **attrs)
            i.emit("Reshape", (y,), output, shape=(1, size) if last else (i.shape(y)[0], 1, size))
        else:
            i.drop(output, "keeps this output of its loop to itself", "use the hidden states", optional=True)


def _loop(i: Importer) -> None:
    body = i.attr("body", None)
    if body is not None and any(name in i.lost for node in body.nodes for name in node.inputs):
        i.lost.update(i.source.outputs)  # what it reads was refused, so it is not to blame
        return
    count, go = i.static(0), i.static(1)
    if body is None or count is None or len(body.inputs) != len(i.source.inputs) or (go is not None and not go.all()):
        raise _REFUSED
    first = _step(i, body, 0)
    steps = first.graph.shape(first.sequence)[0]
    if int(count.reshape(-1)[0]) != steps:
        raise EmgEdgeError(f"Loop {i.source.name!r} takes {count.reshape(-1)[0]} of {steps} steps; give whole windows")
    if steps > 1:
        _step(i, body, steps - 2)
    _emit(i, body, first, _found(first, body))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {"Loop": _loop}
