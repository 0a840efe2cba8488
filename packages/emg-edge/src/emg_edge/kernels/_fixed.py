"""Fixed-point helpers that every kernel shares: multipliers, rounding shift, integer square root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def multiplier(real: ArrayLike, bits: int = 31) -> tuple[NDArray[np.int32], int]:
    """Return integers and one shift with ``real ~ mul * 2**-shift``; the largest fills ``bits`` bits with sign.

    Parameters
    ----------
    real
        Positive or zero factors, any shape.
    bits
        Width of the multiplier with sign, 8 to 31: relative error of the largest factor at most ``2**-(bits - 1)``.

    Returns
    -------
    mul
        int32, same shape, at least 1-D.
    shift
        1 to 62.
    """
    factors = np.atleast_1d(np.asarray(real, np.float64))
    largest = float(factors.max(initial=0.0))
    if not np.isfinite(factors).all() or (factors < 0).any() or largest == 0.0:
        raise EmgEdgeError(
            f"multiplier of {factors.ravel()[:4]}: factors must be finite, >= 0 and not all 0; check the scales"
        )
    shift = int(np.clip(bits - 1 - np.ceil(np.log2(largest)), 1, 62))
    mul = np.rint(factors * 2.0**shift)
    if mul.max() >= 2 ** (bits - 1):  # rounding up reached the next power of two, or the factor is too large
        shift -= 1
        mul = np.rint(factors * 2.0**shift)
    if shift < 1 or mul.max() >= 2**31:
        raise EmgEdgeError(
            f"factor {largest:g} cannot be written with shift >= 1 and a 32-bit multiplier; check the scales"
        )
    return mul.astype(np.int32), shift


def rounding_shift(values: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    """Return ``(values + 2**(shift-1)) >> shift``: arithmetic shift, ties towards plus infinity; ``shift >= 1``."""
    return (values + (np.int64(1) << np.int64(shift - 1))) >> np.int64(shift)


def isqrt(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the floor of the square root of integers in ``[0, 2**62)``, exactly."""
    values = values.astype(np.int64)
    root = np.floor(np.sqrt(values.astype(np.float64))).astype(np.int64)
    root -= root * root > values  # float64 is one too high at most
    root += (root + 1) * (root + 1) <= values
    return root


def sum_bound(weight: NDArray[Any], bias: NDArray[Any], low: int, high: int) -> int:
    """Return the largest |sum| on the way from nothing or the bias to ``bias + sum_k w[n, k] x[k]``, x in low..high.

    Every product may be 0, so whatever part of the sum is taken, in any order, stays within the extremes of the whole.

    Parameters
    ----------
    weight
        Integers, one row (whatever its shape) per sum.
    bias
        Integers ``(N,)``.
    low, high
        ``low <= 0 <= high``.
    """
    rows, start = weight.astype(np.int64).reshape(len(weight), -1), bias.astype(np.int64)
    up, down = np.maximum(rows, 0).sum(1), np.minimum(rows, 0).sum(1)
    most, least = up * high + down * low, up * low + down * high
    return int(np.abs([most, least, start + most, start + least, start]).max())
