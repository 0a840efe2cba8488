"""Overlapping windows as a strided view: no sample is copied."""

import numpy as np
from numpy.typing import ArrayLike

from emg_dsp._arrays import Array, as_array
from emg_dsp._errors import EmgDspError

from .sizes import in_samples


def windows(x: ArrayLike, length: float, hop: float, sfreq: float | None = None) -> Array:
    """Cut a signal into overlapping windows, without copying.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal of any dtype.
    length, hop : int or float
        Size and step of the windows: whole samples (>= 1) where ``sfreq`` is None, seconds (> 0) where it is given.
        Seconds are rounded to the nearest sample and must come to at least one: 0.2 s at 2048 Hz is 410 samples.
    sfreq : float, optional
        Sampling rate in Hz; states that ``length`` and ``hop`` are seconds.

    Returns
    -------
    array (..., n_windows, channels, length)
        A read-only view of ``x``. ``n_windows = (time - length) // hop + 1``: only whole windows, nothing is padded,
        samples after the last whole window are left out. A signal shorter than one window gives 0 windows.

    Raises
    ------
    EmgDspError
        If seconds come without ``sfreq``, or a size is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import windows
    >>> windows(np.zeros((8, 1000)), length=0.2, hop=0.05, sfreq=1000).shape
    (17, 8, 200)
    """
    signal = as_array(x)
    if signal.ndim < 2:
        raise EmgDspError(
            f"x has shape {signal.shape}; required is (..., channels, time). For one channel pass x[None, :]."
        )
    size, step = in_samples(length, "length", sfreq), in_samples(hop, "hop", sfreq)
    channels, samples = signal.shape[-2:]
    if samples < size:
        empty: Array = np.empty((*signal.shape[:-2], 0, channels, size), dtype=signal.dtype)
        empty.flags.writeable = False
        return empty
    view: Array = np.lib.stride_tricks.sliding_window_view(signal, size, axis=-1)[..., ::step, :]
    return np.moveaxis(view, -2, -3)
