"""Distillation of a teacher's events and values over time."""

import torch
from torch.nn import functional

from ._rows import Distance, distance, entry_weight, quiet, require_positive, require_same, row_means, wide


def soft_events(
    prediction: torch.Tensor,
    teacher_prediction: torch.Tensor,
    weight: torch.Tensor | None = None,
    input_lengths: torch.Tensor | None = None,
    *,
    temperature: float = 1.0,
) -> torch.Tensor:
    r"""Divergence from the teacher's probability of each event.

    .. math:: L = \frac{\tau^2}{B} \sum_b \frac{\sum_i w_{bi} \, KL\left(\sigma(t_{bi} / \tau) \,\|\,
              \sigma(s_{bi} / \tau)\right)}{\sum_i w_{bi}}

    with KL between two Bernoulli distributions, i over instants and events.

    Parameters
    ----------
    prediction, teacher_prediction
        Logits s and t, tensors of shape (batch, instants, events).
    weight
        How much each entry counts, same shape, ``>= 0``; entries of weight 0 are inert, NaN included. None: all alike.
    input_lengths
        Frames of each row, integer tensor (batch,), for outputs over time; frames beyond are inert. None: all frames.
    temperature
        Temperature tau, ``> 0``.

    Returns
    -------
    Tensor of shape ()
        In nats, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or tau is out of range.

    References
    ----------
    Hinton, Vinyals, Dean, arXiv 1503.02531, section 2, for two outcomes.
    """
    require_positive("temperature", temperature)
    student, teacher, weight = _pair(prediction, teacher_prediction, weight, input_lengths)
    learnt, taught = student / temperature, teacher / temperature
    share = taught.sigmoid()
    cross = functional.binary_cross_entropy_with_logits(learnt, share, reduction="none")
    entropy = functional.binary_cross_entropy_with_logits(taught, share, reduction="none")
    return temperature**2 * row_means(cross - entropy, weight).mean()


def soft_values(
    prediction: torch.Tensor,
    teacher_prediction: torch.Tensor,
    weight: torch.Tensor | None = None,
    input_lengths: torch.Tensor | None = None,
    *,
    loss: Distance = "l2",
    beta: float = 1.0,
) -> torch.Tensor:
    r"""Mean distance from the teacher's values, for regression.

    .. math:: L = \frac{1}{B} \sum_b \frac{\sum_i w_{bi} h(s_{bi} - t_{bi})}{\sum_i w_{bi}}

    Parameters
    ----------
    prediction, teacher_prediction
        Values s and t, tensors of one shape (batch, ..., outputs).
    weight
        How much each entry counts, same shape, ``>= 0``; entries of weight 0 are inert, NaN included. None: all alike.
    input_lengths
        Frames of each row, integer tensor (batch,), for outputs over time; frames beyond are inert. None: all frames.
    loss
        Which h: ``"l2"`` (the square), ``"l1"`` or ``"smooth_l1"``.
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
    Ba and Caruana, Do Deep Nets Really Need to be Deep?, NeurIPS 2014, equation 1.
    """
    student, teacher, weight = _pair(prediction, teacher_prediction, weight, input_lengths)
    return row_means(distance(student - teacher, loss, beta), weight).mean()


def _pair(
    prediction: torch.Tensor,
    teacher_prediction: torch.Tensor,
    weight: torch.Tensor | None,
    input_lengths: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Return both outputs, 0 where nothing counts, the teacher's without gradient, and how much each entry counts."""
    rule = "(batch, ..., outputs); the two models need the same outputs in the same order"
    require_same("prediction", prediction, "teacher_prediction", teacher_prediction, rule)
    weight = entry_weight(weight, input_lengths, prediction)
    where = None if weight is None else weight > 0
    return wide(quiet(prediction, where)), wide(quiet(teacher_prediction.detach(), where)), weight
