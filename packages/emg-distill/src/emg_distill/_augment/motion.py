"""Motion artefacts: slow bursts on all electrodes, each electrode with its own strength and sign."""

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._seeds import SampleDraws

ODD_PEAK = 16.0 / (25.0 * 5.0**0.5)


def add_motion(
    x: torch.Tensor,
    peak: float,
    draws: SampleDraws,
    sfreq: float,
    *,
    length: float = 0.5,
    bursts: int = 1,
    share: float = 0.5,
) -> torch.Tensor:
    """Add bursts of low frequency at random instants.

    Parameters
    ----------
    x
        Shape (batch, channels, time).
    peak
        Largest peak in the unit of x, ``> 0``; drawn per channel and burst from ``U(-peak, peak)``.
    draws
        Numbers of the examples.
    sfreq
        Rate in Hz.
    length
        Longest burst in s, ``> 0``; drawn from ``U(length/2, length)``. Its middle is uniform over the window.
    bursts
        Bursts that a window may have, ``>= 1``.
    share
        Probability of each, in ``(0, 1]``.

    Returns
    -------
    Tensor of the shape of x
        A copy.

    Notes
    -----
    A burst is ``(1 - m)·(1 - u²)² + m·u(1 - u²)²/c`` for ``|u| < 1``: one lobe or two, as m in ``[0, 1)`` says; c
    makes the second part's peak 1. Polynomials, so that every machine gives the same bits.
    """
    strength = peak * (2.0 * draws.uniform("motion", bursts, x.shape[1]) - 1.0)
    if share < 1.0:
        strength *= (draws.uniform("motion_p", bursts) < share)[:, :, None]
    shapes = torch.from_numpy(_shapes(draws, bursts, x.shape[2], length * sfreq).astype(np.float32)).to(x.device)
    scale = torch.from_numpy(strength.astype(np.float32)).to(x.device)
    for burst in range(bursts):
        x = x + scale[:, burst, :, None] * shapes[:, burst, None, :]
    return x


def _shapes(draws: SampleDraws, bursts: int, n_times: int, longest: float) -> NDArray[np.float64]:
    """Return bursts of peak 1 at most, shape (batch, bursts, time)."""
    middle = n_times * draws.uniform("motion_middle", bursts, 1)
    half = np.maximum(0.25 * longest * (1.0 + draws.uniform("motion_length", bursts, 1)), 1.0)
    mix = draws.uniform("motion_mix", bursts, 1)
    u = (np.arange(n_times) - middle) / half
    bell = np.square(np.maximum(1.0 - u * u, 0.0))
    shapes: NDArray[np.float64] = bell * ((1.0 - mix) + mix / ODD_PEAK * u)
    return shapes
