"""Random changes of training windows, drawn for the whole batch at once from one generator."""

import torch

from emg_distill._recipe.schema import AugmentRecipe


def augment(x: torch.Tensor, recipe: AugmentRecipe, generator: torch.Generator) -> torch.Tensor:
    """Return changed copies of windows.

    Parameters
    ----------
    x
        Normalised windows of shape (batch, channels, time).
    recipe
        Which changes, and how strong; a recipe of zeros returns `x` itself.
    generator
        CPU generator. The result is a function of its state and of `x`; unused changes draw nothing.

    Returns
    -------
    Tensor of shape (batch, channels, time)
        On the device of `x`.
    """
    if recipe.rotate:
        x = _roll(x, recipe.rotate, 1, generator, recipe.rotate_p)
    if recipe.shift:
        x = _roll(x, recipe.shift, 2, generator)
    factor = _factors(x.shape[0], x.shape[1], recipe, generator)
    if factor is not None:
        x = x * factor.to(x.device)
    if recipe.noise:
        x = x + recipe.noise * torch.randn(x.shape, generator=generator).to(x.device)
    return x


def _roll(x: torch.Tensor, reach: int, axis: int, generator: torch.Generator, share: float = 1.0) -> torch.Tensor:
    """Roll a share of the windows along an axis, each by its own amount in ``-reach .. reach``."""
    size = x.shape[axis]
    amount = torch.randint(-reach, reach + 1, (len(x), 1), generator=generator)
    if share < 1.0:
        amount = amount * (torch.rand(len(x), 1, generator=generator) < share)
    index = ((torch.arange(size) - amount) % size).to(x.device)
    index = index[:, :, None] if axis == 1 else index[:, None, :]
    return x.gather(axis, index.expand_as(x))


def _factors(n: int, n_chans: int, recipe: AugmentRecipe, generator: torch.Generator) -> torch.Tensor | None:
    """Return the product of all factors per window and channel, shape (n, channels or 1, 1); None when all are off."""
    factors = []
    if recipe.gain:
        factors.append(1.0 + recipe.gain * (2.0 * torch.rand(n, 1, 1, generator=generator) - 1.0))
    if recipe.channel_gain:
        factors.append(1.0 + recipe.channel_gain * (2.0 * torch.rand(n, n_chans, 1, generator=generator) - 1.0))
    if recipe.flip:
        factors.append(1.0 - 2.0 * (torch.rand(n, 1, 1, generator=generator) < recipe.flip).float())
    if recipe.drop_channel:
        factors.append((torch.rand(n, n_chans, 1, generator=generator) >= recipe.drop_channel).float())
    product = None
    for factor in factors:
        product = factor if product is None else product * factor
    return product
