"""`MultivariatePower`: multivariate power-frequency features, logarithms of cross-power between channels in bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from emg_dsp._checks import positive, whole
from emg_dsp._errors import EmgDspError

from .framed import FramedStage
from .frames import Frames, starts_of
from .tapers import MOST_TRANSFORM, taper

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._arrays import Array, Floats, NanPolicy

Bands: TypeAlias = Sequence[Sequence[float]]
"""Pairs of edges in Hz: a band holds the bins above the first and up to the second."""

BANDS = ((0.0, 50.0), (30.0, 100.0), (100.0, 225.0), (225.0, 375.0), (375.0, 700.0), (700.0, 1000.0))
_OUTPUTS = 16
"""Outputs computed together, which bounds the memory."""


@dataclass(frozen=True)
class MultivariatePower(FramedStage):
    """Multivariate power-frequency features of the generic neuromotor interface: a stage of frames.

    In every window: the cross-spectra ``X X^H / frames`` of all pairs of channels, their squared magnitudes
    elementwise, the mean over the bins of each band, and of each of these symmetric matrices the logarithm by
    eigenvalues. Where the logarithm of an eigenvalue is NaN or -inf (0, or below 0 by rounding) it counts as 0.

    Parameters
    ----------
    sfreq : float
        Sampling rate in Hz, > 0; 2000 in the source.
    window, stride : int
        Samples of a window and between windows, multiples of ``fft_hop``: 200 and 40 for wrist movement, 160 and 40 for
        handwriting. A window takes ``window / fft_hop`` transforms, so it reaches ``n_fft - fft_hop`` samples further
        than its name: one output depends on 254 samples (214), the newest included.
    n_fft, fft_hop : int
        Samples of a transform, tapered by the symmetric Hann window over its L2 norm, and between transforms;
        ``n_fft`` at most 65,536.
    bands : sequence of pairs
        Edges ``(low, high]`` in Hz, rising, up to half of ``sfreq``; they may overlap, and each must hold a bin.

    Notes
    -----
    A call gives (..., n_frames, bands, channels, channels), symmetric; the source has the time axis last. Output ``k``
    ends with sample ``k * stride + span - 1``; nothing is padded. Computed in float64, rounded once at the end, so that
    eigenvalues near 0 are those of the signal and not of rounding. Power that overflows gives NaN.

    References
    ----------
    Kaifosh, Reardon and CTRL-labs, Nature 2025, doi:10.1038/s41586-025-09255-w.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import MultivariatePower
    >>> MultivariatePower()(np.random.default_rng(0).standard_normal((16, 2000))).shape
    (44, 6, 16, 16)
    """

    kind = "mpf"

    sfreq: float = 2000.0
    window: int = 200
    stride: int = 40
    n_fft: int = 64
    fft_hop: int = 10
    bands: Bands = BANDS

    def __post_init__(self) -> None:
        object.__setattr__(self, "sfreq", positive(self.sfreq, "sfreq"))
        for name in ("window", "stride", "n_fft", "fft_hop"):
            most = {"most": MOST_TRANSFORM} if name == "n_fft" else {}
            object.__setattr__(self, name, whole(getattr(self, name), name, 1, " samples", **most))
        for name in ("window", "stride"):
            if getattr(self, name) % self.fft_hop:
                raise EmgDspError(
                    f"{name}={getattr(self, name)} samples; required is a multiple of fft_hop={self.fft_hop}."
                )
        object.__setattr__(self, "bands", _checked_bands(self.bands, self.sfreq))
        _ = self._bins

    @property
    def hop(self) -> int:  # type: ignore[override]
        """Samples between outputs."""
        return self.stride

    @property
    def span(self) -> int:
        """Samples that one output depends on."""
        return self.window - self.fft_hop + self.n_fft

    def shape(self, n_chans: int) -> tuple[int, ...]:
        """Return (bands, channels, channels)."""
        return len(self.bands), n_chans, n_chans

    def fill(self, flat: Floats, rows: NDArray[np.int64], out: Array) -> None:
        """Compute the outputs ``out`` (n, bands, channels, channels)."""
        for first in range(0, len(out) if out.size else 0, _OUTPUTS):
            target = out[first : first + _OUTPUTS]
            with np.errstate(over="ignore", invalid="ignore"):
                power = self._cross_power(flat, rows + first * self.stride, len(target))
                means = [_mean(power, bins) for bins in self._bins]
            target[...] = _matrix_log(np.stack(means, axis=1))

    def _cross_power(self, flat: Floats, rows: NDArray[np.int64], n: int) -> Array:
        """Squared magnitudes (n, bins, channels, channels) of the cross-spectra of ``n`` windows."""
        step, count = self.stride // self.fft_hop, self.window // self.fft_hop
        starts = starts_of(rows, (n - 1) * step + count, self.fft_hop)
        spectra = np.empty((len(starts), self._frames.bins), dtype=np.complex128)
        for first, stop, values in self._frames.transforms(flat, starts, np.dtype(np.float64)):
            spectra[first:stop] = values
        shaped = spectra.reshape(-1, len(rows), self._frames.bins)
        wanted = np.lib.stride_tricks.sliding_window_view(shaped, count, axis=0)[::step].transpose(0, 2, 1, 3)
        windows = np.ascontiguousarray(wanted)
        cross = windows @ np.ascontiguousarray(windows.conj().swapaxes(-1, -2)) / count
        power: Array = cross.real**2 + cross.imag**2
        return power

    @cached_property
    def _frames(self) -> Frames:
        weights = taper("hann", self.n_fft, symmetric=True)
        return Frames(weights / np.sqrt(np.sum(weights**2)), self.n_fft)

    @cached_property
    def _bins(self) -> tuple[NDArray[np.int64], ...]:
        """The bins of each band."""
        freqs = np.fft.rfftfreq(self.n_fft, 1 / self.sfreq)
        bins = tuple(np.flatnonzero((freqs > low) & (freqs <= high)) for low, high in self.bands)
        for (low, high), found in zip(self.bands, bins, strict=True):
            if len(found) == 0:
                raise EmgDspError(
                    f"no bin lies in the band ({low:g}, {high:g}] Hz: bins are {self.sfreq / self.n_fft:g} Hz apart. "
                    "Widen the band or raise n_fft."
                )
        return bins


def mpf(
    x: ArrayLike,
    sfreq: float = 2000.0,
    *,
    window: int = 200,
    stride: int = 40,
    n_fft: int = 64,
    fft_hop: int = 10,
    bands: Bands = BANDS,
    nan: NanPolicy = "raise",
    threads: int = 1,
) -> Array:
    """Compute multivariate power-frequency features of a whole signal; see `MultivariatePower`, which also streams.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit.
    sfreq : float
        Sampling rate in Hz, > 0.
    window, stride, n_fft, fft_hop : int
        Samples, as for `MultivariatePower`.
    bands : sequence of pairs
        Edges ``(low, high]`` in Hz.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or makes the outputs that depend on it NaN.
    threads : int
        Threads that share the outputs, >= 1. Changes no value.

    Returns
    -------
    array (..., n_frames, bands, channels, channels)
        float64 for float64, float32 for everything else.
    """
    return MultivariatePower(sfreq, window, stride, n_fft, fft_hop, bands)(x, nan=nan, threads=threads)


def _checked_bands(bands: Any, sfreq: float) -> tuple[tuple[float, float], ...]:  # noqa: ANN401
    try:
        pairs = tuple((float(low), float(high)) for low, high in bands)
    except (TypeError, ValueError, OverflowError):
        pairs = ()
    if not pairs:
        raise EmgDspError(f"bands={bands!r}; required are pairs of edges in Hz, e.g. ((0, 50), (30, 100)).")
    for low, high in pairs:
        if not 0 <= low < high <= sfreq / 2:
            raise EmgDspError(f"band ({low:g}, {high:g}] Hz; required is 0 <= low < high <= {sfreq / 2:g} Hz.")
    return pairs


def _mean(power: Array, bins: NDArray[np.int64]) -> Array:
    """Mean (n, channels, channels) over some bins, added in order."""
    total = np.zeros_like(power[:, 0])
    for index in bins:
        total += power[:, index]
    return total / len(bins)


def _matrix_log(matrices: Array) -> Array:
    """Logarithm of symmetric matrices (..., channels, channels); NaN where a matrix is not finite."""
    spoiled: Array = np.asarray(~np.isfinite(matrices).all(axis=(-1, -2)))
    values, vectors = np.linalg.eigh(np.where(spoiled[..., None, None], 0.0, matrices))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(values)
    logs[~np.isfinite(logs)] = 0
    result: Array = (vectors * logs[..., None, :]) @ np.ascontiguousarray(vectors.swapaxes(-1, -2))
    symmetric: Array = (result + result.swapaxes(-1, -2)) / 2
    symmetric[spoiled] = np.nan
    return symmetric
