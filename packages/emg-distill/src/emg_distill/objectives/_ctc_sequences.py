"""Distillation between CTC models by the texts that the teacher reads."""

import torch

from emg_distill._errors import EmgDistillError

from ._ctc import CtcReduction, ctc_rows
from ._rows import real_steps, require_shape


def ctc_sequence_distillation(
    prediction: torch.Tensor,
    teacher_prediction: torch.Tensor,
    teacher_target: torch.Tensor | None = None,
    teacher_target_lengths: torch.Tensor | None = None,
    teacher_target_weight: torch.Tensor | None = None,
    input_lengths: torch.Tensor | None = None,
    *,
    reduction: CtcReduction = "mean",
    zero_infinity: bool = False,
) -> torch.Tensor:
    r"""CTC loss of the teacher's best texts, weighted by how likely the teacher holds them.

    .. math:: L = \frac{1}{B} \sum_b \sum_n \frac{w_{bn}}{\sum_m w_{bm}} \, CTC(s_b, h_{bn})

    With one text per row this is plain training on the teacher's transcript. The two models may have different frames.
    Where no texts are given they are read from the teacher's best path, by `greedy_texts`.

    Parameters
    ----------
    prediction
        Log-probabilities s, tensor of shape (batch, frames, symbols + 1), blank last.
    teacher_prediction
        Log-probabilities of the teacher, tensor of shape (batch, teacher's frames, symbols + 1); looked at where no
        texts are given.
    teacher_target
        Texts h, integer tensor of shape (batch, longest) or (batch, texts, longest); what stands behind an end is
        inert.
    teacher_target_lengths
        Symbols of each text, integer tensor of shape (batch,) or (batch, texts); given together with the texts.
    teacher_target_weight
        Probabilities w of the texts, tensor of shape (batch, texts), ``>= 0``, at least one above 0 per row; a text
        of weight 0 is inert. None: all texts count alike.
    input_lengths
        Frames of each row, integer tensor (batch,); frames beyond are inert. None: all frames.
    reduction, zero_infinity
        As in `ctc`.

    Returns
    -------
    Tensor of shape ()
        In nats, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes or lengths do not fit, a row has no weight, or the best path of a teacher with other frames is
        asked for rows that are not full.

    References
    ----------
    Kim and Rush, Sequence-Level Knowledge Distillation, EMNLP 2016, section 3.2 (mode and n-best approximation of the
    teacher's distribution); for CTC: Takashima et al., ICASSP 2018 (n-best hypotheses with posteriors as weights).
    """
    if teacher_target is None:
        teacher_target, teacher_target_lengths = _read(prediction, teacher_prediction, input_lengths)
    if teacher_target_lengths is None:
        raise EmgDistillError("teacher_target needs teacher_target_lengths: the number of symbols of each text")
    if teacher_target.ndim == 2:
        teacher_target, teacher_target_lengths = teacher_target[:, None], teacher_target_lengths[..., None]
    if teacher_target.ndim != 3:
        raise EmgDistillError(
            f"teacher_target {tuple(teacher_target.shape)} must be (batch, longest) or (batch, texts, longest)"
        )
    shape = (teacher_target.shape[0], teacher_target.shape[1])
    require_shape("teacher_target_lengths", teacher_target_lengths, shape, "(batch, texts)")
    share = _shares(teacher_target_weight, shape, prediction)
    total = prediction.new_zeros(len(prediction), dtype=share.dtype)
    for text in range(shape[1]):
        counts = share[:, text] > 0
        lengths = teacher_target_lengths[:, text].where(counts, 0)
        rows = ctc_rows(prediction, teacher_target[:, text], input_lengths, lengths, reduction, zero_infinity)
        total = total + share[:, text] * rows.where(counts, 0.0)
    return total.mean()


def greedy_texts(
    prediction: torch.Tensor, input_lengths: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the text of the best path: the best symbol of each frame, repeats merged, blanks dropped.

    Parameters
    ----------
    prediction
        Log-probabilities or logits, tensor of shape (batch, frames, symbols + 1), blank last.
    input_lengths
        Frames of each row, integer tensor (batch,). None: all frames.

    Returns
    -------
    tuple of tensors
        Symbols (batch, longest) int64, 0 behind each end, and their numbers (batch,) int64: what
        `ctc_sequence_distillation` takes as ``teacher_target`` and ``teacher_target_lengths``.

    References
    ----------
    Graves et al., Connectionist Temporal Classification, ICML 2006, section 3.2: best path decoding.
    """
    best = prediction.argmax(2)
    before = torch.cat([torch.full_like(best[:, :1], -1), best[:, :-1]], 1)
    kept = (best != prediction.shape[2] - 1) & (best != before)
    real = real_steps("input_lengths", input_lengths, prediction)
    if real is not None:
        kept = kept & real
    lengths = kept.sum(1)
    longest = max(1, int(lengths.max()))
    place = (kept.cumsum(1) - 1).where(kept, longest)  # what is dropped goes into a last column, which is cut off
    texts = best.new_zeros(len(best), longest + 1).scatter_(1, place, best)
    return texts[:, :longest], lengths


def _read(
    prediction: torch.Tensor, teacher_prediction: torch.Tensor, input_lengths: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the teacher's best texts; raise when a teacher with other frames would have to know where rows end."""
    if teacher_prediction.shape[1] == prediction.shape[1]:
        return greedy_texts(teacher_prediction, input_lengths)
    if input_lengths is not None and bool((input_lengths < prediction.shape[1]).any()):
        raise EmgDistillError(
            f"teacher_prediction {tuple(teacher_prediction.shape)} has other frames than prediction "
            f"{tuple(prediction.shape)}, and rows end early: give teacher_target and teacher_target_lengths"
        )
    return greedy_texts(teacher_prediction)


def _shares(weight: torch.Tensor | None, shape: tuple[int, int], prediction: torch.Tensor) -> torch.Tensor:
    """Return the texts' weights, which add up to 1 in each row."""
    kind = torch.promote_types(prediction.dtype, torch.float32)
    if weight is None:
        return torch.full(shape, 1.0 / shape[1], dtype=kind, device=prediction.device)
    require_shape("teacher_target_weight", weight, shape, "(batch, texts)")
    if bool((weight < 0).any()) or not bool((weight.sum(1) > 0).all()):
        raise EmgDistillError("teacher_target_weight must be >= 0, with at least one text above 0 in every row")
    weight = weight.detach().to(kind)
    return weight / weight.sum(1, keepdim=True)
