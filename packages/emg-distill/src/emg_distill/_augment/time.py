"""Changes of the time axis: circular shift, misalignment between wrists, smooth stretching."""

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._seeds import SampleDraws

from .curves import smooth_curve


def shift_time(x: torch.Tensor, reach: int, draws: SampleDraws, *, lengths: torch.Tensor | None = None) -> torch.Tensor:
    """Shift windows in time; what leaves at one end enters at the other.

    Parameters
    ----------
    x
        Shape (batch, channels, time).
    reach
        Largest shift in samples, ``>= 1``: each of ``-reach .. reach`` equally likely, positive is later.
    draws
        Numbers of the examples.
    lengths
        Shape (batch,) int64: samples of each example that are real; only these go round.

    Returns
    -------
    Tensor of the shape of x
        A copy.
    """
    size = _sizes(x, lengths)
    instant = np.arange(x.shape[2])
    source = (instant - draws.integers("shift", -reach, reach, 1)) % np.maximum(size, 1)
    return _take(x, np.where(instant < size, source, instant))


def misalign(
    x: torch.Tensor, reach: int, draws: SampleDraws, *, lengths: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move two wrists against each other; the window loses what only one of them has.

    Parameters
    ----------
    x
        Shape (batch, channels, time): the left wrist's channels are the first half.
    reach
        Largest misalignment in samples, ``>= 1`` and less than any example has: s is uniform in ``-reach .. reach``.
    draws
        Numbers of the examples.
    lengths
        Shape (batch,) int64: samples of each example that are real; None where all are.

    Returns
    -------
    Tensor of the shape of x
        ``s > 0`` drops the first s samples of the left wrist and the last s of the right one, ``s < 0`` the reverse.
        The shape stays: the last samples, as many as were lost, are 0.
    Tensor of shape (batch,), int64
        Samples that are left: those before, less the size of s.

    References
    ----------
    Form: emg2qwerty (NeurIPS 2024); ±120 samples, which are ±60 ms.
    """
    steps = draws.integers("misalign", -reach, reach, 1)
    size = _sizes(x, lengths)
    instant = np.arange(x.shape[2])
    half = x.shape[1] // 2
    left, right = (
        _take(wrist, np.minimum(instant + np.maximum(step, 0), x.shape[2] - 1))
        for wrist, step in ((x[:, :half], steps), (x[:, half:], -steps))
    )
    rest = size - np.abs(steps)
    gone = torch.from_numpy(instant >= rest).to(x.device)[:, None]
    return torch.cat([left, right], 1).masked_fill(gone, 0.0), torch.from_numpy(rest[:, 0]).to(x.device)


def warp_time(
    x: torch.Tensor, strength: float, draws: SampleDraws, *, knots: int = 4, lengths: torch.Tensor | None = None
) -> torch.Tensor:
    """Stretch and squeeze time smoothly; first and last sample stay, all channels alike.

    Parameters
    ----------
    x
        Shape (batch, channels, time).
    strength
        Largest relative change of speed, in ``(0, 1)``.
    draws
        Numbers of the examples.
    knots
        Inner knots of the displacement, ``>= 1``.
    lengths
        Shape (batch,) int64: samples of each example that are real; the last of these stays.

    Returns
    -------
    Tensor of the shape of x
        x at displaced times, interpolated linearly, which weakens the highest frequencies.
    """
    source = warped_times(strength, draws, knots, _sizes(x, lengths), x.shape[2])
    low = source.astype(np.int64)
    part = torch.from_numpy((source - low).astype(np.float32)).to(x.device)[:, None]
    return _take(x, low) * (1.0 - part) + _take(x, np.minimum(low + 1, x.shape[2] - 1)) * part


def warped_times(
    strength: float, draws: SampleDraws, knots: int, size: NDArray[np.int64], n_times: int
) -> NDArray[np.float64]:
    """Return which time each sample is read at, (batch, n_times) in samples: increasing, each step in 1 ± strength."""
    last = np.maximum(size - 1, 1)
    spacing = last / (knots + 1)
    displaced = np.zeros((len(size), knots + 2))
    displaced[:, 1:-1] = (strength / 3.0) * spacing * (2.0 * draws.uniform("time_warp", knots) - 1.0)
    instant = np.arange(n_times)
    moved = instant + smooth_curve(displaced, np.minimum(instant / spacing, knots + 1))
    return np.where(instant < size - 1, moved.clip(0, last), instant)


def _sizes(x: torch.Tensor, lengths: torch.Tensor | None) -> NDArray[np.int64]:
    """Return the real samples of each example, (batch, 1)."""
    if lengths is None:
        return np.full((len(x), 1), x.shape[2])
    size: NDArray[np.int64] = lengths.cpu().numpy()[:, None]
    return size


def _take(x: torch.Tensor, source: NDArray[np.int64]) -> torch.Tensor:
    """Return x at other times, (batch, time) for all channels."""
    return x.gather(2, torch.from_numpy(source).to(x.device)[:, None].expand_as(x))
