"""Weights and biases of linear layers as integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BIAS_LIMIT = 2.0**29


def quantise_weights(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    x_scale: float,
    steps: tuple[float, ...] | None = None,
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.float64]]:
    """Return int8 weights, the bias at ``x_scale * S_w`` and ``S_w``, all per output channel (row).

    A row whose weights are tiny beside its bias gets a coarser scale, so that the bias fits 30 bits. ``steps`` from a
    file are ``S_w`` as they are.
    """
    w, b = weight.astype(np.float64), bias.astype(np.float64)
    needed = [np.abs(w).max(1) / 127.0, np.abs(b) / (x_scale * _BIAS_LIMIT), np.full(len(w), 1e-30)]
    scale = np.maximum.reduce(needed) if steps is None else np.array(steps)
    stored = np.clip(np.rint(w / scale[:, None]), -127, 127).astype(np.int8)
    return stored, np.rint(b / (x_scale * scale)).astype(np.int64), scale
