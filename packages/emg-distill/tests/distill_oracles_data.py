"""Filtered signals and windows by the slow obvious path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def slow_filter(sections: list[list[float]], signal: NDArray[Any], *, causal: bool) -> NDArray[np.float64]:
    """Filter (channels, time) by scipy."""
    from scipy.signal import sosfilt, sosfiltfilt

    wide = np.asarray(signal, np.float64)
    return sosfilt(sections, wide, axis=-1) if causal else sosfiltfilt(sections, wide, axis=-1)


def slow_windows(dataset: Any, split: Any, part: str, rule: Any) -> list[tuple[int, ...]]:
    """List (recording, start, valid, label) of the windows of a part as emg-io cuts them."""
    table = split.windows(dataset, rule)[part]
    columns = (table.recording, table.start, table.valid, table.label)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))
