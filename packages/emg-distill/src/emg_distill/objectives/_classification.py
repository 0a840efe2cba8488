"""Supervised classification."""

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError


def cross_entropy(prediction: torch.Tensor, target: torch.Tensor, *, label_smoothing: float = 0.0) -> torch.Tensor:
    r"""Mean cross-entropy against smoothed labels.

    .. math:: L = -\frac{1}{B}\sum_b \left[(1 - \epsilon) \log p_{b, y_b}
              + \frac{\epsilon}{K} \sum_k \log p_{b, k}\right]

    Parameters
    ----------
    prediction
        Logits, tensor of shape (batch, classes).
    target
        Int64 tensor of shape (batch,), values in ``[0, classes)``.
    label_smoothing
        Share epsilon that is spread evenly over all classes, in ``[0, 1)``.

    Returns
    -------
    Tensor of shape ()
        In nats, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or epsilon is out of range.

    References
    ----------
    Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, section 7.
    """
    check_logits(prediction, target)
    if not 0.0 <= label_smoothing < 1.0:
        raise EmgDistillError(f"label_smoothing={label_smoothing}: it must lie in [0, 1)")
    return functional.cross_entropy(prediction, target, label_smoothing=label_smoothing)


def check_logits(logits: torch.Tensor, target: torch.Tensor) -> None:
    """Raise unless logits are (batch, classes) and targets (batch,)."""
    if logits.ndim != 2 or target.shape != logits.shape[:1]:
        raise EmgDistillError(
            f"logits {tuple(logits.shape)} and target {tuple(target.shape)} must be (batch, classes) and (batch,)"
        )
