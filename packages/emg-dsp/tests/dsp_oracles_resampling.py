"""Slow, obvious float64 references of resampling."""

import numpy as np


def polyphase(x: np.ndarray, taps: np.ndarray, up: int, down: int, delay: int, edge: str = "zero") -> np.ndarray:
    """Insert zeros, convolve with the whole filter, keep every ``down``-th value from ``delay`` on."""
    samples = x.shape[-1]
    results = -(-samples * up // down)
    margin = len(taps) // up + 2 + (results * down + delay) // up
    wide = np.pad(x.astype(np.float64), [(0, 0), (margin, margin)], mode="edge" if edge == "hold" else "constant")
    raised = np.zeros((len(x), wide.shape[1] * up))
    raised[:, ::up] = wide
    filtered = np.stack([np.convolve(row, taps) for row in raised])
    return filtered[:, margin * up + delay :][:, ::down][:, :results]


def line(x: np.ndarray, times: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Each value on the line between its two neighbours in time."""
    out = np.empty((len(x), len(grid)))
    for n, time in enumerate(grid):
        i = min(int(np.sum(times <= time)) - 1, len(times) - 2)
        weight = (time - times[i]) / (times[i + 1] - times[i])
        out[:, n] = (1 - weight) * x[:, i] + weight * x[:, i + 1]
    return out
