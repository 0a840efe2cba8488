"""Events of a stream as arrays, and the first difference between two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emg_edge.program._program import Program

    from ._stream import StreamEvent

SAMPLE, LABEL = "event_sample", "event_label"


def pack_events(program: Program, events: Sequence[StreamEvent]) -> dict[str, NDArray[Any]]:
    """Return ``event_sample`` (n,) int64, ``event_label`` (n,) int32 and every output ``(n, *shape)`` by name."""
    found: dict[str, NDArray[Any]] = {
        SAMPLE: np.array([event.sample for event in events], np.int64),
        LABEL: np.array([event.label for event in events], np.int32),
    }
    for name in program.outputs:
        tensor = program.tensors[name]
        rows = [event.outputs[name] for event in events]
        found[name] = np.array(rows, tensor.dtype).reshape(len(events), *tensor.shape)
    return found


def first_difference(
    expected: Mapping[str, NDArray[Any]], found: Mapping[str, NDArray[Any]], source: str
) -> str | None:
    """Return where events differ first, or None where every bit agrees.

    Raises
    ------
    EmgEdgeError
        What is expected are no events of this model: a name or a shape is another one.
    """
    if set(expected) != set(found) or any(expected[n].shape[1:] != found[n].shape[1:] for n in found):
        shapes = {name: array.shape[1:] for name, array in expected.items()}
        raise EmgEdgeError(f"{source} holds {shapes}; need {sorted(found)} as `emg-edge stream` writes them")
    counts = len(expected[SAMPLE]), len(found[SAMPLE])
    for name, array in found.items():
        n = min(counts)
        wrong = [index for index in range(n) if not np.array_equal(expected[name][index], array[index])]
        if wrong:
            at = wrong[0]
            return f"event {at} differs first: {name!r} is {array[at].tolist()}, expected {expected[name][at].tolist()}"
    return None if counts[0] == counts[1] else f"{counts[1]} events, expected {counts[0]}"
