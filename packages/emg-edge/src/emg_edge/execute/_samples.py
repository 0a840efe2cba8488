"""Samples on their way into and out of a compiled program: raw integers, one sample behind the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emg_edge.program._program import Program


def check_feeds(program: Program, feeds: Mapping[str, NDArray[Any]]) -> int:
    """Return the number of samples after checking names, shapes and dtypes of quantised inputs.

    Raises
    ------
    EmgEdgeError
        Naming the input that is missing or does not match.
    """
    counts = {len(feeds[name]) for name in program.inputs if name in feeds}
    missing = [name for name in program.inputs if name not in feeds]
    if missing or len(counts) != 1:
        raise EmgEdgeError(
            f"inputs {sorted(feeds)} with {sorted(counts)} samples: every input of {list(program.inputs)} is needed, "
            f"with one number of samples"
        )
    for name in program.inputs:
        tensor, array = program.tensors[name], feeds[name]
        if array.shape[1:] != tensor.shape or array.dtype != tensor.dtype:
            raise EmgEdgeError(
                f"input {name!r} is {array.dtype} {array.shape}; need {tensor.dtype} (samples, "
                f"{', '.join(map(str, tensor.shape))}), quantised"
            )
    return counts.pop()


def pack(program: Program, feeds: Mapping[str, NDArray[Any]]) -> bytes:
    """Return all samples as the C runner reads them."""
    n = check_feeds(program, feeds)
    rows = [np.ascontiguousarray(feeds[name]).reshape(n, -1).view(np.uint8) for name in program.inputs]
    return np.concatenate(rows, axis=1).tobytes()


def unpack(program: Program, names: Sequence[str], raw: bytes) -> dict[str, NDArray[Any]]:
    """Split what the C runner wrote into arrays ``(n, *shape)``.

    Raises
    ------
    EmgEdgeError
        When the length is not a whole number of samples.
    """
    sizes = [program.tensors[name].nbytes for name in names]
    width = sum(sizes)
    if len(raw) % width:
        raise EmgEdgeError(f"the runner wrote {len(raw)} bytes, not a multiple of {width}; build the project again")
    table = np.frombuffer(raw, np.uint8).reshape(-1, width)
    parts = np.split(table, np.cumsum(sizes)[:-1], axis=1)
    return {name: _typed(program, name, part) for name, part in zip(names, parts, strict=True)}


def _typed(program: Program, name: str, part: NDArray[np.uint8]) -> NDArray[Any]:
    """View one tensor's bytes in its dtype and shape."""
    tensor = program.tensors[name]
    return np.ascontiguousarray(part).view(tensor.dtype).reshape(len(part), *tensor.shape)
