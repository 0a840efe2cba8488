"""Mel-frequency cepstral coefficients of recorded speech: what a network for voicing silent speech is to give."""

from __future__ import annotations

import io
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_distill._errors import EmgDistillError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

N_CEPSTRA, N_BANDS = 26, 80
WINDOW_S, FLOOR = 0.027, 1e-10
TOP_HZ = 8000.0


def cepstra(audio: Floats, sfreq: float, n_frames: int, hop_s: float) -> NDArray[np.float32]:
    r"""Return mel-frequency cepstral coefficients.

    .. math:: c_{f,k} = \sqrt{\tfrac{2 - \delta_{k0}}{M}} \sum_{m<M} \ln\Big(\max\big(10^{-10},
              \textstyle\sum_\nu B_{m\nu} |S_{f\nu}|^2\big)\Big) \cos\frac{\pi k (2m + 1)}{2 M}

    S is the spectrum of the audio under a periodic Hann window of 27 ms, whose middle lies at ``f * hop_s``; zeros
    stand for what lies outside. B holds M = 80 triangles of height 1, equally wide in mel, 2595 log10(1 + Hz / 700),
    from 0 to 8 kHz or half the rate. The definition is ours: of the published features only their number is known.

    Parameters
    ----------
    audio
        (samples,), full scale 1.
    sfreq
        Rate of the audio in Hz, ``> 0``.
    n_frames
        How many frames, ``>= 0``.
    hop_s
        Seconds from one to the next, ``> 0``.

    Returns
    -------
    ndarray of shape (n_frames, 26), float32
        Natural logarithm, orthonormal cosine transform.

    References
    ----------
    Davis and Mermelstein, IEEE Transactions on Acoustics, Speech and Signal Processing 1980, 28(4):357.
    """
    width = round(WINDOW_S * sfreq)
    middles = np.round(np.arange(n_frames) * hop_s * sfreq).astype(np.int64)
    reach = int(max(middles.max(initial=0) + width - len(audio), 0))
    padded = np.concatenate([np.zeros(width // 2), audio, np.zeros(reach)])
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(width) / width)
    frames = padded[middles[:, None] + np.arange(width)] * window
    n_fft = 1 << (width - 1).bit_length()
    power = np.abs(np.fft.rfft(frames, n_fft)) ** 2
    logs = np.log(np.maximum(power @ mel_bands(sfreq, n_fft).T, FLOOR))
    return np.asarray(logs @ cosines().T, np.float32)


@lru_cache(maxsize=8)
def mel_bands(sfreq: float, n_fft: int) -> Floats:
    """Return the weight of each bin of a spectrum in each band, (80, n_fft // 2 + 1)."""
    edges = np.linspace(0.0, 2595.0 * np.log10(1.0 + min(TOP_HZ, sfreq / 2) / 700.0), N_BANDS + 2)
    hertz = 700.0 * (10.0 ** (edges / 2595.0) - 1.0)
    low, middle, high = hertz[:-2, None], hertz[1:-1, None], hertz[2:, None]
    bins = np.fft.rfftfreq(n_fft, 1.0 / sfreq)
    triangles: Floats = np.clip(np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)), 0.0, None)
    return triangles


@lru_cache(maxsize=1)
def cosines() -> Floats:
    """Return the first rows of the orthonormal cosine transform (type II), (26, 80)."""
    rows, columns = np.arange(N_CEPSTRA)[:, None], np.arange(N_BANDS)[None]
    table = np.sqrt(2.0 / N_BANDS) * np.cos(np.pi * rows * (2 * columns + 1) / (2 * N_BANDS))
    table[0] /= np.sqrt(2.0)
    return np.asarray(table, np.float64)


def decode_audio(data: bytes, file: str) -> tuple[Floats, float]:
    """Return audio (samples,), full scale 1, channels averaged, and its rate in Hz, from the bytes of a FLAC file.

    Raises
    ------
    EmgDistillError
        When the library that decodes is not installed, or the bytes are no audio or empty.
    """
    try:
        soundfile: Any = import_module("soundfile")
    except ModuleNotFoundError as error:
        raise EmgDistillError(
            "reading the audio of silent speech needs soundfile, which is not installed: "
            "pip install emg-distill[speech]"
        ) from error
    try:
        audio, sfreq = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise EmgDistillError(f"{file}: not audio that can be read: {error}; get the file again") from error
    if not len(audio):
        raise EmgDistillError(f"{file}: the audio has no sample; get the file again")
    return audio.mean(axis=1), float(sfreq)
