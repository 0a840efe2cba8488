"""Patch masks for masked reconstruction: exact counts, no loop over the batch."""

import math

import torch

from ._errors import EmgDistillError

_ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996 in binary; the floor of the decimal product is meant


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
    if not 0.0 <= ratio <= 1.0:
        raise EmgDistillError(f"ratio={ratio}: the share of masked patches must lie in [0, 1]")
    if n_tokens < 1 or batch_size < 1:
        raise EmgDistillError(f"n_tokens={n_tokens}, batch_size={batch_size}: both must be at least 1")
    if channel_mask is None:
        noise = torch.rand(batch_size, n_tokens, generator=generator)
        masked = noise.argsort(dim=1, stable=True)[:, : math.floor(ratio * n_tokens + _ROUNDING)]
        return torch.zeros(batch_size, n_tokens, dtype=torch.bool).scatter_(1, masked, value=True)
    real = _real_tokens(channel_mask, n_tokens)
    noise = torch.rand(real.shape, generator=generator).masked_fill(~real, math.inf)
    rank = noise.argsort(dim=1, stable=True).argsort(dim=1)
    count = torch.floor(ratio * real.sum(1, dtype=torch.float64) + _ROUNDING)
    return rank < count[:, None]


def _real_tokens(channel_mask: torch.Tensor, n_tokens: int) -> torch.Tensor:
    n_chans = channel_mask.shape[-1]
    if channel_mask.ndim != 2 or n_chans == 0 or n_tokens % n_chans:
        raise EmgDistillError(
            f"channel_mask of shape {tuple(channel_mask.shape)} does not fit n_tokens={n_tokens}: "
            "it must be (batch, channels) and the channels must divide the tokens"
        )
    return channel_mask.cpu().bool().repeat_interleave(n_tokens // n_chans, dim=1)
