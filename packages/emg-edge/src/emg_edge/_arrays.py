"""Samples from ``.npz`` and ``.npy`` files: an array per input name, first axis samples, never pickled objects."""

from __future__ import annotations

import struct
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from ._errors import EmgEdgeError
from ._identifiers import identifier
from ._npy import read_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from .program._tensor import Tensor

_UNREADABLE = (
    *(ArithmeticError, BadZipFile, EOFError, LookupError, MemoryError, OSError, RuntimeError, SyntaxError),
    *(TokenError, TypeError, ValueError, ZlibError, struct.error),
)


def load_npz(path: Path | str) -> dict[str, NDArray[Any]]:
    """Return every array of a ``.npz`` file, or of a ``.npy`` file under the name ``"array"``.

    Raises
    ------
    EmgEdgeError
        Naming the file when it cannot be read or holds objects.
    """
    path = Path(path)
    try:
        return read_arrays(path)
    except EmgEdgeError:
        raise
    except _UNREADABLE as error:
        raise EmgEdgeError(
            f"{path}: cannot be read as .npz or .npy of plain numbers ({error}); write it with numpy.savez"
        ) from error


def by_input(arrays: Mapping[str, NDArray[Any]], names: Sequence[str], source: str) -> dict[str, NDArray[Any]]:
    """Return one array per input; a single array serves a one-input model under any name.

    Names may be those of the model's file, of which `identifier` makes the program's.

    Raises
    ------
    EmgEdgeError
        Naming the source and the inputs that are missing.
    """
    if len(names) == 1 and len(arrays) == 1:
        return {names[0]: next(iter(arrays.values()))}
    given = sorted(arrays)
    arrays = {**{identifier(name, "value"): array for name, array in arrays.items()}, **arrays}
    missing = [name for name in names if name not in arrays]
    if missing:
        raise EmgEdgeError(f"{source} holds {given}; arrays named {missing} are needed, first axis samples")
    return {name: arrays[name] for name in names}


def check_real(array: NDArray[Any], tensor: Tensor, source: str) -> NDArray[np.floating[Any]]:
    """Return finite real samples ``(n, *shape)``, dropping a batch axis of one behind the samples.

    Raises
    ------
    EmgEdgeError
        Naming the source, the shape given and the shape required, or the first sample that is not finite.
    """
    array = np.asarray(array)
    if array.shape[1:] == (1, *tensor.shape):
        array = array[:, 0]
    wanted = f"(samples, {', '.join(map(str, tensor.shape))})"
    if array.dtype.kind not in "fiu" or array.shape[1:] != tensor.shape or not len(array):
        raise EmgEdgeError(
            f"{source}: {tensor.name!r} is {array.dtype} {array.shape}; need real numbers {wanted}, at least one sample"
        )
    finite = np.isfinite(array).reshape(len(array), -1).all(1)
    if not finite.all():
        raise EmgEdgeError(
            f"{source}: sample {int(np.argmin(finite))} of {tensor.name!r} holds NaN or infinity; remove or repair it"
        )
    real: NDArray[np.floating[Any]] = array.astype(np.float64 if array.dtype.kind != "f" else array.dtype, copy=False)
    return real
