"""`Frames`: tapered frames of a signal and their Fourier transforms, some frames at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from emg_dsp._arrays import Array, Floats

LANES = 16
"""Frames are transformed in multiples of so many: the transform library treats what its vectors hold together and the
rest one by one, and a frame's bits must not depend on which of the two it meets."""
_VALUES = 1 << 15
"""Values in the frames that are transformed together, so that they stay in the second-level cache."""


@dataclass(frozen=True, eq=False)
class Frames:
    """How frames are cut and transformed.

    Parameters
    ----------
    taper : array (length,), float64
        Weight of each sample of a frame.
    n_fft : int
        Length of the transform, >= ``length``; zeros follow the frame.
    centre : bool
        Whether the mean of each frame is taken out first.
    """

    taper: NDArray[np.float64]
    n_fft: int
    centre: bool = False

    @property
    def bins(self) -> int:
        """Frequencies from 0 to half the sampling rate, ends included."""
        return self.n_fft // 2 + 1

    def transforms(
        self, flat: Floats, starts: NDArray[np.int64], dtype: np.dtype[Any]
    ) -> Iterator[tuple[int, int, Array]]:
        """Yield ``first, stop, values``: complex (stop - first, bins) for some of the frames, in order.

        ``flat`` (samples,) is float32 or float64, ``starts`` (n,) holds the first sample of each frame in it, and
        ``dtype``, the type that is computed in, is at least as wide.
        """
        from scipy.fft import rfft

        from .frame_kernels import gather

        taper = self.taper.astype(dtype)
        size = max(1, min(_VALUES // self.n_fft, len(starts)) // LANES + 1) * LANES
        work = np.zeros((size, self.n_fft), dtype=dtype)
        for first in range(0, len(starts), size):
            stop = min(first + size, len(starts))
            gather(flat, starts[first:stop], taper, int(self.centre), work)
            rows = -(-(stop - first) // LANES) * LANES
            yield first, stop, rfft(work[:rows], axis=-1)[: stop - first]

    def powers(
        self,
        flat: Floats,
        starts: NDArray[np.int64],
        out: Floats,
        floor: float = 0.0,
        least: NDArray[np.float64] | None = None,
    ) -> None:
        """Write squared magnitudes plus ``floor`` to ``out`` (n, bins or fewer), computed in the type of ``out``.

        What is below ``least`` (n,) becomes 0.
        """
        from .frame_kernels import power

        bounds = (np.zeros(len(starts)) if least is None else least).astype(out.dtype, copy=False)
        for first, stop, values in self.transforms(flat, starts, out.dtype):
            power(values.view(out.dtype), out.dtype.type(floor), bounds[first:stop], out[first:stop])


def flattened(x: Floats) -> Floats:
    """Return the samples of ``x`` (..., time) as one row, channel by channel; a view where they lie so already."""
    rows: Any = np.ascontiguousarray(x)
    flat: Floats = rows.reshape(-1)
    return flat


def count_frames(samples: int, length: int, hop: int) -> int:
    """Return how many whole frames lie in a signal."""
    return max(0, (samples - length) // hop + 1)


def starts_of(rows: NDArray[np.int64], n_frames: int, hop: int) -> NDArray[np.int64]:
    """Return the first samples of frames, in the order (frame, row), flat; ``rows`` says where each row begins."""
    return (np.arange(n_frames, dtype=np.int64)[:, None] * hop + rows).ravel()
