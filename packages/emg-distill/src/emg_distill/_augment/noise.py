"""White noise, measured against the training part or against the channel itself."""

import numpy as np
import torch

from emg_distill._seeds import SampleDraws


def add_noise(x: torch.Tensor, deviation: float, draws: SampleDraws) -> torch.Tensor:
    """Add white Gaussian noise of one standard deviation, in the unit of x (batch, ...)."""
    return x + deviation * torch.from_numpy(draws.normal("noise", *x.shape[1:])).to(x.device)


def add_noise_share(
    x: torch.Tensor, share: float, draws: SampleDraws, *, lengths: torch.Tensor | None = None
) -> torch.Tensor:
    """Add white Gaussian noise whose standard deviation is a share of the channel's own in this window.

    Parameters
    ----------
    x
        Shape (batch, channels, time), 0 beyond `lengths`.
    share
        Standard deviation of the noise over that of the channel (population, mean removed), ``> 0``.
    draws
        Numbers of the examples.
    lengths
        Shape (batch,) int64: samples that count in the channel's deviation.

    Returns
    -------
    Tensor of the shape of x
        A constant channel stays as it is.
    """
    values = x.cpu().numpy().astype(np.float64)
    count = x.shape[2] if lengths is None else np.maximum(lengths.cpu().numpy(), 1)[:, None]
    mean = values.sum(-1) / count
    power = np.square(values).sum(-1) / count
    deviation = share * np.sqrt(np.maximum(power - mean * mean, 0.0))
    scale = torch.from_numpy(deviation.astype(np.float32)).to(x.device)[:, :, None]
    return x + scale * torch.from_numpy(draws.normal("noise_share", *x.shape[1:])).to(x.device)
