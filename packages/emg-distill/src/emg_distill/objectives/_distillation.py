"""Distillation of a teacher's logits into a student."""

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError

from ._classification import check_logits, cross_entropy


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
        Logits, tensors of shape (batch, classes), same classes in the same order.
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
    if teacher_prediction.shape != prediction.shape:
        raise EmgDistillError(
            f"teacher_prediction {tuple(teacher_prediction.shape)} and prediction {tuple(prediction.shape)} must have "
            "the same shape: the two models need the same labels in the same order"
        )
    if temperature <= 0.0 or not 0.0 <= alpha <= 1.0:
        raise EmgDistillError(f"temperature={temperature} must be > 0 and alpha={alpha} must lie in [0, 1]")
    soft = functional.kl_div(
        functional.log_softmax(prediction / temperature, dim=1),
        functional.log_softmax(teacher_prediction.detach() / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    hard = cross_entropy(prediction, target, label_smoothing=label_smoothing)
    return alpha * temperature**2 * soft + (1.0 - alpha) * hard
