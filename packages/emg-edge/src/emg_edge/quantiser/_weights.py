"""Weights and biases of linear layers as integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BIAS_LIMIT = 2.0**29
_COARSE = 15


def quantise_weights(
    weight: NDArray[np.floating[Any]],
    bias: NDArray[np.floating[Any]],
    x_scale: float,
    steps: tuple[float, ...] | None = None,
    bits: int = 8,
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.float64]]:
    """Return the weights as int8, the bias at ``x_scale * S_w`` and ``S_w``, all per output channel (row).

    Weights of 4 ``bits`` lie in [-7, 7], each row on the steps that leave the least squared error. A row whose weights
    are tiny beside its bias gets a coarser scale, so that the bias fits 30 bits. ``steps`` from a file are ``S_w``
    as they are.
    """
    w, b, peak = weight.astype(np.float64), bias.astype(np.float64), 2 ** (bits - 1) - 1
    needed = [_row_steps(w, peak), np.abs(b) / (x_scale * _BIAS_LIMIT), np.full(len(w), 1e-30)]
    scale = np.maximum.reduce(needed) if steps is None else np.array(steps)
    stored = np.clip(np.rint(w / scale[:, None]), -peak, peak).astype(np.int8)
    return stored, np.rint(b / (x_scale * scale)).astype(np.int64), scale


def _row_steps(w: NDArray[np.float64], peak: int) -> NDArray[np.float64]:
    """Return the step of each row: its largest weight is kept where there are 8 bits, clipped where that pays."""
    whole: NDArray[np.float64] = np.abs(w).max(1) / peak
    if peak > _COARSE:
        return whole
    best, least = whole, np.full(len(w), np.inf)
    for shrink in np.linspace(1.0, 0.5, 26):
        step = np.maximum(whole * shrink, 1e-30)[:, None]
        error = np.square(np.clip(np.rint(w / step), -peak, peak) * step - w).sum(1)
        best = np.where(error < least, step[:, 0], best)
        least = np.minimum(error, least)
    return best
