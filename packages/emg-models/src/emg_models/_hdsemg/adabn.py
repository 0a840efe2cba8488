"""Adaptive batch normalisation: the statistics of a new person, session or day, without labels."""

import copy
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from emg_models._checks import require_count, require_flag
from emg_models._errors import EmgModelsError

from .norm import SourceBatchNorm

__all__ = ["adapt_batchnorm"]

M = TypeVar("M", bound=nn.Module)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def adapt_batchnorm(
    model: M, frames: Tensor, *, passes: int = 10, batch: int = 1000, seed: int = 0, fresh: bool = False
) -> M:
    """Return a copy of `model` whose running statistics have seen unlabelled `frames`.

    **Transductive** where `frames` are the test frames, as in the published protocols: such a number has seen the whole
    test set, without its labels, and must say so. Frames of a calibration part that is disjoint from the test make it
    an honest forecast.

    Dropout is off; the batch normalisations run as in training, so that their running mean and variance move by their
    momentum with every batch; no weight changes. Frames are sorted before they are shuffled: the result depends on the
    set of frames and the seed, not on their order. Each pass leaves out the frames that do not fill a batch.

    Parameters
    ----------
    model : Module
        With batch normalisation, a grid network (``batch_norm=True``) or any other; left as it is.
    frames : Tensor, shape (n, ...)
        Examples as `model` takes them, n >= 2. Batches are moved to the device of the model.
    passes : int
        Passes over all frames, >= 1; 10 as published.
    batch : int
        Frames per batch, >= 2; all frames in one where there are fewer.
    seed : int
        Of the shuffling, >= 0.
    fresh : bool
        Forget the running statistics of `model` first, as when a universal network is fine-tuned.

    Returns
    -------
    Module
        In evaluation mode.

    Raises
    ------
    EmgModelsError
        There is nothing to adapt or to adapt to, a frame is not finite, or a value is outside its range.

    References
    ----------
    Du 2017 (Sensors 17:458), released code.
    """
    require_count("passes", passes)
    require_count("batch", batch, 2)
    require_count("seed", seed, 0, most=2**63)
    require_flag("fresh", fresh)
    ordered = _canonical(frames)
    adapted = copy.deepcopy(model).eval()
    norms = [module for module in adapted.modules() if isinstance(module, BATCH_NORMS) and module.track_running_stats]
    if not norms:
        raise EmgModelsError(
            f"{type(model).__name__} has no batch normalisation to adapt; grid networks have it with batch_norm=True"
        )
    for norm in norms:
        norm.train()
        if isinstance(norm, SourceBatchNorm):
            norm.sources = 1
        if fresh:
            norm.reset_running_stats()
    _run(adapted, ordered, passes, min(batch, len(ordered)), seed)
    return adapted.eval()


@torch.no_grad()
def _run(model: nn.Module, frames: Tensor, passes: int, batch: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    device = next(model.buffers()).device
    for _ in range(passes):
        order = torch.randperm(len(frames), generator=generator)
        for start in range(0, len(frames) - batch + 1, batch):
            model(frames[order[start : start + batch]].to(device))


def _canonical(frames: Tensor) -> Tensor:
    """Return checked `frames` on the CPU, sorted by their bytes."""
    if not isinstance(frames, Tensor):
        raise EmgModelsError(f"frames of type {type(frames).__name__}: a Tensor is required; use torch.from_numpy")
    if frames.ndim < 2 or len(frames) < 2 or not frames.is_floating_point():
        raise EmgModelsError(
            f"frames of shape {tuple(frames.shape)} and {frames.dtype}: at least two floating point examples "
            "(n, ...) are required"
        )
    if not bool(frames.isfinite().all()):
        raise EmgModelsError("frames hold NaN or infinity, which no running statistic forgets; repair them first")
    values = frames.detach().cpu()
    rows = values.flatten(1).double().contiguous().numpy()
    keys = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
    return values[torch.from_numpy(np.argsort(keys, kind="stable"))]
