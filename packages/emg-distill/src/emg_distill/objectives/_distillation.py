"""Distillation of a teacher's logits into a student."""

import torch

from emg_distill._errors import EmgDistillError

from ._classification import check_logits, cross_entropy
from ._rows import divergence, require_fraction, require_same


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
    rule = "(batch, classes); the two models need the same labels in the same order"
    require_same("prediction", prediction, "teacher_prediction", teacher_prediction, rule)
    if prediction.ndim != 2:
        raise EmgDistillError(f"logits {tuple(prediction.shape)} must be (batch, classes)")
    return divergence(teacher_prediction, prediction, temperature).mean()
