"""Masked reconstruction, the pre-training objective of TinyMyo."""

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError


def masked_reconstruction(
    prediction: torch.Tensor,
    target: torch.Tensor,
    patch_mask: torch.Tensor,
    channel_mask: torch.Tensor | None = None,
    *,
    visible_weight: float = 0.1,
    beta: float = 1.0,
) -> torch.Tensor:
    r"""Smooth-L1 error of masked patches plus a small share of the visible ones.

    .. math:: L = \frac{1}{|M|}\sum_{i \in M} h(p_i - t_i) + w \frac{1}{|V|}\sum_{i \in V} h(p_i - t_i)

    with :math:`h(d) = d^2 / (2\beta)` for :math:`|d| < \beta` and :math:`|d| - \beta/2` beyond. M and V are the masked
    and the visible samples of real channels; a mean over an empty set is 0.

    Parameters
    ----------
    prediction, target
        Tensors of shape (batch, channels, time), unit of the model's input.
    patch_mask
        Bool tensor of shape (batch, tokens), True where masked; channel-major, tokens a multiple of channels.
    channel_mask
        Bool tensor of shape (batch, channels), True where a channel is real; padded channels count nowhere.
    visible_weight
        Weight w of the visible part, ``>= 0``.
    beta
        Where the quadratic part ends, ``> 0``.

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
    TinyMyo, arXiv 2512.15729 (beta 1, weight 0.1); smooth L1: Girshick, Fast R-CNN, ICCV 2015, equation 3. The
    released code counts padded channels in the visible part; here they are left out.
    """
    if visible_weight < 0.0 or beta <= 0.0:
        raise EmgDistillError(f"visible_weight={visible_weight} must be >= 0 and beta={beta} must be > 0")
    patch_mask = _checked(prediction, target, patch_mask, channel_mask)
    error = functional.smooth_l1_loss(prediction, target, reduction="none", beta=beta)
    patch_error = error.reshape(*patch_mask.shape, -1).mean(-1)
    visible = ~patch_mask
    if channel_mask is not None:
        real = channel_mask[..., None]
        patch_mask, visible = patch_mask & real, visible & real
    return _mean_over(patch_error, patch_mask) + visible_weight * _mean_over(patch_error, visible)


def _mean_over(values: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    return values.where(where, 0.0).sum() / where.sum().clamp(min=1)


def _checked(
    prediction: torch.Tensor, target: torch.Tensor, patch_mask: torch.Tensor, channel_mask: torch.Tensor | None
) -> torch.Tensor:
    """Return the patch mask as (batch, channels, patches) after checking every shape against the others."""
    if prediction.shape != target.shape or prediction.ndim != 3:
        raise EmgDistillError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} "
            "must both be (batch, channels, time)"
        )
    batch, n_chans, n_times = prediction.shape
    n_tokens = patch_mask.shape[-1]
    if patch_mask.shape != (batch, n_tokens) or n_tokens % n_chans or n_times % max(1, n_tokens // n_chans):
        raise EmgDistillError(
            f"patch_mask {tuple(patch_mask.shape)} does not cut {tuple(prediction.shape)} into equal patches: "
            "it must be (batch, channels * patches) with patches dividing time"
        )
    if channel_mask is not None and channel_mask.shape != (batch, n_chans):
        raise EmgDistillError(
            f"channel_mask {tuple(channel_mask.shape)} must be (batch, channels) = {(batch, n_chans)}"
        )
    return patch_mask.reshape(batch, n_chans, -1)
