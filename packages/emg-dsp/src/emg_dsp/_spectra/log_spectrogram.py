"""`LogSpectrogram`: decimal logarithms of short-time power, as networks for typing on EMG take them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import positive, whole
from emg_dsp._errors import EmgDspError

from .framed import FramedStage
from .frames import Frames, starts_of
from .tapers import MOST_TRANSFORM, taper

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._arrays import Array, Floats, NanPolicy

_MOST_FLOOR = 1e30


@dataclass(frozen=True)
class LogSpectrogram(FramedStage):
    """``log10(|FFT(w x)|^2 / sum w^2 + floor)`` of every frame: a stage of frames.

    Frame ``k`` covers the samples ``k * hop ... k * hop + length - 1``: nothing is padded or centred, so the last
    sample of a frame is all it waits for. The defaults are those of emg2qwerty at 2 kHz: 33 bins of 31.25 Hz, 125
    frames a second.

    Parameters
    ----------
    length, hop : int
        Samples of a frame and between the beginnings of two frames, >= 1; ``length`` at most 65,536.
    window : str
        Taper ``w`` in its periodic form: ``"hann"``, ``"hamming"``, ``"blackman"`` or ``"boxcar"``.
    floor : float
        Power below which the logarithm ends, > 0 and at most 1e30, in the squared unit of the signal; silence gives
        ``log10(floor)``.
    sfreq : float, optional
        Sampling rate in Hz; nothing but ``sfreq_out`` depends on it.

    Notes
    -----
    A call gives (..., n_frames, channels, ``length // 2 + 1``), the axes (time, electrode, frequency) of emg2qwerty.
    Computed in float32 for float32. Power that overflows gives NaN.

    References
    ----------
    Sivakumar et al., emg2qwerty, NeurIPS 2024, arXiv:2410.20081.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import LogSpectrogram
    >>> LogSpectrogram()(np.zeros((16, 8000), dtype=np.float32)).shape
    (497, 16, 33)
    """

    kind = "log_spectrogram"

    length: int = 64
    hop: int = 16
    window: str = "hann"
    floor: float = 1e-6
    sfreq: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", whole(self.length, "length", 1, " samples", most=MOST_TRANSFORM))
        object.__setattr__(self, "hop", whole(self.hop, "hop", 1, " samples"))
        object.__setattr__(self, "floor", positive(self.floor, "floor", "(unit of the signal squared)"))
        if self.floor > _MOST_FLOOR:
            raise EmgDspError(f"floor={self.floor:g}; required is at most {_MOST_FLOOR:g}, which float32 holds.")
        if self.sfreq is not None:
            object.__setattr__(self, "sfreq", positive(self.sfreq, "sfreq"))
        _ = self._frames

    @cached_property
    def _frames(self) -> Frames:
        weights = taper(str(self.window), self.length)
        return Frames(weights / np.sqrt(np.sum(weights**2)), self.length)

    @property
    def span(self) -> int:
        """Samples of a frame."""
        return self.length

    def shape(self, n_chans: int) -> tuple[int, ...]:
        """Return (channels, bins)."""
        return n_chans, self._frames.bins

    def fill(self, flat: Floats, rows: NDArray[np.int64], out: Array) -> None:
        """Compute the frames ``out`` (n, channels, bins)."""
        from .frame_kernels import log10_double, log10_single

        table = out.reshape(-1, out.shape[-1])
        self._frames.powers(flat, starts_of(rows, len(out), self.hop), table, self.floor)
        values = table.reshape(-1)
        if values.dtype == np.float32:
            log10_single(values, values.view(np.int32))
        else:
            log10_double(values)


def log_spectrogram(
    x: ArrayLike,
    length: int = 64,
    hop: int = 16,
    *,
    window: str = "hann",
    floor: float = 1e-6,
    nan: NanPolicy = "raise",
    threads: int = 1,
) -> Array:
    """Compute the log-spectrogram of a whole signal; see `LogSpectrogram`, which also streams.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit.
    length, hop : int
        Samples of a frame and between frames, >= 1.
    window : str
        Name of the taper.
    floor : float
        Added to the power before the logarithm, > 0.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or spoils the frames that contain it.
    threads : int
        Threads that share the frames, >= 1. Changes no value.

    Returns
    -------
    array (..., n_frames, channels, length // 2 + 1)
        Decimal logarithms; float64 for float64, float32 for everything else.
    """
    return LogSpectrogram(length, hop, window, floor)(x, nan=nan, threads=threads)
