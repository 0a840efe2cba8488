"""Distillation between CTC models, frame by frame: blanks and late spikes are dealt with here."""

from typing import Literal

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError

from ._rows import divergence, quiet, real_steps, require_same, row_means, wide

Alignment = Literal["frames", "shift", "window"]


def ctc_distillation(
    prediction: torch.Tensor,
    teacher_prediction: torch.Tensor,
    input_lengths: torch.Tensor | None = None,
    *,
    temperature: float = 1.0,
    blank_weight: float = 1.0,
    alignment: Alignment = "frames",
    max_shift: int = 0,
) -> torch.Tensor:
    r"""Divergence from the teacher's distribution over symbols and blank at each frame.

    .. math:: L = \frac{\tau^2}{B} \sum_b \frac{\sum_{f < F_b} w_{bf} \,
              KL\left(\sigma(\log t_{bf} / \tau) \,\|\, \sigma(\log s_{b, f + d} / \tau)\right)}{\sum_f w_{bf}}, \quad
              w = 1 - (1 - \beta) \, t_{blank}

    The shift d is 0 with ``alignment="frames"``. With ``"shift"`` it is the one shift of the row, at most `max_shift`
    and half of the row's frames, that gives the least L; frames without a partner drop out. With ``"window"`` every
    frame of the teacher has its own shift of at most `max_shift`, the one with the least divergence. No gradient
    reaches the teacher, nor the choice of shifts.

    Parameters
    ----------
    prediction, teacher_prediction
        Log-probabilities s and t, tensors of one shape (batch, frames, symbols + 1), blank last.
    input_lengths
        Frames F of each row, integer tensor (batch,); frames beyond are inert, NaN included. None: all frames.
    temperature
        Temperature tau, ``> 0``.
    blank_weight
        Weight beta of a frame that the teacher is sure is blank, ``>= 0``: 1 counts all frames alike, 0 leaves the
        blank ones out in the measure of the teacher's certainty.
    alignment
        How frames of the two find each other.
    max_shift
        Greatest shift in frames, ``>= 1`` where frames may shift, else 0; positive shifts mean a late student.

    Returns
    -------
    Tensor of shape ()
        In nats, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When the models have different frames, or an option is out of range.

    References
    ----------
    Hinton et al., arXiv 1503.02531, per frame. CTC models spike at arbitrary, different frames: Kurata and Audhkhasi,
    Guiding CTC Posterior Spike Timings, arXiv 1904.08311; the two alignments here are ours, for students that see less
    of the future than their teacher. Selection of frames by blank: Hilmes et al., arXiv 2506.01503; the smooth weight
    is ours.
    """
    _check(prediction, teacher_prediction)
    if blank_weight < 0.0:
        raise EmgDistillError(f"blank_weight={blank_weight} must be >= 0")
    _check_shift(alignment, max_shift, prediction.shape[1])
    real = real_steps("input_lengths", input_lengths, prediction)
    student, teacher = quiet(wide(prediction), real), quiet(wide(teacher_prediction.detach()), real)
    weight = 1.0 - (1.0 - blank_weight) * functional.softmax(teacher, dim=2)[..., -1]
    weight = quiet(weight, real)
    if alignment == "frames":
        return row_means(divergence(teacher, student, temperature), weight).mean()
    costs = torch.stack([_shifted(teacher, student, real, temperature, d) for d in _shifts(max_shift)])
    if alignment == "window":
        return row_means(quiet(costs.amin(0), real), weight).mean()
    return _best_shift(costs, weight, real).mean()


def blank_divergence(
    prediction: torch.Tensor,
    teacher_prediction: torch.Tensor,
    input_lengths: torch.Tensor | None = None,
    *,
    temperature: float = 1.0,
) -> dict[str, torch.Tensor]:
    """Return what blank and other frames add to the frame-wise divergence, and how many are not blank.

    Parameters
    ----------
    prediction, teacher_prediction, input_lengths, temperature
        As in `ctc_distillation`.

    Returns
    -------
    dict
        Scalars, means over rows: ``blank`` and ``spikes``, which add up to the divergence of all frames counted alike,
        and ``spike_share``, the share of frames at which a symbol is the teacher's first choice. Divided by its share,
        a part is the mean over its frames.
    """
    real = real_steps("input_lengths", input_lengths, prediction)
    student, teacher = quiet(wide(prediction), real), quiet(wide(teacher_prediction), real)
    cost = divergence(teacher, student, temperature)
    spike = teacher.argmax(2) != teacher.shape[2] - 1
    parts = {"blank": cost * ~spike, "spikes": cost * spike, "spike_share": spike.to(cost.dtype)}
    return {name: row_means(values, real).mean() for name, values in parts.items()}


def _shifts(max_shift: int) -> list[int]:
    """Return all shifts, small ones first, so that ties go to them."""
    return sorted(range(-max_shift, max_shift + 1), key=abs)


def _shifted(
    teacher: torch.Tensor, student: torch.Tensor, real: torch.Tensor | None, temperature: float, shift: int
) -> torch.Tensor:
    """Return the divergence of teacher's frame f from student's frame f + shift, infinite where there is none."""
    frames = teacher.shape[1]
    first, last = max(0, -shift), frames - max(0, shift)
    cost = divergence(teacher[:, first:last], student[:, first + shift : last + shift], temperature)
    if real is not None:
        cost = cost.masked_fill(~(real[:, first:last] & real[:, first + shift : last + shift]), torch.inf)
    return functional.pad(cost, (first, frames - last), value=torch.inf)


def _best_shift(costs: torch.Tensor, weight: torch.Tensor, real: torch.Tensor | None) -> torch.Tensor:
    """Return each row's least mean over shifts (shift, batch, frames) that keep half of its frames."""
    partner = costs.isfinite()
    frames = torch.full_like(weight[:, 0], weight.shape[1]) if real is None else real.sum(1)
    means = torch.stack([row_means(quiet(cost, has), weight * has) for cost, has in zip(costs, partner, strict=True)])
    means = means.masked_fill(partner.sum(2) * 2 < frames, torch.inf)
    return means.amin(0)


def _check(prediction: torch.Tensor, teacher_prediction: torch.Tensor) -> None:
    rule = "(batch, frames, symbols + 1); models with one frame rate, one window and one alphabet match frame by frame"
    require_same("prediction", prediction, "teacher_prediction", teacher_prediction, rule)
    if prediction.ndim != 3:
        raise EmgDistillError(f"prediction {tuple(prediction.shape)} must be (batch, frames, symbols + 1)")


def _check_shift(alignment: Alignment, max_shift: int, frames: int) -> None:
    if alignment == "frames" and max_shift != 0:
        raise EmgDistillError(f"max_shift={max_shift} has no effect with alignment='frames': leave it out")
    if alignment != "frames" and not 1 <= max_shift < frames:
        raise EmgDistillError(
            f"max_shift={max_shift}: alignment={alignment!r} needs at least 1 and less than the {frames} frames"
        )
