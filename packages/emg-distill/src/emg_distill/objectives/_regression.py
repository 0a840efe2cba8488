"""Supervised regression: values of a window, or of each of its instants."""

import math
from typing import Literal

import torch

from ._rows import Distance, distance, entry_weight, quiet, require_same, row_means, wide


def l1(
    prediction: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    input_lengths: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""Mean absolute error.

    .. math:: L = \frac{1}{B}\sum_b \frac{\sum_i w_{bi} |p_{bi} - t_{bi}|}{\sum_i w_{bi}}

    Parameters
    ----------
    prediction, target
        Tensors of one shape, (batch, outputs) or (batch, instants, outputs), unit of the target.
    weight
        How much each entry counts, same shape, ``>= 0``; entries of weight 0 are inert, NaN included. None: all alike.
    input_lengths
        Frames of each row, integer tensor (batch,), for outputs over time; frames beyond are inert. None: all frames.

    Returns
    -------
    Tensor of shape ()
        In the unit of the target, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes do not fit.

    References
    ----------
    TinyMyo, arXiv 2512.15729 (joint angles of NinaPro DB8); Salter et al., arXiv 2412.02725 (emg2pose).
    """
    return _mean_distance(prediction, target, weight, input_lengths, "l1")


def smooth_l1(
    prediction: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    input_lengths: torch.Tensor | None = None,
    *,
    beta: float = 1.0,
) -> torch.Tensor:
    r"""Mean of an error that is quadratic near 0 and linear beyond.

    .. math:: L = \frac{1}{B}\sum_b \frac{\sum_i w_{bi} h(p_{bi} - t_{bi})}{\sum_i w_{bi}}, \quad
              h(d) = d^2 / (2\beta) \text{ if } |d| < \beta \text{ else } |d| - \beta / 2

    Parameters
    ----------
    prediction, target, weight, input_lengths
        As in `l1`.
    beta
        Where the quadratic part ends, unit of the target, ``> 0``.

    Returns
    -------
    Tensor of shape ()
        In the unit of the target, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or beta is out of range.

    References
    ----------
    Girshick, Fast R-CNN, ICCV 2015, equation 3.
    """
    return _mean_distance(prediction, target, weight, input_lengths, "smooth_l1", beta)


def mse(
    prediction: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    input_lengths: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""Mean squared error.

    .. math:: L = \frac{1}{B}\sum_b \frac{\sum_i w_{bi} (p_{bi} - t_{bi})^2}{\sum_i w_{bi}}

    Parameters
    ----------
    prediction, target, weight, input_lengths
        As in `l1`.

    Returns
    -------
    Tensor of shape ()
        In the squared unit of the target, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes do not fit.

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning, 2006, section 3.1.1: the likelihood of Gaussian noise.
    """
    return _mean_distance(prediction, target, weight, input_lengths, "l2")


def angular(
    prediction: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    input_lengths: torch.Tensor | None = None,
    *,
    unit: Literal["degrees", "radians"] = "degrees",
) -> torch.Tensor:
    r"""Mean error of angles that come round: a full turn is no error.

    .. math:: L = \frac{1}{B}\sum_b \frac{\sum_i w_{bi} \left[1 - \cos(p_{bi} - t_{bi})\right]}{\sum_i w_{bi}}

    Near 0 it is half the squared error in radians. Opposite angles (error 2) have no gradient.

    Parameters
    ----------
    prediction, target, weight, input_lengths
        As in `l1`, both angles in `unit`.
    unit
        Unit of both angles.

    Returns
    -------
    Tensor of shape ()
        In ``[0, 2]``.

    Raises
    ------
    EmgDistillError
        When shapes do not fit.

    References
    ----------
    Mardia and Jupp, Directional Statistics, 2000, section 2.3.1: circular distance.
    """
    difference, weight = _difference(prediction, target, weight, input_lengths)
    radians = difference * (math.pi / 180.0 if unit == "degrees" else 1.0)
    return row_means(1.0 - radians.cos(), weight).mean()


def _mean_distance(
    prediction: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None,
    input_lengths: torch.Tensor | None,
    kind: Distance,
    beta: float = 1.0,
) -> torch.Tensor:
    difference, weight = _difference(prediction, target, weight, input_lengths)
    return row_means(distance(difference, kind, beta), weight).mean()


def _difference(
    prediction: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None, input_lengths: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return prediction - target, 0 where nothing counts, and how much each entry counts."""
    require_same("prediction", prediction, "target", target, "(batch, ..., outputs)")
    weight = entry_weight(weight, input_lengths, target)
    where = None if weight is None else weight > 0
    return wide(quiet(prediction, where)) - wide(quiet(target, where)), weight
