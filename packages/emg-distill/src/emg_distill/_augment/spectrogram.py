"""SpecAugment: masks over frames and bins of a spectrogram, given as such or inside a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.augment import AugmentRecipe
from emg_distill._seeds import SampleDraws

from .masking import covered


def spec_augment(x: torch.Tensor, recipe: AugmentRecipe, draws: SampleDraws) -> torch.Tensor:
    """Zero random runs of frames and of bins, drawn per example and channel.

    Parameters
    ----------
    x
        Shape (batch, channels, bins, frames).
    recipe
        `spec_time_masks`, `spec_time_width`, `spec_freq_masks`, `spec_freq_width`.
    draws
        Numbers of the examples.

    Returns
    -------
    Tensor of the shape of x
        x itself when no mask is asked for. Masked values are 0.0, not the mean.

    References
    ----------
    Park et al., Interspeech 2019, with counts and fill of emg2qwerty (released code): 0-3 masks of up to 25 frames and
    0-2 of up to 4 bins, per wrist and electrode.
    """
    n, n_chans, bins, frames = x.shape
    masked = x
    for axis, size, most, reach in (
        ("time", frames, recipe.spec_time_masks, recipe.spec_time_width),
        ("freq", bins, recipe.spec_freq_masks, recipe.spec_freq_width),
    ):
        if most and reach:
            hidden = torch.from_numpy(_runs(draws, axis, n_chans, size, most, reach)).to(x.device)
            hidden = hidden.view(n, n_chans, size)
            hidden = hidden[:, :, None, :] if axis == "time" else hidden[:, :, :, None]
            masked = x.masked_fill(hidden, 0.0) if masked is x else masked.masked_fill_(hidden, 0.0)
    return masked


@contextmanager
def masked_spectrograms(model: nn.Module, recipe: AugmentRecipe, draws: SampleDraws) -> Iterator[None]:
    """Apply `spec_augment` to the spectrograms that a model computes inside, while the context is open.

    Parameters
    ----------
    model
        Its submodules called ``spectrogram`` return (batch, channels, bins, frames).
    recipe
        When it asks for no masks, nothing happens.
    draws
        Numbers of the examples of the one batch that goes through.

    Raises
    ------
    EmgDistillError
        When masks are asked for and the model has no such submodule.
    """
    if not (recipe.spec_time_masks and recipe.spec_time_width) and not (
        recipe.spec_freq_masks and recipe.spec_freq_width
    ):
        yield
        return
    found = [module for name, module in model.named_modules() if name.split(".")[-1] == "spectrogram"]
    if not found:
        raise EmgDistillError(
            f"augment.spec_time_masks={recipe.spec_time_masks}, spec_freq_masks={recipe.spec_freq_masks}: "
            f"{type(model).__name__} computes no spectrogram; set both to 0, or choose a model with one"
        )

    def hook(_module: nn.Module, _inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        return spec_augment(output, recipe, draws)

    handles = [module.register_forward_hook(hook) for module in found]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _runs(draws: SampleDraws, axis: str, n_chans: int, size: int, most: int, reach: int) -> NDArray[np.bool_]:
    """Return hidden places, (batch·channels, size) bool."""
    count = draws.integers(f"spec_{axis}_count", 0, most, n_chans, 1)
    width = np.minimum(draws.integers(f"spec_{axis}_width", 0, reach, n_chans, most), size)
    first = np.floor(draws.uniform(f"spec_{axis}_start", n_chans, most) * (size - width + 1)).astype(np.int64)
    width = np.where(np.arange(most) < count, width, 0)
    return covered(first.reshape(-1, most), width.reshape(-1, most), size)
