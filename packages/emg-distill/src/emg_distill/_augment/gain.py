"""Factors: gain of the amplifier, of each electrode, over time; and the sign."""

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._seeds import SampleDraws

from .curves import segments


def gain(x: torch.Tensor, reach: float, draws: SampleDraws) -> torch.Tensor:
    """Multiply each example (batch, ...) by one factor from ``U(1 - reach, 1 + reach)``."""
    return _scaled(x, 1.0 + reach * (2.0 * draws.uniform("gain", 1, 1) - 1.0))


def channel_gain(x: torch.Tensor, reach: float, draws: SampleDraws) -> torch.Tensor:
    """Multiply each channel of (batch, channels, time) by a factor of its own from ``U(1 - reach, 1 + reach)``."""
    return _scaled(x, 1.0 + reach * (2.0 * draws.uniform("channel_gain", x.shape[1], 1) - 1.0))


def flip_sign(x: torch.Tensor, share: float, draws: SampleDraws) -> torch.Tensor:
    """Change the sign of a share of the examples, whole examples at a time."""
    return _scaled(x, 1.0 - 2.0 * (draws.uniform("flip", 1, 1) < share))


def warp_magnitude(x: torch.Tensor, reach: float, draws: SampleDraws, *, knots: int = 4) -> torch.Tensor:
    """Multiply each channel by a factor that changes smoothly over time.

    Parameters
    ----------
    x
        Shape (batch, channels, time).
    reach
        Half width of the factor, in ``(0, 1]``: knots are drawn from ``U(1 - reach, 1 + reach)``, and the curve stays
        between them.
    draws
        Numbers of the examples.
    knots
        Knots between first and last sample, ``>= 1``; there is one at each end as well.

    Returns
    -------
    Tensor of the shape of x
        A copy.

    References
    ----------
    After Um et al., ICMI 2017, with a curve that does not overshoot its knots.
    """
    values = 1.0 + reach * (2.0 * draws.uniform("magnitude_warp", x.shape[1], knots + 2) - 1.0)
    position = np.arange(x.shape[2]) * ((knots + 1) / max(x.shape[2] - 1, 1))
    left, blend = segments(position.clip(max=knots + 1), knots + 2)
    knot, step, part = (torch.from_numpy(a.astype(np.float32)) for a in (values[..., :-1], np.diff(values), blend))
    seat = torch.from_numpy(left)
    factor = knot.index_select(2, seat).add_(step.index_select(2, seat).mul_(part))
    return x * factor.to(x.device)


def _scaled(x: torch.Tensor, factor: NDArray[np.floating]) -> torch.Tensor:
    return x * torch.from_numpy(factor.astype(np.float32)).to(x.device)
