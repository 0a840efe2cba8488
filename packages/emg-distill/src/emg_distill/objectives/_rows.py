"""What all objectives share: which entries count, differences by entry, and the mean over rows."""

from typing import Literal

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError

Distance = Literal["smooth_l1", "l1", "l2"]


def wide(x: torch.Tensor) -> torch.Tensor:
    """Return numbers in at least float32: sums over many entries do not belong in half precision."""
    return x if x.dtype == torch.float64 else x.float()


def require_shape(name: str, x: torch.Tensor, shape: tuple[int, ...], rule: str) -> None:
    """Raise unless a tensor has a shape; the rule says what the axes are."""
    if tuple(x.shape) != shape:
        raise EmgDistillError(f"{name} {tuple(x.shape)} must be {rule} = {shape}")


def require_same(first: str, x: torch.Tensor, second: str, y: torch.Tensor, rule: str) -> None:
    """Raise unless two tensors have the same shape."""
    if x.shape != y.shape:
        raise EmgDistillError(f"{first} {tuple(x.shape)} and {second} {tuple(y.shape)} must be of one shape: {rule}")


def require_positive(name: str, value: float) -> None:
    """Raise unless an option is above 0."""
    if not value > 0.0:
        raise EmgDistillError(f"{name}={value} must be > 0")


def require_fraction(name: str, value: float) -> None:
    """Raise unless an option lies in ``[0, 1]``."""
    if not 0.0 <= value <= 1.0:
        raise EmgDistillError(f"{name}={value} must lie in [0, 1]")


def real_steps(name: str, lengths: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor | None:
    """Return which steps lie before each row's end, bool (batch, steps), after checking the lengths.

    Parameters
    ----------
    name
        What the lengths are called in messages.
    lengths
        Integers (batch,) in ``[0, steps]``; None where all rows are full.
    x
        Tensor of shape (batch, steps, ...), on whose device the answer lies.
    """
    if lengths is None:
        return None
    batch, steps = x.shape[:2]
    require_shape(name, lengths, (batch,), "(batch,)")
    if bool(((lengths < 0) | (lengths > steps)).any()):
        raise EmgDistillError(f"{name}={lengths.tolist()}: each must lie between 0 and the {steps} steps of the batch")
    return torch.arange(steps, device=x.device) < lengths.to(x.device)[:, None]


def quiet(x: torch.Tensor, where: torch.Tensor | None) -> torch.Tensor:
    """Return 0 outside of `where`: what stood there, NaN included, reaches neither value nor gradient."""
    if where is None:
        return x
    return x.masked_fill(~_like(where, x), 0)


def row_means(values: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """Return each row's weighted mean, shape (batch,); 0 for a row in which nothing counts.

    Parameters
    ----------
    values
        Shape (batch, ...), finite.
    weight
        Bool, or numbers ``>= 0``, of the values' shape or of their first axes; None where all entries count alike.
    """
    rows = values.reshape(len(values), -1)
    if weight is None:
        return rows.mean(1)
    weights = _like(weight.to(values.dtype), values).expand_as(values).reshape(len(values), -1)
    total = weights.sum(1)
    return (rows * weights).sum(1) / total.where(total > 0, 1.0)


def entry_weight(
    weight: torch.Tensor | None, input_lengths: torch.Tensor | None, x: torch.Tensor
) -> torch.Tensor | None:
    """Return how much each entry of (batch, frames, ...) counts, 0 beyond each row's end; None: all alike."""
    if weight is not None:
        require_shape("weight", weight, tuple(x.shape), "of the target's shape")
    real = real_steps("input_lengths", input_lengths, x)
    return real if weight is None else quiet(weight, real)


def _like(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return x with axes of length 1 added at its end, as many as y has."""
    return x.reshape(*x.shape, *[1] * (y.ndim - x.ndim))


def distance(difference: torch.Tensor, kind: Distance, beta: float) -> torch.Tensor:
    r"""Return :math:`|d|`, :math:`d^2`, or :math:`d^2 / 2\beta` inside and :math:`|d| - \beta / 2` outside of beta."""
    if kind == "l1":
        return difference.abs()
    if kind == "l2":
        return difference.square()
    require_positive("beta", beta)
    return functional.smooth_l1_loss(difference, torch.zeros_like(difference), reduction="none", beta=beta)


def divergence(teacher: torch.Tensor, student: torch.Tensor, temperature: float) -> torch.Tensor:
    r"""Return :math:`\tau^2 KL(\sigma(t / \tau) \,\|\, \sigma(s / \tau))` over the last axis; no gradient to `teacher`.

    A class to which the teacher gives no probability at all (minus infinity) adds nothing.
    """
    require_positive("temperature", temperature)
    taught = functional.log_softmax(wide(teacher.detach()) / temperature, dim=-1)
    learnt = functional.log_softmax(wide(student) / temperature, dim=-1)
    share = taught.exp()
    terms = torch.where(share > 0, share * (taught - learnt), 0.0)
    return temperature**2 * terms.sum(-1)
