"""Mains hum: a sine and its harmonics, in phase on all electrodes, each electrode with its own strength."""

import math

import numpy as np
import torch

from emg_distill._seeds import SampleDraws


def add_mains(
    x: torch.Tensor,
    peak: float,
    draws: SampleDraws,
    sfreq: float,
    *,
    freq: float = 50.0,
    n: int = 3,
    share: float = 1.0,
) -> torch.Tensor:
    """Add mains hum.

    Parameters
    ----------
    x
        Shape (batch, channels, time).
    peak
        Largest peak of the fundamental in the unit of x, ``> 0``; drawn per channel from ``U(0, peak)``.
    draws
        Numbers of the examples.
    sfreq
        Rate in Hz, more than twice `freq`.
    freq
        Mains frequency in Hz.
    n
        Harmonics, the fundamental included, ``>= 1``. Harmonic k has a share from ``U(0, 1/k)`` of the fundamental, and
        phases are uniform; what lies at half the rate or above is left out.
    share
        Probability that an example has any hum, in ``(0, 1]``.

    Returns
    -------
    Tensor of the shape of x
        A copy.
    """
    weight = draws.uniform("mains_harmonic", n)
    weight[:, 0] = 1.0
    turn = 2.0 * math.pi * draws.uniform("mains_phase", n)
    sine, cosine = np.sin(turn), np.cos(turn)
    hum = np.zeros((len(x), x.shape[2]))
    for k in range(1, n + 1):
        if k * freq < sfreq / 2.0:
            angle = 2.0 * math.pi * np.mod(k * freq / sfreq * np.arange(x.shape[2]), 1.0)
            wave = sine[:, k - 1 : k] * np.cos(angle) + cosine[:, k - 1 : k] * np.sin(angle)
            hum += weight[:, k - 1 : k] / k * wave
    strength = peak * draws.uniform("mains", x.shape[1])
    if share < 1.0:
        strength *= draws.uniform("mains_p", 1) < share
    scale, wave_of = (torch.from_numpy(part.astype(np.float32)).to(x.device) for part in (strength, hum))
    return x + scale[:, :, None] * wave_of[:, None, :]
