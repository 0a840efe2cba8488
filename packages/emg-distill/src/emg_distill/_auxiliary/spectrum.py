"""Windows seen as spectra, and spectra with parts removed and added."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError


class Draws(Protocol):
    """Where uniform numbers come from; `emg_distill._seeds.SampleDraws` is one."""

    def uniform(self, name: str, *shape: int) -> NDArray[np.float64]:
        """Return numbers in ``[0, 1)``, shape (batch, *shape)."""
        ...


def amplitude_spectrum(x: torch.Tensor) -> torch.Tensor:
    r"""Return the amplitude of each frequency of each channel.

    .. math:: a_k = \frac{1}{\sqrt{T}} \left| \sum_{t < T} x_t e^{-2 \pi i k t / T} \right|, \quad k = 0 \ldots T / 2

    Parameters
    ----------
    x
        Tensor of shape (..., time), ``time >= 1``.

    Returns
    -------
    Tensor of shape (..., time // 2 + 1)
        ``>= 0``, unit of x; of white noise about as large as its standard deviation, whatever the length. Float32 where
        x is shorter.

    References
    ----------
    TF-C, arXiv 2206.08496, section 4.2; its code takes all T amplitudes, whose second half mirrors the first.
    """
    wide = x if x.dtype == torch.float64 else x.float()
    spectrum: torch.Tensor = torch.fft.rfft(wide, norm="ortho")
    return spectrum.abs()


def perturb_spectrum(
    amplitude: torch.Tensor,
    draws: Draws,
    *,
    remove: float = 0.1,
    add: float = 0.1,
    strength: float = 0.5,
    name: str = "spectrum",
) -> torch.Tensor:
    """Return a spectrum in which some components are gone and some weak ones are strong.

    Parameters
    ----------
    amplitude
        Tensor of shape (batch, channels, components), ``>= 0``.
    draws
        Numbers of the examples.
    remove
        Probability that a component is set to 0, in ``[0, 1]``.
    add
        Probability that a component below ``strength`` times the channel's greatest is raised to that value, in
        ``[0, 1]``; what is removed is not raised.
    strength
        Share alpha of the channel's greatest amplitude, in ``[0, 1]``.
    name
        Name of the draws; other names give other spectra.

    Returns
    -------
    Tensor
        Shape of the input, a copy.

    Raises
    ------
    EmgDistillError
        When the shape or an option is out of range.

    References
    ----------
    TF-C, arXiv 2206.08496, section 4.2: removing sets components to 0, adding raises those below alpha times the
    greatest, alpha 0.5. There a number of components is perturbed, here each one with a probability.
    """
    if amplitude.ndim != 3:
        raise EmgDistillError(f"amplitude {tuple(amplitude.shape)} must be (batch, channels, components)")
    for option, value in (("remove", remove), ("add", add), ("strength", strength)):
        if not 0.0 <= value <= 1.0:
            raise EmgDistillError(f"{option}={value} must lie in [0, 1]")
    shape = tuple(amplitude.shape[1:])
    gone, raised = (
        torch.from_numpy(draws.uniform(f"{name}.{kind}", *shape) < share).to(amplitude.device)
        for kind, share in (("remove", remove), ("add", add))
    )
    level = strength * amplitude.amax(-1, keepdim=True)
    stronger = torch.where(raised, torch.maximum(amplitude, level), amplitude)
    return stronger.masked_fill(gone, 0.0)
