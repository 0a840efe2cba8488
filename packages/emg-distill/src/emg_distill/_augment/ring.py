"""Electrodes on a ring: the armband turned by whole electrodes, or slipped between them."""

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._seeds import SampleDraws


def rotate(
    x: torch.Tensor,
    reach: int,
    draws: SampleDraws,
    *,
    share: float = 1.0,
    rings: int = 1,
    channel_mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Turn each ring of electrodes by its own number of electrodes.

    Parameters
    ----------
    x
        Shape (batch, channels, time); ring r holds channels ``r·channels/rings`` to ``(r+1)·channels/rings - 1``.
    reach
        Largest rotation in electrodes, ``>= 1``: each of ``-reach .. reach`` equally likely. Rotation by k moves the
        signal of electrode j to electrode j + k.
    draws
        Numbers of the examples.
    share
        Probability that an example is turned at all, in ``(0, 1]``.
    rings
        Number of rings, a divisor of the channels.
    channel_mask
        Shape (batch, channels) bool: electrodes that exist. The others stay in place, and the ring closes without them.

    Returns
    -------
    Tensor of the shape of x
        A copy.

    References
    ----------
    emg2qwerty (NeurIPS 2024): by -1, 0 or +1, each wrist by itself; neuromotor interface: by up to 2.
    """
    steps = draws.integers("rotate", -reach, reach, rings)
    if share < 1.0:
        steps = steps * (draws.uniform("rotate_p", 1) < share)
    return _rows(x, ring_sources(steps, x.shape[1], channel_mask))


def slip(
    x: torch.Tensor, reach: float, draws: SampleDraws, *, rings: int = 1, channel_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Slip each ring by a part of the distance between electrodes, interpolating linearly.

    Parameters
    ----------
    x, draws, rings, channel_mask
        As for `rotate`.
    reach
        Largest slip in distances between electrodes, ``> 0``; uniform in ``[-reach, reach)``.

    Returns
    -------
    Tensor of the shape of x
        Electrode j holds ``(1 - f)·x[j - k] + f·x[j - k - 1]`` for a slip of ``k + f``, indices modulo the ring.
    """
    amount = reach * (2.0 * draws.uniform("electrode_shift", rings) - 1.0)
    whole = np.floor(amount)
    part = np.repeat((amount - whole).astype(np.float32), x.shape[1] // rings, axis=1)
    part_of = torch.from_numpy(part).to(x.device)[:, :, None]
    steps = whole.astype(np.int64)
    near = _rows(x, ring_sources(steps, x.shape[1], channel_mask))
    far = _rows(x, ring_sources(steps + 1, x.shape[1], channel_mask))
    return near * (1.0 - part_of) + far * part_of


def ring_sources(steps: NDArray[np.int64], n_chans: int, channel_mask: torch.Tensor | None) -> NDArray[np.int64]:
    """Return which channel each channel takes its signal from, shape (batch, channels), for steps (batch, rings)."""
    n, rings = steps.shape
    size = n_chans // rings
    if channel_mask is None:
        real = np.ones((n, rings, size), bool)
    else:
        real = channel_mask.cpu().numpy().reshape(n, rings, size)
    seats = np.argsort(~real, axis=-1, kind="stable")
    rank = np.cumsum(real, axis=-1) - 1
    wanted = (rank - steps[:, :, None]) % np.maximum(real.sum(-1, keepdims=True), 1)
    source = np.where(real, np.take_along_axis(seats, wanted, -1), np.arange(size))
    channel: NDArray[np.int64] = (source + size * np.arange(rings)[:, None]).reshape(n, n_chans)
    return channel


def _rows(x: torch.Tensor, source: NDArray[np.int64]) -> torch.Tensor:
    """Return x with channels taken from elsewhere in the same example, whole rows at a time."""
    n, n_chans = source.shape
    flat = torch.from_numpy((source + n_chans * np.arange(n)[:, None]).ravel()).to(x.device)
    return x.reshape(n * n_chans, -1).index_select(0, flat).view(x.shape)
