"""Multivariate power frequency features: how strongly electrodes sound together, band by band, as matrix logarithms."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._checks import require_count, require_positive
from emg_models._errors import EmgModelsError
from emg_models._layers.inputs import require_input
from emg_models._layers.spectrogram import ShortTimeFourier

from .feature_config import electrode_pairs

__all__ = ["MultivariatePowerFrequency", "PowerFrequencyStream", "symmetric_log"]

BANDS = ((0.0, 50.0), (30.0, 100.0), (100.0, 225.0), (225.0, 375.0), (375.0, 700.0), (700.0, 1000.0))


class MultivariatePowerFrequency(nn.Module):
    """Signals of a wristband (B, C, T) to features (B, bands · pairs, frames), with nothing learned.

    A Fourier transform at every hop; over the transforms of one window, and for each bin, X·Xᴴ / transforms; its
    magnitude squared, element by element; the mean over the bins of each band; the matrix logarithm; the wanted pairs
    of electrodes. Feature ``band · pairs + pair`` belongs to the pair of that place in `electrode_pairs`.

    Frame t sees the samples ``t · stride … t · stride + span - 1``. Cross-spectra and eigenvalues are computed in
    float64, since the squares span many decades, and given back in the dtype of the input; no gradient flows.
    ONNX has no eigenvalues: export the network, which takes the features, and compute these before it.

    Parameters
    ----------
    electrodes : int
        Electrodes C of the ring.
    window : int
        Samples per feature frame by the published count, a multiple of `hop`: 160 for handwriting, 200 for the wrist.
        ``window / hop`` transforms are averaged.
    stride : int
        Samples from one frame to the next, a multiple of `hop`.
    fft, hop : int
        Samples per transform (symmetric Hann window over its L2 norm, not centred) and from one to the next.
    sfreq : float
        Sampling rate in Hz.
    bands : sequence of (float, float)
        Lower edge, not included, and upper edge, included, in Hz.
    neighbours : int or None
        Which pairs; 3 for the wrist, None (all) for handwriting. See `electrode_pairs`.

    Attributes
    ----------
    n_features : int
        Features of a frame.
    span : int
        Samples that one frame sees: 214 for a window of 160, 254 for 200.

    Raises
    ------
    EmgModelsError
        A value is outside its range, or a band holds no bin.

    References
    ----------
    Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w (released code). That NaN and -∞ become 0 is applied
    to the logarithms of the eigenvalues, rounding included: our reading.
    """

    def __init__(
        self,
        electrodes: int = 16,
        *,
        window: int = 160,
        stride: int = 40,
        fft: int = 64,
        hop: int = 10,
        sfreq: float = 2000.0,
        bands: Sequence[tuple[float, float]] = BANDS,
        neighbours: int | None = None,
    ) -> None:
        super().__init__()
        self.fourier = ShortTimeFourier(fft, hop, periodic=False)
        self.windows = (_multiple("window", window, hop), _multiple("stride", stride, hop))
        self.electrodes, self.stride = electrodes, stride
        self.span = window - hop + fft
        pairs = electrode_pairs(electrodes, neighbours)
        self.n_features = len(bands) * len(pairs)
        self.bins: Tensor
        self.pairs: Tensor
        self.register_buffer("bins", _bins(bands, fft, sfreq), persistent=False)
        self.register_buffer("pairs", torch.tensor([i * electrodes + j for i, j in pairs]), persistent=False)

    def frames(self, n_times: int) -> int:
        """Return ⌊(n_times - span) / stride⌋ + 1, 0 for less than a frame."""
        return max(0, (n_times - self.span) // self.stride + 1)

    @torch.no_grad()
    def forward(self, x: Float[Tensor, "batch elecs time"]) -> Float[Tensor, "batch features frames"]:
        """Map signals, high-passed and on one scale for all recordings, to features.

        Raises
        ------
        EmgModelsError
            A shape or the dtype does not fit, or there are fewer samples than one frame needs.
        """
        self._check(x)
        parts = self.fourier(x).double().unfold(-1, *self.windows)  # (B, C, 2, bins, frames, transforms)
        spectra = torch.complex(parts[:, :, 0], parts[:, :, 1]).permute(0, 3, 2, 1, 4)
        cross = spectra @ spectra.mH
        averages = self.bins.double() / (self.bins.sum(1, keepdim=True) * self.windows[0] ** 2)
        power = torch.einsum("qk,btkcd->btqcd", averages, cross.real.square() + cross.imag.square())
        features = symmetric_log(power).flatten(3)[..., self.pairs]
        return features.flatten(2).transpose(1, 2).to(x.dtype)

    def stream(self, batch: int = 1) -> "PowerFrequencyStream":
        """Return a live form with empty memory, for `batch` recordings side by side."""
        return PowerFrequencyStream(self, batch)

    def _check(self, x: Tensor) -> None:
        require_input(
            x,
            self,
            (None, self.electrodes, None),
            f"signals (batch, {self.electrodes}, time) are required; add a batch axis with x[None], or convert with "
            "x.float()",
        )
        if x.shape[2] < self.span:
            raise EmgModelsError(f"input has {x.shape[2]} samples, one frame needs {self.span}; give longer windows")


class PowerFrequencyStream:
    """Live features: keeps the samples that belong to frames still to come, less than one span."""

    def __init__(self, features: MultivariatePowerFrequency, batch: int) -> None:
        self._features = features
        self._rest = features.fourier.kernel.new_empty(batch, features.electrodes, 0)

    def push(self, chunk: Tensor) -> Tensor:
        """Take the next samples (B, C, n), n >= 0; return the features (B, features, frames) they complete.

        Raises
        ------
        EmgModelsError
            Shape or dtype do not fit; the memory is as before then.
        """
        batch, electrodes, _ = self._rest.shape
        if chunk.ndim != 3 or tuple(chunk.shape[:2]) != (batch, electrodes) or not chunk.is_floating_point():
            raise EmgModelsError(
                f"chunk of shape {tuple(chunk.shape)} and {chunk.dtype}: floating point ({batch}, {electrodes}, "
                "samples) is required"
            )
        samples = torch.cat([self._rest, chunk.to(self._rest)], 2)
        frames = self._features.frames(samples.shape[2])
        self._rest = samples[:, :, frames * self._features.stride :].clone()
        if frames == 0:
            return samples.new_empty(batch, self._features.n_features, 0)
        return self._features(samples)  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._rest = self._rest[:, :, :0]


def symmetric_log(matrices: Tensor) -> Tensor:
    """Return the matrix logarithm of symmetric matrices (..., C, C); eigenvalues that have none count as 1.

    Eigenvalues up to C·ε times the largest are 0 but for rounding, of either sign: their logarithm is 0 here, so that
    a dead or doubled electrode adds no noise.
    """
    values, vectors = torch.linalg.eigh(matrices)
    rounding = values.shape[-1] * torch.finfo(values.dtype).eps * values[..., -1:]
    logs = torch.where(values > rounding, values, torch.ones_like(values)).log()
    product: Tensor = vectors @ (logs[..., None] * vectors.mT)
    return product


def _multiple(name: str, samples: int, hop: int) -> int:
    require_count(name, samples)
    if samples % hop:
        raise EmgModelsError(f"{name}={samples} is not a multiple of hop={hop}; choose {samples // hop * hop or hop}")
    return samples // hop


def _bins(bands: Sequence[tuple[float, float]], fft: int, sfreq: float) -> Tensor:
    """Whether a bin belongs to a band, (bands, bins)."""
    require_positive("sfreq", sfreq, "Hz")
    frequencies = torch.arange(fft // 2 + 1, dtype=torch.float64) * (sfreq / fft)
    inside = torch.stack([(frequencies > low) & (frequencies <= high) for low, high in bands])
    for band, bins in zip(bands, inside, strict=True):
        if not bins.any():
            raise EmgModelsError(f"band {band} Hz holds no bin of a transform of {fft} samples at {sfreq} Hz; widen it")
    return inside
