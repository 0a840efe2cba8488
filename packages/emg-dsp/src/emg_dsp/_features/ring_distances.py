"""Kernel of the phasor features. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

_NEAREST = 1e-60


@kernel("void(Array(float64, 3, 'C', True), float64[:,:,::1])")
def ring_distances(values: Any, out: Any) -> None:  # noqa: ANN401
    """Write logarithms of distances (n, C, 2 (C - 1)) of points on a ring with radii ``values[:, :, 0]``.

    The second half of the columns holds the same minus the logarithms for ``values[:, :, 1]``. Each pair is computed
    once and written to both of its channels.
    """
    channels = values.shape[1]
    wide = np.empty(channels, dtype=np.float64)
    for k in range(1, channels):
        wide[k] = (2 * np.sin(np.pi * min(k, channels - k) / channels)) ** 2
    for n in range(values.shape[0]):
        for c in range(channels):
            for other in range(c + 1, channels):
                k = other - c
                a, b = values[n, c, 0], values[n, other, 0]
                level = 0.5 * np.log(max((a - b) ** 2 + wide[k] * a * b, _NEAREST))
                a, b = values[n, c, 1], values[n, other, 1]
                ratio = level - 0.5 * np.log(max((a - b) ** 2 + wide[k] * a * b, _NEAREST))
                back = channels - k
                out[n, c, k - 1] = out[n, other, back - 1] = level
                out[n, c, channels + k - 2] = out[n, other, channels + back - 2] = ratio
