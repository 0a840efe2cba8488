"""Distillation of what lies inside a teacher: features, where they are active, and how they relate."""

from typing import Literal

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError

from ._rows import divergence, quiet, real_steps, require_positive, require_same, row_means, wide


def feature_distillation(
    projected: torch.Tensor,
    teacher_features: torch.Tensor,
    feature_lengths: torch.Tensor | None = None,
    *,
    distance: Literal["mse", "cosine"] = "mse",
) -> torch.Tensor:
    r"""Mean distance of projected features from the teacher's.

    .. math:: L = \frac{1}{B} \sum_b \frac{1}{F_b} \sum_{f < F_b} \frac{1}{d} \|r(s_{bf}) - t_{bf}\|^2
              \quad \text{or} \quad 1 - \cos(r(s_{bf}), t_{bf})

    Parameters
    ----------
    projected
        The student's features after the learned map r, tensor of shape (batch, frames, width).
    teacher_features
        The teacher's features t, same shape. No gradient reaches them.
    feature_lengths
        Frames F of each row, integer tensor (batch,); frames beyond are inert, NaN included. None: all frames.
    distance
        ``"mse"``: squared error, mean over the width. ``"cosine"``: 1 minus the cosine, blind to length.

    Returns
    -------
    Tensor of shape ()
        ``>= 0``; for ``"cosine"`` at most 2.

    Raises
    ------
    EmgDistillError
        When shapes or lengths do not fit.

    References
    ----------
    Romero et al., FitNets, arXiv 1412.6550, equation 3 (there half the sum over all entries).
    """
    require_same("projected", projected, "teacher_features", teacher_features, "(batch, frames, width)")
    learnt, taught, real = _frames(projected, teacher_features, feature_lengths)
    if distance == "mse":
        return row_means((learnt - taught).square().mean(2), real).mean()
    return row_means(1.0 - functional.cosine_similarity(learnt, taught, dim=2), real).mean()


def attention_transfer(
    features: torch.Tensor,
    teacher_features: torch.Tensor,
    feature_lengths: torch.Tensor | None = None,
    *,
    power: float = 2.0,
) -> torch.Tensor:
    r"""Distance of two maps of where features are active; the widths may differ.

    .. math:: L = \frac{1}{B} \sum_b \left\| \frac{Q_S}{\|Q_S\|_2} - \frac{Q_T}{\|Q_T\|_2} \right\|_2, \quad
              Q_{bf} = \sum_{i} |x_{bfi}|^p

    Parameters
    ----------
    features, teacher_features
        Tensors of shape (batch, frames, width) with the same frames. No gradient reaches the teacher's.
    feature_lengths
        Frames of each row, integer tensor (batch,); frames beyond are inert, NaN included. None: all frames.
    power
        Exponent p, ``>= 1``: the higher, the more the strongest entry of a frame counts.

    Returns
    -------
    Tensor of shape ()
        In ``[0, sqrt(2)]``.

    Raises
    ------
    EmgDistillError
        When shapes or lengths do not fit, or p is out of range.

    References
    ----------
    Zagoruyko and Komodakis, Paying More Attention to Attention, ICLR 2017, equation 2 with maps F_sum^p and the norm 2;
    its factor beta / 2 is the recipe's weight.
    """
    if power < 1.0:
        raise EmgDistillError(f"power={power} must be >= 1")
    learnt, taught, _ = _frames(features, teacher_features, feature_lengths)
    maps = [functional.normalize(x.abs().pow(power).sum(2), dim=1) for x in (learnt, taught)]
    return torch.linalg.vector_norm(maps[0] - maps[1], dim=1).mean()  # type: ignore[no-any-return]


def relation_distillation(
    features: torch.Tensor,
    teacher_features: torch.Tensor,
    feature_lengths: torch.Tensor | None = None,
    *,
    heads: int = 1,
    temperature: float = 1.0,
) -> torch.Tensor:
    r"""Divergence of how tokens relate by their queries, keys and values; the widths may differ.

    .. math:: L = \frac{\tau^2}{3 B} \sum_b \sum_{x \in \{q, k, v\}} \frac{1}{A F_b} \sum_{a, f}
              KL\left(R^T_{bxaf} \,\|\, R^S_{bxaf}\right), \quad
              R_{bxaf} = \text{softmax}_g \left(\frac{x_{baf} \cdot x_{bag}}{\tau \sqrt{d_a}}\right)

    Parameters
    ----------
    features, teacher_features
        Queries, keys and values side by side, tensors of shape (batch, frames, 3 * width) with the same frames: what
        the linear ``attn.qkv`` of a block returns. No gradient reaches the teacher's.
    feature_lengths
        Frames F of each row, integer tensor (batch,); frames beyond are inert, NaN included. None: all frames.
    heads
        Relation heads A into which each width is cut, ``>= 1`` and a divisor of both; they need not be the models'.
    temperature
        Temperature tau, ``> 0``.

    Returns
    -------
    Tensor of shape ()
        In nats, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes or lengths do not fit, or an option is out of range.

    References
    ----------
    Wang et al., MiniLMv2, arXiv 2012.15828, equations 4 to 6 (there the sum over the three kinds with weights of 1).
    """
    require_positive("temperature", temperature)
    if heads < 1 or features.shape[-1] % (3 * heads) or teacher_features.shape[-1] % (3 * heads):
        raise EmgDistillError(
            f"heads={heads}: it must be at least 1 and divide a third of both {features.shape[-1]} and "
            f"{teacher_features.shape[-1]} values per frame"
        )
    learnt, taught, real = _frames(features, teacher_features, feature_lengths)
    student, teacher = (_relations(x, heads, real, temperature) for x in (learnt, taught))
    cost = divergence(teacher, student, 1.0).mean((1, 2))
    return temperature**2 * row_means(cost, real).mean()


def _relations(x: torch.Tensor, heads: int, real: torch.Tensor | None, temperature: float) -> torch.Tensor:
    """Return scaled products of all pairs of frames, (batch, 3, heads, frames, frames), none with frames beyond."""
    batch, frames, _ = x.shape
    kinds = x.reshape(batch, frames, 3, heads, -1).permute(0, 2, 3, 1, 4)
    scale: float = temperature * kinds.shape[-1] ** 0.5
    products = torch.matmul(kinds, kinds.transpose(-1, -2)) / scale
    if real is None:
        return products
    return products.masked_fill(~real[:, None, None, None], torch.finfo(x.dtype).min)


def _frames(
    student: torch.Tensor, teacher: torch.Tensor, feature_lengths: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Return both features, 0 beyond each row's end, and which frames are real."""
    if student.ndim != 3 or teacher.ndim != 3 or student.shape[:2] != teacher.shape[:2]:
        raise EmgDistillError(
            f"features {tuple(student.shape)} and {tuple(teacher.shape)} must both be (batch, frames, width) with the "
            "same frames; choose layers of one frame rate"
        )
    real = real_steps("feature_lengths", feature_lengths, student)
    return wide(quiet(student, real)), wide(quiet(teacher.detach(), real)), real
