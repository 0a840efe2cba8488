"""Fixed-point arithmetic of the integer scheme, in int64 and float64 tensors: exact on every device.

Real factors become ``mul * 2**-shift`` with one shift per tensor; products are shifted with rounding, ties upwards.
"""

import torch
from torch import Tensor

BITS = 31
LARGEST_SHIFT = 62


def multiplier(real: Tensor) -> tuple[Tensor, Tensor]:
    """Return integers and one shift with ``real ~ mul * 2**-shift``; the largest fills 31 bits with sign.

    Parameters
    ----------
    real
        float64 factors of any shape, >= 0, not all 0.

    Returns
    -------
    mul
        int64 of that shape, below ``2**31``.
    shift
        int64 scalar, 1 to 62.
    """
    largest = real.max()
    shift = (BITS - 1 - largest.log2().ceil()).clamp(1, LARGEST_SHIFT)
    shift = shift.long()
    full = (real * power(shift)).round().max() >= 2 ** (BITS - 1)  # rounding up reached the next power of two
    shift = shift - full.long()
    return (real * power(shift)).round().long(), shift


def power(shift: Tensor) -> Tensor:
    """Return float64 ``2**shift``, exactly; shift is int64, 0 to 62."""
    return (torch.ones_like(shift) << shift).double()


def rounding_shift(values: Tensor, shift: Tensor) -> Tensor:
    """Return ``(values + 2**(shift-1)) >> shift`` of int64: arithmetic shift, ties towards plus infinity."""
    half = torch.ones_like(shift) << (shift - 1)
    return (values + half) >> shift


def rescale(values: Tensor, mul: Tensor, shift: Tensor) -> Tensor:
    """Return int64 values times ``mul * 2**-shift``, rounded once."""
    return rounding_shift(values * mul, shift)


def isqrt(values: Tensor) -> Tensor:
    """Return the floor of the square root of int64 in ``[0, 2**62)``, exactly."""
    root = values.double().sqrt().floor().long()
    root = root - (root * root > values).long()  # float64 is off by one at most
    return root + ((root + 1) * (root + 1) <= values).long()
