"""What is done to windows after they are read: scaling by stored numbers, by their own range, or by a factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_distill._errors import EmgDistillError

from ._siblings import siblings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    import emg_dsp

    from .path import Normalisation

    Chunks = Callable[[], Iterable[NDArray[np.float32]]]


@dataclass(frozen=True)
class Scaling:
    """Scales windows (batch, channels, time).

    Attributes
    ----------
    rule
        How, or None; what the whole recording decides was done before.
    standard
        Means and deviations of the training windows, for ``"zscore"``.
    """

    rule: Normalisation | None
    standard: emg_dsp.Standardizer | None = None

    def apply(self, x: NDArray[np.float32], real: NDArray[np.bool_] | None) -> NDArray[np.float32]:
        """Return scaled windows; `real` (batch, time) marks samples, the others come out as 0; None where all are."""
        if self.standard is not None:
            x = np.asarray(self.standard.transform(x), np.float32)
        elif self.rule is not None and self.rule.kind == "minmax":
            x = _by_range(x, real, self.rule.eps)
        elif self.rule is not None and self.rule.kind == "scale":
            x = x * np.float32(self.rule.factor)
        if real is not None:
            x[np.broadcast_to(~real[:, None, :], x.shape)] = 0.0
        return x


def _by_range(x: NDArray[np.float32], real: NDArray[np.bool_] | None, eps: float) -> NDArray[np.float32]:
    """Return ``2 (x - min) / (max - min + eps) - 1`` of each channel of each window; a constant one becomes -1."""
    low, high = (x, x) if real is None else (np.where(real[:, None], x, np.inf), np.where(real[:, None], x, -np.inf))
    least, most = low.min(axis=-1, keepdims=True), high.max(axis=-1, keepdims=True)
    wide = (x.astype(np.float64) - least) / (most.astype(np.float64) - least + eps)
    scaled: NDArray[np.float32] = (2.0 * wide - 1.0).astype(np.float32)
    return scaled


def training_statistics(chunks: Chunks) -> emg_dsp.Standardizer:
    """Return mean and standard deviation of each channel over training windows, read chunk by chunk, twice.

    Parameters
    ----------
    chunks
        Returns the same windows each time it is called, some (n, channels, time) at a time.

    Notes
    -----
    Population deviation in two passes and float64, as `emg_dsp.Standardizer.fit` computes it, to the same bits where
    there is one chunk.
    """
    _, dsp = siblings()
    count, total = _sums(chunks, None)
    if not count:
        raise EmgDistillError("there is no training window to take means and deviations from")
    mean = total / count
    std = np.sqrt(_sums(chunks, mean)[1] / count)
    return dsp.Standardizer(mean, np.where(std <= 1e-12 * np.abs(mean), 1.0, std))  # type: ignore[no-any-return]


def _sums(chunks: Chunks, centre: NDArray[np.float64] | None) -> tuple[int, NDArray[np.float64]]:
    """Return the number of samples a channel, and the sum of the samples, or of squares about a centre."""
    count, total = 0, np.zeros(0)
    for chunk in chunks():
        n_chans = chunk.shape[1]
        total = np.zeros(n_chans) if not count else total
        count += chunk.size // n_chans
        for start in range(0, chunk.shape[-1], _BLOCK):
            block = chunk[..., start : start + _BLOCK].astype(np.float64, order="C")
            block = block - (np.zeros(n_chans) if centre is None else centre)[:, None]
            total += (block ** (1 if centre is None else 2)).sum(axis=-1).reshape(-1, n_chans).sum(axis=0)
    return count, total


_BLOCK = 1 << 16


def stored_statistics(record: Mapping[str, Any]) -> emg_dsp.Standardizer:
    """Return the means and deviations of a stored model."""
    _, dsp = siblings()
    return dsp.Standardizer.from_dict(dict(record))  # type: ignore[no-any-return]
