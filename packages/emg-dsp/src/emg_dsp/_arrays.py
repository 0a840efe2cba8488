"""Turns whatever array the caller has into rows that a kernel can read, without copying where that is possible."""

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import one_of
from ._errors import EmgDspError

Array: TypeAlias = NDArray[Any]
"""Any NumPy array."""
Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
"""What kernels read and write."""
NanPolicy: TypeAlias = Literal["raise", "propagate"]
"""What to do with samples that are not finite."""


def as_array(x: ArrayLike, name: str = "x") -> Array:
    """Return ``x`` as an array; nested lists of uneven length raise."""
    try:
        return np.asarray(x)
    except ValueError:
        raise EmgDspError(f"{name} has rows of different length; required is one array.") from None


def as_real(x: ArrayLike, name: str = "x") -> Array:
    """Check that ``x`` is an array ``(..., time)`` of real numbers; return it as it is."""
    array = as_array(x, name)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise EmgDspError(
            f"{name} has dtype {array.dtype}; required are integers or floats of at most 64 bits. "
            f"Convert first, e.g. {name}.astype('float32')."
        )
    if array.ndim < 1:
        raise EmgDspError(f"{name} is a single number; required is an array with time on the last axis.")
    return array


def as_signal(x: ArrayLike, name: str = "x") -> Array:
    """Check that ``x`` is a real array ``(..., channels, time)``; return it as it is."""
    array = as_real(x, name)
    if array.ndim < 2:
        raise EmgDspError(
            f"{name} has shape {array.shape}; required is (..., channels, time). For one channel pass {name}[None, :]."
        )
    return array


def widen(x: Array) -> tuple[Floats, np.dtype[Any]]:
    """Return ``x`` in the float type it is computed in (no copy where it already is), and the type of the result.

    float64 stays float64. Everything else gives float32; integers of 32 and 64 bits, which float32 cannot hold, are
    read as float64 first. Byte order and alignment become native.
    """
    kind, size = x.dtype.kind, x.dtype.itemsize
    exact_in_single = size < 4 or (kind == "f" and size == 4)
    compute = np.dtype(np.float32 if exact_in_single else np.float64)
    result = np.dtype(np.float64 if kind == "f" and size == 8 else np.float32)
    wide = np.require(x, dtype=compute, requirements="A")
    return wide, result


def as_rows(x: Floats) -> Floats:
    """View ``(..., channels, time)`` as ``(rows, time)``; copies only where strides leave no choice."""
    if x.ndim == 2:
        return x
    rows = int(np.prod(x.shape[:-1]))
    return x.reshape(rows, x.shape[-1])


def check_policy(nan: str) -> None:
    """Raise unless ``nan`` is one of the two policies."""
    one_of(nan, "nan", ("raise", "propagate"))


def raise_not_finite(x: Array, first_sample: int = 0, way_out: str = ", or pass nan='propagate'") -> None:
    """Name the earliest sample of ``x`` that is not finite; called when a result is known to be spoiled."""
    bad = ~np.isfinite(x)
    if not bad.any():
        raise EmgDspError(
            "float64 overflowed on finite input; scale the signal down (e.g. from uV to V) and try again."
        )
    time = int(np.argmax(bad.reshape(-1, x.shape[-1]).any(axis=0)))
    place = np.unravel_index(int(np.argmax(bad[..., time])), x.shape[:-1])
    lead = f"[{', '.join(str(int(i)) for i in place[:-1])}] " if len(place) > 1 else ""
    message = (
        f"x {lead}has {x[(*place, time)]} in channel {int(place[-1])} at sample {first_sample + time}; "
        f"required are finite samples. Repair or mask them first{way_out}."
    )
    raise EmgDspError(message)
