"""Supervised classification: one class per window, or events over time."""

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError

from ._rows import entry_weight, quiet, require_positive, require_same, row_means, wide


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
    return functional.cross_entropy(wide(prediction), target, label_smoothing=label_smoothing)


def events(
    prediction: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    input_lengths: torch.Tensor | None = None,
    *,
    positive_weight: float = 1.0,
) -> torch.Tensor:
    r"""Mean binary cross-entropy of events that may overlap.

    .. math:: L = -\frac{1}{B}\sum_b \frac{\sum_i w_{bi} \left[q\, y_{bi} \log \sigma(z_{bi})
              + (1 - y_{bi}) \log (1 - \sigma(z_{bi}))\right]}{\sum_i w_{bi}}

    with i over instants and events; a row whose weights are all 0 counts as 0.

    Parameters
    ----------
    prediction
        Logits z, tensor of shape (batch, instants, events).
    target
        Pulses y, float tensor of the same shape, values in ``[0, 1]``.
    weight
        How much each entry counts, same shape, ``>= 0``; entries of weight 0 are inert, NaN included. None: all alike.
    input_lengths
        Frames of each row, integer tensor (batch,), for outputs over time; frames beyond are inert. None: all frames.
    positive_weight
        Factor q on what is to be 1, ``> 0``; above 1 for rare events.

    Returns
    -------
    Tensor of shape ()
        In nats, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or q is out of range.

    References
    ----------
    Kaifosh, Reardon et al., Nature 2025, doi 10.1038/s41586-025-09255-w (masked, q = 1, mean over the batch's entries;
    here over each row's).
    """
    require_same("prediction", prediction, "target", target, "(batch, instants, events)")
    require_positive("positive_weight", positive_weight)
    weight = entry_weight(weight, input_lengths, target)
    where = None if weight is None else weight > 0
    logits, wanted = wide(quiet(prediction, where)), quiet(target, where)
    factor = logits.new_tensor(positive_weight)
    loss = functional.binary_cross_entropy_with_logits(
        logits, wanted.to(logits.dtype), pos_weight=factor, reduction="none"
    )
    return row_means(loss, weight).mean()


def check_logits(logits: torch.Tensor, target: torch.Tensor) -> None:
    """Raise unless logits are (batch, classes) and targets (batch,)."""
    if logits.ndim != 2 or target.shape != logits.shape[:1]:
        raise EmgDistillError(
            f"logits {tuple(logits.shape)} and target {tuple(target.shape)} must be (batch, classes) and (batch,)"
        )
