"""Random changes of training examples: which ones, in which order."""

from dataclasses import replace

import torch

from emg_distill._examples.batch import Batch
from emg_distill._recipe.augment import AugmentRecipe
from emg_distill._seeds import SampleDraws


def augment(batch: Batch, recipe: AugmentRecipe, draws: SampleDraws, sfreq: float) -> Batch:
    """Return a batch with changed copies of its windows.

    Parameters
    ----------
    batch
        Normalised windows of shape (batch, channels, time).
    recipe
        Which changes, and how strong; a recipe of zeros returns `batch` itself.
    draws
        Random numbers of each example. Unused changes draw nothing.
    sfreq
        Rate of the windows in Hz, ``> 0``.

    Returns
    -------
    Batch
        With x of shape (batch, channels, time) on the device of the given one.
    """
    x = batch.x
    if recipe.rotate:
        x = _roll(x, recipe.rotate, 1, draws, "rotate", recipe.rotate_p)
    if recipe.shift:
        x = _roll(x, recipe.shift, 2, draws, "shift")
    factor = _factors(x.shape[1], recipe, draws)
    if factor is not None:
        x = x * factor.to(x.device)
    if recipe.noise:
        x = x + recipe.noise * torch.from_numpy(draws.normal("noise", *x.shape[1:])).to(x.device)
    return batch if x is batch.x else replace(batch, x=x)


def _roll(x: torch.Tensor, reach: int, axis: int, draws: SampleDraws, name: str, share: float = 1.0) -> torch.Tensor:
    """Roll a share of the windows along an axis, each by its own amount in ``-reach .. reach``."""
    size = x.shape[axis]
    amount = torch.from_numpy(draws.integers(name, -reach, reach, 1))
    if share < 1.0:
        amount = amount * torch.from_numpy(draws.uniform(f"{name}_p", 1) < share)
    index = ((torch.arange(size) - amount) % size).to(x.device)
    index = index[:, :, None] if axis == 1 else index[:, None, :]
    return x.gather(axis, index.expand_as(x))


def _factors(n_chans: int, recipe: AugmentRecipe, draws: SampleDraws) -> torch.Tensor | None:
    """Return the product of all factors per window and channel, shape (n, channels or 1, 1); None when all are off."""
    factors = []
    if recipe.gain:
        factors.append(1.0 + recipe.gain * (2.0 * draws.uniform("gain", 1, 1) - 1.0))
    if recipe.channel_gain:
        factors.append(1.0 + recipe.channel_gain * (2.0 * draws.uniform("channel_gain", n_chans, 1) - 1.0))
    if recipe.flip:
        factors.append(1.0 - 2.0 * (draws.uniform("flip", 1, 1) < recipe.flip))
    if recipe.drop_channel:
        factors.append((draws.uniform("drop_channel", n_chans, 1) >= recipe.drop_channel).astype(float))
    product = None
    for factor in factors:
        product = factor if product is None else product * factor
    return None if product is None else torch.from_numpy(product).float()
