"""A transposed convolution with stride s as one convolution that computes the s phases of its output side by side.

Output element e of the full result (before cropping) is ``sum_{i k: i s + k d = e} x[i] w[k]``. With ``e = q s + r``
and taps ``k d = r + j s`` this is, for every phase r, a convolution over q with ``ceil(K / s)`` taps, K the kernel's
reach. The phases become channels, which interleaving puts in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Phases:
    """What computes a transposed convolution.

    Parameters
    ----------
    weight
        float32 ``(group * phases * Cout / group, Cin / group, *taps)`` of the convolution.
    attrs
        Its strides, pads, dilations and group.
    extent
        Its output pixels.
    split, order, merged
        View of its channel-last output, permutation and view that put the phases in place.
    slices
        (start, stop, 1) per axis: what cropping leaves.
    """

    weight: NDArray[np.float32]
    attrs: dict[str, Any]
    extent: tuple[int, ...]
    split: tuple[int, ...]
    order: tuple[int, ...]
    merged: tuple[int, ...]
    slices: tuple[tuple[int, int, int], ...]

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values per output channel as values per channel of the convolution."""
        group = self.attrs["group"]
        repeat = len(self.weight) // len(values)
        return np.repeat(values.reshape(group, 1, -1), repeat, axis=1).reshape(-1)


@dataclass(frozen=True)
class _Axis:
    """One axis: stride, taps, first and last block of s outputs that is needed, pads, start of the crop."""

    stride: int
    taps: int
    first: int
    last: int
    pads: tuple[int, int]
    start: int


def _axis(size: int, out: int, reach: int, stride: int, before: int) -> _Axis:
    taps = -(-reach // stride)
    first = min(before // stride, taps - 1)
    last = max((before + out - 1) // stride, size - 1)
    return _Axis(stride, taps, first, last, (taps - 1 - first, last - (size - 1)), before - first * stride)


def _phased(weight: NDArray[np.float32], axes: list[_Axis], dilations: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the kernel as ``(Cout, Cin / group, *strides, *taps)``: its taps by phase, in the order of the input."""
    count = len(axes)
    full = np.zeros((*weight.shape[:2], *(axis.taps * axis.stride for axis in axes)), weight.dtype)
    spread = tuple(slice(0, (k - 1) * d + 1, d) for k, d in zip(weight.shape[2:], dilations, strict=True))
    full[(slice(None), slice(None), *spread)] = weight
    cut = full.reshape(*weight.shape[:2], *(v for axis in axes for v in (axis.taps, axis.stride)))
    flipped = np.flip(cut, tuple(2 + 2 * j for j in range(count)))
    return flipped.transpose(0, 1, *(3 + 2 * j for j in range(count)), *(2 + 2 * j for j in range(count)))


def phases(
    weight: NDArray[np.float32], size: tuple[int, ...], out: tuple[int, ...], attrs: Mapping[str, Any]
) -> Phases:
    """Plan a transposed convolution.

    Parameters
    ----------
    weight
        ``(Cout, Cin / group, *kernel)``.
    size, out
        Batch and spatial extents of the input, spatial extents of the output.
    attrs
        Of the ConvTranspose node.
    """
    group, strides, dilations = attrs["group"], attrs["strides"], attrs["dilations"]
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]
    axes = [_axis(size[1 + j], out[j], reach[j], strides[j], attrs["pads"][j]) for j in range(len(out))]
    count, outputs = len(axes), len(weight) // group
    cut = _phased(weight, axes, tuple(dilations)).reshape(
        group, outputs, weight.shape[1], *strides, *(axis.taps for axis in axes)
    )
    inner = (*range(3, 3 + count), 1, 2, *range(3 + count, 3 + 2 * count))
    ordered = cut.transpose(0, *inner)  # group, *strides, outputs, Cin / group, *taps
    extent = tuple(axis.last - axis.first + 1 for axis in axes)
    blocks = tuple(v for j in range(count) for v in (1 + j, 2 + count + j))
    return Phases(
        weight=np.ascontiguousarray(ordered).reshape(-1, weight.shape[1], *(axis.taps for axis in axes)),
        attrs={
            "strides": (1,) * count,
            "dilations": (1,) * count,
            "pads": (*(axis.pads[0] for axis in axes), *(axis.pads[1] for axis in axes)),
            "group": group,
        },
        extent=extent,
        split=(size[0], *extent, group, *strides, outputs),
        order=(0, *blocks, 1 + count, 2 + 2 * count),
        merged=(size[0], *(e * s for e, s in zip(extent, strides, strict=True)), group * outputs),
        slices=(
            (0, size[0], 1),
            *((axis.start, axis.start + o, 1) for axis, o in zip(axes, out, strict=True)),
            (0, group * outputs, 1),
        ),
    )
