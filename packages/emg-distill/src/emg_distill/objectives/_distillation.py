"""Distillation of a teacher's outputs into a student: classes, events and values."""

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError

from ._classification import check_logits, cross_entropy
from ._rows import (
    Distance,
    distance,
    divergence,
    quiet,
    require_fraction,
    require_positive,
    require_same,
    row_means,
    wide,
)

_SAME_LABELS = "the two models need the same labels in the same order"


def logit_distillation(
    prediction: torch.Tensor,
    teacher_prediction: torch.Tensor,
    target: torch.Tensor,
    *,
    temperature: float = 2.0,
    alpha: float = 0.5,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    r"""Mix of the teacher's softened distribution and the hard labels.

    .. math:: L = \alpha \tau^2 \, \frac{1}{B} \sum_b KL\left(\sigma(t_b / \tau) \,\|\, \sigma(s_b / \tau)\right)
              + (1 - \alpha) \, CE(s, y)

    The factor :math:`\tau^2` keeps the gradient of the soft part at one scale for every temperature. No gradient
    reaches the teacher.

    Parameters
    ----------
    prediction, teacher_prediction
        Logits s and t, tensors of shape (batch, classes), same classes in the same order.
    target
        Int64 tensor of shape (batch,).
    temperature
        Temperature tau, ``> 0``.
    alpha
        Weight of the soft part, in ``[0, 1]``; 0 is plain cross-entropy, 1 uses no label.
    label_smoothing
        Smoothing of the hard part, in ``[0, 1)``.

    Returns
    -------
    Tensor of shape ()
        In nats, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or an option is out of range.

    References
    ----------
    Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural Network, arXiv 1503.02531, section 2.
    """
    check_logits(prediction, target)
    require_fraction("alpha", alpha)
    soft = soft_labels(prediction, teacher_prediction, temperature=temperature)
    hard = cross_entropy(prediction, target, label_smoothing=label_smoothing)
    return alpha * soft + (1.0 - alpha) * hard


def soft_labels(
    prediction: torch.Tensor, teacher_prediction: torch.Tensor, *, temperature: float = 2.0
) -> torch.Tensor:
    r"""Divergence from the teacher's softened distribution, for combination with other objectives.

    .. math:: L = \tau^2 \, \frac{1}{B} \sum_b KL\left(\sigma(t_b / \tau) \,\|\, \sigma(s_b / \tau)\right)

    Parameters
    ----------
    prediction, teacher_prediction
        Logits s and t, tensors of shape (batch, classes), same classes in the same order.
    temperature
        Temperature tau, ``> 0``.

    Returns
    -------
    Tensor of shape ()
        In nats, ``>= 0``; 0 where the logits differ by a constant per row.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or tau is out of range.

    References
    ----------
    Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural Network, arXiv 1503.02531, section 2.
    """
    require_same("prediction", prediction, "teacher_prediction", teacher_prediction, _SAME_LABELS)
    if prediction.ndim != 2:
        raise EmgDistillError(f"logits {tuple(prediction.shape)} must be (batch, classes)")
    return divergence(teacher_prediction, prediction, temperature).mean()


def soft_events(
    prediction: torch.Tensor,
    teacher_prediction: torch.Tensor,
    weight: torch.Tensor | None = None,
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
    student, teacher = _pair(prediction, teacher_prediction, weight)
    learnt, taught = student / temperature, teacher / temperature
    share = taught.sigmoid()
    cross = functional.binary_cross_entropy_with_logits(learnt, share, reduction="none")
    entropy = functional.binary_cross_entropy_with_logits(taught, share, reduction="none")
    return temperature**2 * row_means(cross - entropy, weight).mean()


def soft_values(
    prediction: torch.Tensor,
    teacher_prediction: torch.Tensor,
    weight: torch.Tensor | None = None,
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
    student, teacher = _pair(prediction, teacher_prediction, weight)
    return row_means(distance(student - teacher, loss, beta), weight).mean()


def _pair(
    prediction: torch.Tensor, teacher_prediction: torch.Tensor, weight: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both outputs, 0 where the weight is 0, the teacher's without gradient."""
    require_same("prediction", prediction, "teacher_prediction", teacher_prediction, _SAME_LABELS)
    where = None
    if weight is not None:
        require_same("weight", weight, "prediction", prediction, "(batch, ..., outputs)")
        where = weight > 0
    return wide(quiet(prediction, where)), wide(quiet(teacher_prediction.detach(), where))
