"""The Myo armband, which several data sets were recorded with: eight dry sensors in a ring, int8 counts, 200 Hz."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._layout import Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

SFREQ = 200.0
UNIT = "Myo counts, -128 to 127"
CLOCK = "200 Hz is the armband's nominal rate"
COUNT_MIN, COUNT_MAX = -128, 127
RING = Layout.ring(8, "Myo armband, eight sensors round the forearm; rotation differs between wearings")


def clipped(counts: NDArray[np.generic]) -> list[int]:
    """Return how many counts of each channel, (channels, time), stand at either end of the converter's range."""
    return [int(n) for n in np.sum((counts == COUNT_MIN) | (counts == COUNT_MAX), axis=1)]
