"""Where the outputs of a network lie in its window, and values at those instants."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

import emg_models
from emg_distill._errors import EmgDistillError


def spread_instants(n_times: int, frames: int) -> NDArray[np.float64]:
    """Return where `frames` instants lie, spread evenly over a window: ``(i + 0.5) * n_times / frames - 0.5``.

    This is where `emg_models.TinyMyoRegressor` gives its values (half-pixel alignment, ``align_corners=False``); one
    instant a sample gives 0, 1, 2, ...

    Parameters
    ----------
    n_times, frames
        Samples of the window and instants, both ``>= 1``.

    Returns
    -------
    ndarray of shape (frames,), float64
        In samples, within ``(-0.5, n_times - 0.5)``.
    """
    if n_times < 1 or frames < 1:
        raise EmgDistillError(f"n_times={n_times}, frames={frames}: both must be >= 1")
    middles: NDArray[np.float64] = (np.arange(frames, dtype=np.float64) + 0.5) * (n_times / frames) - 0.5
    return middles


def model_instants(model: emg_models.EmgModel, n_times: int) -> NDArray[np.float64]:
    """Return where a regression model of emg-models gives its values in a window, (frames,) in samples.

    Parameters
    ----------
    model
        `Emg2Pose` answers for every sample behind its left context, `NeuroPose` for every sample of the whole frames
        at the start; others for instants spread evenly.
    n_times
        Samples of the window.
    """
    frames = model.frames(n_times)
    if isinstance(model, emg_models.Emg2Pose):
        return np.arange(n_times - frames, n_times, dtype=np.float64)
    if isinstance(model, emg_models.NeuroPose):
        return np.arange(frames, dtype=np.float64)
    return spread_instants(n_times, frames)


def values_at(y: torch.Tensor, instants: Sequence[float] | NDArray[np.float64]) -> torch.Tensor:
    """Return values at instants between samples, by linear interpolation.

    Parameters
    ----------
    y
        Values at every sample, (batch, time, outputs).
    instants
        (frames,) in samples, within ``[-0.5, time - 0.5]``; beyond the first and the last sample values are held.

    Returns
    -------
    torch.Tensor
        (batch, frames, outputs); `y` itself where the instants are its samples.
    """
    place = torch.as_tensor(np.asarray(instants, np.float64))
    last = y.shape[1] - 1
    if len(place) and (float(place.min()) < -0.5 or float(place.max()) > last + 0.5):
        raise EmgDistillError(
            f"instants {float(place.min()):g} to {float(place.max()):g} lie outside a window of {last + 1} samples"
        )
    if torch.equal(place, torch.arange(last + 1, dtype=torch.float64)):
        return y
    place = place.clamp(0, last)
    before = place.long()
    share = (place - before).to(y)[:, None]
    start = y.index_select(1, before.to(y.device))
    return start + (y.index_select(1, (before + 1).clamp(max=last).to(y.device)) - start) * share


def central_frames(past: int, length: int, hop: int, first: int = 0) -> slice:
    """Return the frames that stand for a window without its context.

    Parameters
    ----------
    past, length
        Samples of context before the window, and of the window.
    hop, first
        Frame t of the network stands for sample ``first + hop * t`` of what it sees.

    Returns
    -------
    slice
        Frames at samples ``past`` to ``past + length``, the last excluded: 90 to 490 for emg2qwerty's 1,800 and 8,000
        at a hop of 20.
    """
    if min(past, length, first) < 0 or hop < 1:
        raise EmgDistillError(f"past={past}, length={length}, first={first}, hop={hop}: >= 0, and hop >= 1")
    start, stop = (max(0, -((first - edge) // hop)) for edge in (past, past + length))
    return slice(start, stop)
