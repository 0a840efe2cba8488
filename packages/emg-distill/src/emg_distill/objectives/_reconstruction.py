"""Masked reconstruction, the pre-training objective of TinyMyo."""

import torch

from emg_distill._errors import EmgDistillError

from ._rows import Distance, distance, quiet, require_shape, row_means, wide


def masked_reconstruction(
    prediction: torch.Tensor,
    target: torch.Tensor,
    patch_mask: torch.Tensor,
    channel_mask: torch.Tensor | None = None,
    patch_size: torch.Tensor | None = None,
    *,
    loss: Distance = "smooth_l1",
    visible_weight: float = 0.1,
    beta: float = 1.0,
) -> torch.Tensor:
    r"""Error of masked patches plus a small share of the visible ones.

    .. math:: L = \frac{1}{B} \sum_b \left[\frac{1}{|M_b|}\sum_{i \in M_b} h(p_i - t_i)
              + w \frac{1}{|V_b|}\sum_{i \in V_b} h(p_i - t_i)\right]

    with :math:`h(d) = d^2 / (2\beta)` for :math:`|d| < \beta` and :math:`|d| - \beta/2` beyond, :math:`|d|` or
    :math:`d^2`. M and V are the masked and the visible samples of a row's real channels; a mean over none is 0.

    Parameters
    ----------
    prediction, target
        Tensors of shape (batch, channels, time), unit of the model's input.
    patch_mask
        Bool tensor of shape (batch, tokens), True where masked; channel-major, tokens a multiple of channels.
    channel_mask
        Bool tensor of shape (batch, channels), True where a channel is real; padded channels count nowhere, whatever
        they hold, NaN included.
    patch_size
        Samples of a patch, integer tensor of shape (); the last patch may be shorter. None: equal patches.
    loss
        Which h: ``"smooth_l1"`` as published, ``"l1"`` or ``"l2"`` (the square).
    visible_weight
        Weight w of the visible part, ``>= 0``.
    beta
        Where the quadratic part of ``"smooth_l1"`` ends, ``> 0``.

    Returns
    -------
    Tensor of shape ()
        Zero for a perfect reconstruction.

    Raises
    ------
    EmgDistillError
        When the shapes do not fit each other or an option is out of range.

    References
    ----------
    TinyMyo, arXiv 2512.15729 (smooth L1, beta 1, weight 0.1); smooth L1: Girshick, Fast R-CNN, ICCV 2015, equation 3.
    The published means run over the whole batch, the same thing when every row has as many masked samples. The
    released code counts padded channels in the visible part; here they are left out.
    """
    if visible_weight < 0.0:
        raise EmgDistillError(f"visible_weight={visible_weight} must be >= 0")
    if prediction.shape != target.shape or prediction.ndim != 3:
        raise EmgDistillError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} "
            "must both be (batch, channels, time)"
        )
    hidden = _samples(patch_mask, prediction.shape, patch_size)
    visible, real = ~hidden, None
    if channel_mask is not None:
        require_shape("channel_mask", channel_mask, tuple(prediction.shape[:2]), "(batch, channels)")
        real = channel_mask.bool()
        hidden, visible = hidden & real[..., None], visible & real[..., None]
    error = distance(wide(quiet(prediction, real)) - wide(quiet(target, real)), loss, beta)
    return (row_means(error, hidden) + visible_weight * row_means(error, visible)).mean()


def _samples(patch_mask: torch.Tensor, shape: torch.Size, patch_size: torch.Tensor | None) -> torch.Tensor:
    """Return the patch mask as (batch, channels, time)."""
    batch, n_chans, n_times = shape
    n_tokens = patch_mask.shape[-1]
    n_patches = n_tokens // max(1, n_chans)
    fits = patch_mask.shape == (batch, n_tokens) and n_tokens == n_chans * n_patches > 0
    size = n_times // max(1, n_patches) if patch_size is None else int(patch_size)
    if not fits or size < 1 or -(-n_times // size) != n_patches or (patch_size is None and n_times % n_patches):
        kind = "equal patches" if patch_size is None else f"patches of {size} samples"
        raise EmgDistillError(
            f"patch_mask {tuple(patch_mask.shape)} does not cut {tuple(shape)} into {kind}: it must be "
            "(batch, channels * patches), and patch_size is needed where patches do not divide time"
        )
    return patch_mask.reshape(batch, n_chans, n_patches).repeat_interleave(size, dim=2)[..., :n_times]
