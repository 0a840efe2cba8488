"""LSTM and GRU: defaults, layouts and what of them is not compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph.operations._recurrent import GATES
from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_PLAIN = {"LSTM": ["sigmoid", "tanh", "tanh"], "GRU": ["sigmoid", "tanh"]}
_DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}


def _checked(i: Importer, directions: int) -> None:
    """Refuse variants without an integer form."""
    op = i.source.op
    text = [name.decode() if isinstance(name, bytes) else str(name) for name in i.attr("activations", [])]
    if [name.lower() for name in text] not in ([], _PLAIN[op] * directions):
        raise RefusedError(f"activations {text}", f"use the usual ones, {_PLAIN[op]}")
    if "clip" in i.source.attrs or i.attr("input_forget", 0):
        raise RefusedError("clips its gates, or couples input and forget gates", "train it without")
    peepholes = i.static(7) if op == "LSTM" else None
    if peepholes is not None and peepholes.any():
        raise RefusedError("has peepholes", "train it without peepholes, as torch and Keras do")


def _state(i: Importer, index: int, shape: tuple[int, int], layout: int) -> NDArray[Any]:
    """Return an initial state ``(D, H)``; absent is zero."""
    name = i.input(index)
    if not name:
        return np.zeros(shape, np.float32)
    if name not in i.constants:
        raise RefusedError(
            "its initial state is computed at run time or an input of the model",
            "start from zero or constant states: one run is one window",
        )
    state = i.constants[name]
    if state.ndim == 3 and state.shape[0 if layout else 1] == 1:
        state = state.reshape(-1, state.shape[2])
    if state.shape != shape:
        raise EmgEdgeError(
            f"{i.source.op} {i.source.name!r}: initial state {state.shape}, need {shape} of one sequence"
        )
    return state


def _sequence(i: Importer, layout: int) -> str:
    """Return the input, of one whole sequence."""
    name = i.require(0)
    shape, lengths = i.shape(name), i.static(4)
    if len(shape) != 3:
        raise EmgEdgeError(f"{i.source.op} {i.source.name!r}: input {shape}, need (steps, 1, features)")
    steps, count = (shape[1], shape[0]) if layout else shape[:2]
    if count != 1:
        raise RefusedError(
            f"runs {count} sequences of {steps} steps side by side",
            "run one sequence a window, e.g. (1, time, channels) with batch_first",
        )
    if lengths is not None and [int(v) for v in lengths.reshape(-1)] != [steps]:
        raise RefusedError(f"stops after {lengths.tolist()} of {steps} steps", "give whole windows")
    return name


def _recurrent(i: Importer) -> None:
    op, direction, layout = i.source.op, str(i.attr("direction", "forward")), int(i.attr("layout", 0))
    weight, recurrent, bias = i.static(1), i.static(2), i.static(3)
    if weight is None or recurrent is None or weight.ndim != 3 or recurrent.ndim != 3 or layout not in {0, 1}:
        raise EmgEdgeError(f"{op} {i.source.name!r}: weights are missing or have not three axes")
    directions, size = _DIRECTIONS.get(direction, 0), recurrent.shape[2]
    if directions != len(weight) or i.attr("hidden_size", size) != size:
        raise EmgEdgeError(f"{op} {i.source.name!r}: direction {direction!r} or hidden_size do not fit {weight.shape}")
    _checked(i, directions)
    x, rows = _sequence(i, layout), GATES[op.lower()] * size
    states = [_state(i, index, (directions, size), layout) for index in ((5, 6) if op == "LSTM" else (5,))]
    arrays = {
        "w": weight,
        "r": recurrent,
        "b": np.zeros((directions, 2 * rows), np.float32) if bias is None else bias,
        **dict(zip(("h", "c"), states, strict=False)),
    }
    names = (x, *(i.constant(key, array.astype(np.float32)) for key, array in arrays.items()))
    attrs = {"reverse": int(direction == "reverse"), "layout": layout}
    if op == "GRU":
        attrs["reset_after"] = int(i.attr("linear_before_reset", 0))
    for last, output in enumerate(i.source.outputs[:2]):
        if output:
            i.emit(op, names, output, last=last, **attrs)
    if len(i.source.outputs) > 2 and i.source.outputs[2]:
        why = "keeps its last cell state to itself: each run is a window of its own"
        i.drop(i.source.outputs[2], why, "use the hidden states (outputs Y or Y_h)", optional=True)


def _reverse_sequence(i: Importer) -> None:
    """Reverse the steps, as converters of Keras do around the layer that runs backwards."""
    name, lengths = i.require(0), i.static(1)
    shape = i.shape(name)
    time, batch = i.axis(int(i.attr("time_axis", 0)), len(shape)), i.axis(int(i.attr("batch_axis", 1)), len(shape))
    if shape[batch] != 1 or lengths is None or lengths.reshape(-1).tolist() != [shape[time]]:
        raise RefusedError(f"reverses a part of {shape}", "give whole windows, one sequence each")
    slices = [(0, extent, 1) for extent in shape]
    slices[time] = (shape[time] - 1, -1, -1)
    i.emit("Slice", (name,), slices=tuple(slices))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "ReverseSequence": _reverse_sequence,
}
