"""Short-time Fourier transform as a fixed convolution: plain operators for exporters and integer tools."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._checks import require_count, require_flag, require_positive
from emg_models._errors import EmgModelsError

__all__ = ["LogSpectrogram", "ShortTimeFourier"]


class ShortTimeFourier(nn.Module):
    """Windowed Fourier transform at every hop, not centred, nothing padded: frame t sees samples from t·hop on.

    The Hann window is divided by its L2 norm, so ``real² + imag²`` is |STFT|² / Σw². The kernel is computed in
    float64 and kept in the dtype of the module, outside the state dict; autocast does not lower it. In float32 each
    component is right to about 4e-7 times the largest of its frame, so bins some 120 dB below the strongest of the
    same frame drown, as with any transform in float32; the scale of the input does not matter from 1e-15 to 1e15. On
    a GPU, cuDNN may round convolutions to TF32 (1e-3): set ``torch.backends.cudnn.allow_tf32 = False`` where that
    matters.

    Parameters
    ----------
    window : int
        Samples per frame, also the length of the transform, >= 2 (>= 3 where the window is symmetric).
    hop : int
        Samples between frames, >= 1.
    periodic : bool
        Period of the Hann window: `window` (for spectra, as emg2qwerty) or ``window - 1`` (symmetric, as the
        neuromotor interface).

    Raises
    ------
    EmgModelsError
        A value is outside its range.
    """

    def __init__(self, window: int, hop: int, *, periodic: bool = True) -> None:
        super().__init__()
        require_flag("periodic", periodic)
        require_count("window", window, 2 if periodic else 3)
        require_count("hop", hop)
        self.window = window
        self.hop = hop
        self.n_bins = window // 2 + 1
        self.kernel: Tensor
        self.register_buffer("kernel", _kernel(window, periodic=periodic), persistent=False)

    def frames(self, n_times: int) -> int:
        """Return the frames that `n_times` samples give: ⌊(n - window) / hop⌋ + 1, and 0 below one window."""
        return max(0, (n_times - self.window) // self.hop + 1)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch chans 2 bins frames"]:
        """Transform signals (B, C, n) to real and imaginary parts, in this order on axis 2, of bins 0 … window // 2.

        Raises
        ------
        EmgModelsError
            There is less than one window.
        """
        batch, n_chans, n_times = x.shape
        if n_times < self.window:
            raise EmgModelsError(
                f"input has {n_times} samples, the Fourier window {self.window}; give at least one window of signal"
            )
        flat = x.reshape(batch * n_chans, 1, n_times)
        if not x.is_meta and torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                parts = F.conv1d(flat.to(self.kernel.dtype), self.kernel, stride=self.hop)
        else:
            parts = F.conv1d(flat, self.kernel, stride=self.hop)
        return parts.view(batch, n_chans, 2, self.n_bins, parts.shape[-1])


class LogSpectrogram(nn.Module):
    """log10(|STFT|² / Σw² + floor), the spectrogram of emg2qwerty (released code).

    Parameters
    ----------
    window, hop, periodic
        As for `ShortTimeFourier`; 64 and 16 samples and True in emg2qwerty.
    floor : float
        Added to the power, > 0, in the input's unit squared: quieter signals vanish below it, so scale recordings in
        volts first (10 µV squared are 1e-10).

    Raises
    ------
    EmgModelsError
        A value is outside its range.
    """

    def __init__(self, window: int = 64, hop: int = 16, *, periodic: bool = True, floor: float = 1e-6) -> None:
        super().__init__()
        require_positive("floor", floor, "input units squared")
        self.fourier = ShortTimeFourier(window, hop, periodic=periodic)
        self.floor = floor

    @property
    def n_bins(self) -> int:
        """Bins F = window // 2 + 1."""
        return self.fourier.n_bins

    def frames(self, n_times: int) -> int:
        """Return the frames that `n_times` samples give."""
        return self.fourier.frames(n_times)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch chans bins frames"]:
        """Transform signals (B, C, n) to log-power (B, C, F, frames).

        Raises
        ------
        EmgModelsError
            There is less than one window.
        """
        return self.fourier(x).square().sum(2).add(self.floor).log10()  # type: ignore[no-any-return]


def _kernel(window: int, *, periodic: bool) -> Tensor:
    """Cosines, then negative sines, of all bins times the Hann window of unit L2 norm: (2·bins, 1, window)."""
    sample = torch.arange(window, dtype=torch.float64)
    hann = torch.sin(math.pi / (window if periodic else window - 1) * sample).square()
    # k·t modulo the period keeps the angle small, so that sines of multiples of π are as exact as can be
    turns = torch.arange(window // 2 + 1)[:, None] * torch.arange(window) % window
    angle = (2 * math.pi / window) * turns.double()
    waves = torch.cat([angle.cos(), -angle.sin()])
    return (waves * (hann / hann.square().sum().sqrt()))[:, None].to(torch.get_default_dtype())
