"""Silent speech: acoustic features, and phonemes beside them."""

from typing import Literal

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError

from ._rows import quiet, real_steps, require_shape, row_means, wide


def speech(
    prediction: torch.Tensor,
    target: torch.Tensor,
    phonemes: torch.Tensor | None = None,
    weight: torch.Tensor | None = None,
    input_lengths: torch.Tensor | None = None,
    *,
    distance: Literal["l1", "l2"] = "l2",
    phoneme_weight: float = 0.5,
) -> torch.Tensor:
    r"""Distance of feature vectors plus a share of the phonemes' cross-entropy.

    .. math:: L = \frac{1}{B}\sum_b \frac{\sum_f w_{bf} \left[\|m_{bf} - t_{bf}\|
              - \lambda \log p_{b, f, k_{bf}}\right]}{\sum_f w_{bf}}

    Parameters
    ----------
    prediction
        Tensor of shape (batch, frames, features + kinds): features m, and logits of the phonemes behind them.
    target
        Features t, for example 26 MFCC, tensor of shape (batch, frames, features).
    phonemes
        Kinds k, integer tensor of shape (batch, frames), values in ``[0, kinds)``. None where no phonemes are known;
        then the prediction holds features alone.
    weight
        How much each frame counts, shape (batch, frames), or (batch, frames, features), whose mean over features is
        taken; ``>= 0``. Frames of weight 0 are inert, NaN included.
    input_lengths
        Frames of each row, integer tensor (batch,); frames beyond are inert.
    distance
        ``"l2"``: Euclidean distance of the vectors. ``"l1"``: mean absolute difference of their entries.
    phoneme_weight
        Lambda, ``>= 0``.

    Returns
    -------
    Tensor of shape ()
        ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes or lengths do not fit, or lambda is negative.

    References
    ----------
    Gaddy and Klein, An Improved Model for Voicing Silent Speech, ACL 2021, section 3.2 (Euclidean distance, auxiliary
    phonemes); lambda 0.5: TinyMyo's protocol, arXiv 2512.15729.
    """
    if phoneme_weight < 0.0:
        raise EmgDistillError(f"phoneme_weight={phoneme_weight} must be >= 0")
    _check(prediction, target, phonemes)
    counts = _frame_weight(weight, input_lengths, target)
    where = None if counts is None else counts > 0
    outputs, wanted = wide(quiet(prediction, where)), wide(quiet(target, where))
    features, logits = outputs[..., : target.shape[2]], outputs[..., target.shape[2] :]
    difference = features - wanted
    loss = torch.linalg.vector_norm(difference, dim=2) if distance == "l2" else difference.abs().mean(2)
    if phonemes is not None:
        kinds = quiet(phonemes, where)
        loss = loss + phoneme_weight * functional.cross_entropy(logits.transpose(1, 2), kinds, reduction="none")
    return row_means(loss, counts).mean()


def _frame_weight(
    weight: torch.Tensor | None, input_lengths: torch.Tensor | None, target: torch.Tensor
) -> torch.Tensor | None:
    """Return the weight of each frame (batch, frames), or None where all count alike."""
    frames = real_steps("input_lengths", input_lengths, target)
    if weight is None:
        return frames
    if weight.ndim == 3:
        require_shape("weight", weight, tuple(target.shape), "(batch, frames, features)")
        weight = weight.mean(2)
    require_shape("weight", weight, tuple(target.shape[:2]), "(batch, frames)")
    return quiet(weight, frames)


def _check(prediction: torch.Tensor, target: torch.Tensor, phonemes: torch.Tensor | None) -> None:
    if prediction.ndim != 3 or target.ndim != 3 or prediction.shape[:2] != target.shape[:2]:
        raise EmgDistillError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} must be "
            "(batch, frames, features + kinds) and (batch, frames, features)"
        )
    kinds = prediction.shape[2] - target.shape[2]
    if (kinds > 0) != (phonemes is not None) or kinds < 0:
        given = "no phonemes" if phonemes is None else "phonemes"
        raise EmgDistillError(
            f"{given} were given, and a prediction of {prediction.shape[2]} outputs for {target.shape[2]} features "
            f"leaves {kinds} kinds: logits and labels of phonemes belong together"
        )
    if phonemes is not None:
        require_shape("phonemes", phonemes, tuple(target.shape[:2]), "(batch, frames)")
