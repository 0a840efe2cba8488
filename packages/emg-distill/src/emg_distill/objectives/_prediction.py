"""Prediction of a momentum teacher's features at hidden tokens, as data2vec does."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError
from emg_distill._masks import real_tokens

from ._rows import Distance, distance, quiet, require_same, require_shape, row_means, wide


def feature_prediction(
    projected: torch.Tensor,
    teacher_features: torch.Tensor,
    patch_mask: torch.Tensor,
    channel_mask: torch.Tensor | None = None,
    *,
    loss: Distance = "smooth_l1",
    beta: float = 1.0,
) -> torch.Tensor:
    r"""Mean distance of predicted from target features at the hidden tokens.

    .. math:: L = \frac{1}{B} \sum_b \frac{1}{|M_b| \, d} \sum_{i \in M_b} \sum_{j} h(p_{bij} - t_{bij})

    with M the hidden tokens of real channels; a row without any counts as 0.

    Parameters
    ----------
    projected
        Predictions p of the student, which sees the masked window, tensor of shape (batch, tokens, width).
    teacher_features
        Targets t from the teacher, which sees the whole window, same shape: see `feature_target`. No gradient reaches
        them.
    patch_mask
        Bool tensor of shape (batch, tokens), True where the student's token was hidden.
    channel_mask
        Bool tensor of shape (batch, channels), True where a channel is real; tokens are channel-major. Tokens of padded
        channels count nowhere, whatever they hold, NaN included.
    loss
        Which h: ``"smooth_l1"`` (data2vec), ``"l2"`` (data2vec 2.0, the square) or ``"l1"``.
    beta
        Where the quadratic part of ``"smooth_l1"`` ends, ``> 0``.

    Returns
    -------
    Tensor of shape ()
        ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or beta is out of range.

    References
    ----------
    Baevski et al., data2vec, ICML 2022, arXiv 2202.03555, equation 2; data2vec 2.0, arXiv 2212.07525.
    """
    require_same("projected", projected, "teacher_features", teacher_features, "(batch, tokens, width)")
    require_shape("patch_mask", patch_mask, tuple(projected.shape[:2]), "(batch, tokens)")
    hidden = patch_mask
    if channel_mask is not None:
        hidden = patch_mask & real_tokens(channel_mask, *patch_mask.shape)
    difference = wide(quiet(projected, hidden)) - wide(quiet(teacher_features.detach(), hidden))
    return row_means(distance(difference, loss, beta).mean(2), hidden).mean()


def feature_target(layers: Sequence[torch.Tensor], top: int) -> torch.Tensor:
    r"""Return the mean of a teacher's last layers, each normalised per token.

    .. math:: t = \frac{1}{K} \sum_{l > L - K} \frac{a_l - \text{mean}(a_l)}{\sqrt{\text{var}(a_l) + 10^{-5}}}

    Parameters
    ----------
    layers
        Outputs a of the blocks, first to last, tensors of one shape (batch, tokens, width).
    top
        Number K of last layers to average, ``1 <= K <= len(layers)``.

    Returns
    -------
    Tensor of shape (batch, tokens, width)
        Without gradient, float32 (float64 where the layers are).

    Raises
    ------
    EmgDistillError
        When K is out of range or the layers have different shapes.

    References
    ----------
    Baevski et al., data2vec, arXiv 2202.03555, section 3.3: normalised block outputs, averaged over the top K.
    """
    if not 1 <= top <= len(layers):
        raise EmgDistillError(f"top={top}: between 1 and {len(layers)} layers can be averaged")
    for layer in layers[-top:]:
        require_same("a layer", layer, "the last one", layers[-1], "(batch, tokens, width)")
    width = layers[-1].shape[-1]
    normal = [functional.layer_norm(wide(layer.detach()), (width,)) for layer in layers[-top:]]
    return torch.stack(normal).mean(0)
