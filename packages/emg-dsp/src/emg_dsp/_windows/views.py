"""Overlapping windows as a strided view: no sample is copied. And back: windows laid over each other."""

import numpy as np
from numpy.typing import ArrayLike

from emg_dsp._arrays import Array, Floats, as_array, as_signal, widen
from emg_dsp._errors import EmgDspError

from .plan import Pad, plan
from .sizes import in_samples

_MODES = {"zero": "constant", "edge": "edge", "reflect": "reflect"}


def windows(x: ArrayLike, length: float, hop: float, sfreq: float | None = None, pad: Pad | None = None) -> Array:
    """Cut a signal into overlapping windows, without copying.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal of any dtype.
    length, hop : int or float
        Size and step of the windows: whole samples (>= 1) where ``sfreq`` is None, seconds (> 0) where it is given.
        Seconds are rounded to the nearest sample, halves up, and must come to at least one: 0.2 s at 2048 Hz is 410
        samples.
    sfreq : float, optional
        Sampling rate in Hz; states that ``length`` and ``hop`` are seconds.
    pad : {None, "zero", "edge", "reflect"}
        None: only whole windows, samples after the last one are left out. Else the signal is copied and continued
        behind its end (zeros; its last sample; mirrored about its last sample) until windows reach its last sample:
        `window_padding` says by how much.

    Returns
    -------
    array (..., n_windows, channels, length)
        A read-only view of ``x``, or of the padded copy. `window_count` gives ``n_windows``: without padding
        ``(time - length) // hop + 1``, and 0 for a signal shorter than one window.

    Raises
    ------
    EmgDspError
        If seconds come without ``sfreq``, a size is not positive, or there is too little signal to mirror.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import windows
    >>> windows(np.zeros((8, 1000)), length=0.2, hop=0.05, sfreq=1000).shape
    (17, 8, 200)
    >>> windows(np.arange(5)[None, :], length=4, hop=2, pad="reflect")[:, 0].tolist()
    [[0, 1, 2, 3], [2, 3, 4, 3]]
    """
    signal = as_array(x)
    if signal.ndim < 2:
        raise EmgDspError(
            f"x has shape {signal.shape}; required is (..., channels, time). For one channel pass x[None, :]."
        )
    channels, n_times = signal.shape[-2:]
    place = plan(n_times, length, hop, sfreq, pad)
    if place.count == 0:
        empty: Array = np.empty((*signal.shape[:-2], 0, channels, place.length), dtype=signal.dtype)
        empty.flags.writeable = False
        return empty
    if pad is not None and place.padding:
        signal = _continued(signal, place.padding, pad)
    view: Array = np.lib.stride_tricks.sliding_window_view(signal, place.length, axis=-1)[..., :: place.hop, :]
    return np.moveaxis(view, -2, -3)


def overlap_mean(windows: ArrayLike, hop: float, sfreq: float | None = None) -> Floats:
    """Lay windows back in time, averaging where they overlap: undoes `windows`, and joins what was done to each.

    Parameters
    ----------
    windows : array (..., n_windows, channels, length)
        Such as `windows` gives, real numbers, changed or not. Samples that are not finite spoil what they lie on.
    hop : int or float
        Step between them: samples, or seconds where ``sfreq`` is given, at most ``length``.
    sfreq : float, optional
        Sampling rate in Hz; states that ``hop`` is seconds.

    Returns
    -------
    array (..., channels, (n_windows - 1) * hop + length)
        Averaged in float64; float64 for float64, float32 for everything else. No window gives no sample.

    Raises
    ------
    EmgDspError
        If ``hop`` leaves gaps between the windows.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import overlap_mean, windows
    >>> x = np.arange(10.0)[None, :]
    >>> bool(np.array_equal(overlap_mean(windows(x, 4, 2), 2), x))
    True
    """
    given = as_signal(windows, "windows")
    if given.ndim < 3:
        raise EmgDspError(f"windows have shape {given.shape}; required is (..., n_windows, channels, length).")
    step = in_samples(hop, "hop", sfreq)
    *lead, count, channels, length = given.shape
    if step > length:
        raise EmgDspError(f"hop is {step} samples, windows are {length}; required is hop <= length.")
    wide, result = widen(given)
    n_times = (count - 1) * step + length if count else 0
    total = np.zeros((*lead, channels, n_times))
    held = np.zeros(n_times)
    for k in range(count):
        part = slice(k * step, k * step + length)
        total[..., part] += wide[..., k, :, :]
        held[part] += 1
    total /= held
    return total.astype(result, copy=False)


def _continued(signal: Array, padding: int, pad: Pad) -> Array:
    """Copy a signal and continue it behind its end."""
    n_times = signal.shape[-1]
    if pad == "reflect" and padding > n_times - 1:
        raise EmgDspError(
            f"pad='reflect' needs {padding} samples behind the end, x has {n_times}; required are more than are "
            "mirrored. Pass a longer signal, or pad='edge'."
        )
    widths = [(0, 0)] * (signal.ndim - 1) + [(0, padding)]
    try:
        padded: Array = np.pad(signal, widths, mode=_MODES[pad])  # type: ignore[call-overload]
    except (MemoryError, OverflowError, ValueError):
        raise EmgDspError(
            f"pad={pad!r} would append {padding} samples to x of shape {signal.shape}, more than memory holds; "
            "required are shorter windows."
        ) from None
    return padded
