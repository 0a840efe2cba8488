"""Masks of patches: exact counts, no loop over the batch, functions of uniform numbers."""

import math
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ._errors import EmgDistillError

_ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996 in binary; the floor of the decimal product is meant
_TIE = 1e-13  # orders the patches of one run, far below the distance of two runs' scores


class Draws(Protocol):
    """Where uniform numbers come from; `emg_distill._seeds.SampleDraws` is one."""

    def uniform(self, name: str, *shape: int) -> NDArray[np.float64]:
        """Return numbers in ``[0, 1)``, shape (batch, *shape)."""
        ...


class MaskSettings(Protocol):
    """What a recipe says about masks; `emg_distill._recipe.schema.MaskRecipe` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def ratio(self) -> float: ...
    @property
    def block(self) -> int: ...


def mask_from_recipe(
    recipe: MaskSettings,
    draws: Draws,
    n_chans: int,
    n_patches: int,
    channel_mask: torch.Tensor | None = None,
    *,
    name: str = "patch_mask",
) -> torch.Tensor:
    """Draw the patch masks that a recipe asks for.

    Parameters
    ----------
    recipe
        Kind, ratio and block.
    draws
        Numbers of the examples of the batch: each mask is a function of its example's numbers alone.
    n_chans, n_patches
        Channels of a window and patches of a channel, ``>= 1``.
    channel_mask
        Bool tensor of shape (batch, channels), True where a channel is real. None: all are.
    name
        Name of the draw; other names give other masks.

    Returns
    -------
    Tensor of shape (batch, n_chans * n_patches), bool
        True where a patch is masked, channel-major.

    Raises
    ------
    EmgDistillError
        When the kind is not one of patches or sizes do not fit.
    """
    if recipe.kind == "random":
        scores = torch.from_numpy(draws.uniform(name, n_chans * n_patches))
        return lowest_patch_mask(scores, recipe.ratio, channel_mask)
    if recipe.kind == "block":
        scores = torch.from_numpy(draws.uniform(name, n_chans, n_patches + recipe.block - 1))
        return block_patch_mask(scores, recipe.ratio, recipe.block, channel_mask)
    raise EmgDistillError(f"mask.kind={recipe.kind!r}: patches are hidden by 'random' or 'block'")


def random_patch_mask(
    n_tokens: int,
    ratio: float,
    generator: torch.Generator | None = None,
    *,
    batch_size: int = 1,
    channel_mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Draw a mask with exactly ``floor(ratio * n)`` masked patches in every sample, uniform without replacement.

    Parameters
    ----------
    n_tokens
        Tokens of one sample, channel-major (``channel * n_patches + patch``), ``> 0``.
    ratio
        Share of real patches to mask, in ``[0, 1]``.
    generator
        CPU generator; the same state gives the same mask. None uses torch's global one.
    batch_size
        Number of samples, ``> 0``; ignored when `channel_mask` is given.
    channel_mask
        Bool tensor of shape (batch, channels), True where a channel is real. Patches of padded channels are
        never masked and do not count: ``n`` is the number of patches in real channels.

    Returns
    -------
    Tensor of shape (batch, n_tokens), bool
        True where a patch is masked.

    Raises
    ------
    EmgDistillError
        When the ratio is outside ``[0, 1]``, a size is not positive, or the channels do not divide `n_tokens`.

    Notes
    -----
    The exact count per sample follows TinyMyo (arXiv 2512.15729): half of all patches over all channels and times.

    Examples
    --------
    >>> random_patch_mask(40, 0.5, torch.Generator().manual_seed(0), batch_size=3).sum(1).tolist()
    [20, 20, 20]
    """
    if n_tokens < 1 or batch_size < 1:
        raise EmgDistillError(f"n_tokens={n_tokens}, batch_size={batch_size}: both must be at least 1")
    rows = batch_size if channel_mask is None else len(channel_mask)
    return lowest_patch_mask(torch.rand(rows, n_tokens, generator=generator), ratio, channel_mask)


def lowest_patch_mask(scores: torch.Tensor, ratio: float, channel_mask: torch.Tensor | None = None) -> torch.Tensor:
    """Mask the ``floor(ratio * n)`` real patches with the lowest scores; on ties the first ones.

    Parameters
    ----------
    scores
        Tensor of shape (batch, tokens), finite; independent uniform numbers give every choice the same chance.
    ratio, channel_mask
        As in `random_patch_mask`.

    Returns
    -------
    Tensor of shape (batch, tokens), bool
        True where a patch is masked.

    Raises
    ------
    EmgDistillError
        When the ratio is outside ``[0, 1]`` or the channels do not fit the scores.
    """
    if not 0.0 <= ratio <= 1.0:
        raise EmgDistillError(f"ratio={ratio}: the share of masked patches must lie in [0, 1]")
    count = torch.full((len(scores), 1), math.floor(ratio * scores.shape[1] + _ROUNDING), device=scores.device)
    if channel_mask is not None:
        real = real_tokens(channel_mask.to(scores.device), *scores.shape)
        scores = scores.masked_fill(~real, torch.inf)
        count = torch.floor(ratio * real.sum(1, keepdim=True, dtype=torch.float64) + _ROUNDING)
    rank = scores.argsort(dim=1, stable=True).argsort(dim=1)
    return rank < count


def block_patch_mask(
    scores: torch.Tensor, ratio: float, block: int, channel_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Mask runs of patches within channels until exactly ``floor(ratio * n)`` real patches are hidden.

    Every patch, and each of the ``block - 1`` places before a channel's first, may begin a run. Runs are taken in the
    order of their scores, overlaps allowed; the last one is cut, at either end, to meet the count. So a channel's first
    and last patches are about as likely to be hidden as any other, by runs that the window's border cuts.

    Parameters
    ----------
    scores
        Tensor of shape (batch, channels, patches + block - 1), finite: place i begins a run at patch i - block + 1.
    ratio
        Share of real patches to mask, in ``[0, 1]``.
    block
        Patches of a run, ``>= 1``; 1 is `lowest_patch_mask`.
    channel_mask
        As in `random_patch_mask`.

    Returns
    -------
    Tensor of shape (batch, channels * patches), bool
        True where a patch is masked, channel-major.

    Raises
    ------
    EmgDistillError
        When the ratio or the block is out of range, or shapes do not fit.
    """
    if scores.ndim != 3 or not 1 <= block <= scores.shape[2]:
        raise EmgDistillError(
            f"scores {tuple(scores.shape)} must be (batch, channels, patches + block - 1) with block={block} >= 1"
        )
    first = -functional.max_pool1d(-scores.double(), block, stride=1)  # the score of the run that covers a patch first
    forward = (first * 2**20).floor() % 2 == 0  # a bit of the score says from which end a run is filled
    step = torch.arange(first.shape[2], device=first.device) * _TIE
    return lowest_patch_mask((first + step.where(forward, -step)).flatten(1), ratio, channel_mask)


def real_tokens(channel_mask: torch.Tensor, batch: int, n_tokens: int) -> torch.Tensor:
    """Return which tokens belong to real channels, bool (batch, n_tokens), from a mask (batch, channels)."""
    n_chans = channel_mask.shape[-1]
    if channel_mask.shape != (batch, n_chans) or not n_chans or n_tokens % n_chans:
        raise EmgDistillError(
            f"channel_mask of shape {tuple(channel_mask.shape)} does not fit n_tokens={n_tokens} of {batch} samples: "
            "it must be (batch, channels) and the channels must divide the tokens"
        )
    return channel_mask.bool().repeat_interleave(n_tokens // n_chans, dim=1)
