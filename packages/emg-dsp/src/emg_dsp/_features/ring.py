"""Phasor features of electrodes around a limb: distances between channels drawn on a circle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .feature import Feature

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values

_SOURCE = "Onay and Mert, Biomed. Signal Process. Control 59, 101881, 2020, doi:10.1016/j.bspc.2020.101881"


def _rms_pair(block: Block, _: Options) -> Values:
    """RMS of the window and of its first difference (n, 2)."""
    steps = max(block.length - 1, 1)
    return np.sqrt(np.stack([block.sum("square") / block.length, block.sum("step_square") / steps], axis=-1))


def _wl_pair(block: Block, _: Options) -> Values:
    """Waveform length of the window and of its first difference (n, 2)."""
    return np.stack([block.sum("step"), block.sum("bend")], axis=-1)


def _across(values: Values, __: Options) -> Values:
    """From (..., C, 2) to logarithms of distances and of their ratios (..., C, 2 (C - 1))."""
    from .ring_distances import ring_distances

    *lead, channels, _ = values.shape
    windows, columns = math.prod(lead), 2 * (channels - 1)
    out = np.empty((windows, channels, columns))
    ring_distances(np.ascontiguousarray(values).reshape(windows, channels, 2), out)
    return out.reshape(*lead, channels, columns)


def _columns(_: Options, n_chans: int, __: float) -> tuple[str, ...]:
    return tuple(f"{kind} +{k}" for kind in ("distance", "ratio") for k in range(1, n_chans))


def _formula(value: str) -> str:
    return (
        f"channel c of C at {value} exp(2 pi i c / C): ln distance to channel (c + k) mod C for k = 1 .. C - 1, then "
        "ln of its ratio to the same distance from the first difference of the signal; distances below 1e-30 count as "
        "1e-30; one channel has no columns. Rolling the channels rolls the rows; each distance stands in two rows, "
        "LibEMG's C (C - 1) columns hold it once"
    )


FEATURES = (
    Feature(
        "RMSPHASOR",
        _formula("RMS"),
        "1",
        _SOURCE,
        _rms_pair,
        needs=("square", "step_square"),
        columns=_columns,
        across=_across,
    ),
    Feature(
        "WLPHASOR", _formula("WL"), "1", _SOURCE, _wl_pair, needs=("step", "bend"), columns=_columns, across=_across
    ),
)
