"""Zeros on purpose: lost electrodes, spans of time, frames inside a model."""

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._seeds import SampleDraws


def drop_channels(x: torch.Tensor, share: float, draws: SampleDraws) -> torch.Tensor:
    """Zero each channel of (batch, channels, time) with probability `share`; all of an example may be gone."""
    gone = torch.from_numpy(draws.uniform("drop_channel", x.shape[1]) < share)
    return x.masked_fill(gone.to(x.device)[:, :, None], 0.0)


def mask_time(
    x: torch.Tensor, share: float, draws: SampleDraws, *, span: int, lengths: torch.Tensor | None = None
) -> torch.Tensor:
    """Zero spans of time in all channels (batch, channels, time); arguments as for `span_masks`."""
    masked = span_masks("time_mask", share, draws, n=x.shape[2], span=span, lengths=lengths)
    return x.masked_fill(masked.to(x.device)[:, None], 0.0)


def span_masks(
    name: str, share: float, draws: SampleDraws, *, n: int, span: int, lengths: torch.Tensor | None = None
) -> torch.Tensor:
    """Return masks made of spans of one length.

    Parameters
    ----------
    name
        Name of the draws.
    share
        Share that would be masked if no spans overlapped, in ``[0, 1]``: there are ``⌊share·length/span⌋`` of them.
    draws
        Numbers of the examples.
    n
        Instants of an example.
    span
        Instants of a span, ``>= 1``.
    lengths
        Shape (batch,) int64: instants of each example that are real; spans lie within. None where all are.

    Returns
    -------
    Tensor of shape (batch, n), bool
        True is masked. Starts are uniform, and spans may overlap.

    References
    ----------
    Training of the scaled Transformers on emg2qwerty: share 0.3, spans of 15 frames, 9 of them at 498 frames.
    """
    most = int(share * n / span)
    start = draws.uniform(name, most)
    size = np.full((len(start), 1), n) if lengths is None else lengths.cpu().numpy()[:, None]
    count = (share * size / span).astype(np.int64)
    first = np.floor(start * np.maximum(size - span + 1, 0)).astype(np.int64)
    width = np.where(np.arange(most) < count, span, 0)
    return torch.from_numpy(covered(first, width, n))


def covered(first: NDArray[np.int64], width: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Return which of n places lie in a span: first and width of shape (rows, spans) to (rows, n) bool."""
    edges = np.zeros((len(first), n + 1), np.int64)
    rows = np.broadcast_to(np.arange(len(first))[:, None], first.shape)
    np.add.at(edges, (rows, first), 1)
    np.add.at(edges, (rows, first + width), -1)
    return np.cumsum(edges[:, :-1], axis=1) > 0
