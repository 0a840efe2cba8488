"""Contrastive pre-training: two views of one window among those of all others in the batch."""

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError

from ._rows import require_positive, wide


def nt_xent(views: torch.Tensor, other_views: torch.Tensor, *, temperature: float = 0.2) -> torch.Tensor:
    r"""Normalised temperature-scaled cross-entropy over both views of all rows.

    .. math:: L = -\frac{1}{2B} \sum_{i=1}^{2B} \log \frac{\exp(\cos(z_i, z_{j(i)}) / \tau)}
              {\sum_{k \ne i} \exp(\cos(z_i, z_k) / \tau)}

    with z the 2B views and j(i) the other view of the same row.

    Parameters
    ----------
    views, other_views
        Tensors of shape (batch, width), ``batch >= 2``.
    temperature
        Temperature tau, ``> 0``.

    Returns
    -------
    Tensor of shape ()
        In nats, ``> 0``. Rows are each other's negatives, so it is no mean over rows.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or tau is out of range.

    References
    ----------
    Chen et al., SimCLR, ICML 2020, arXiv 2002.05709, equation 1.
    """
    _check(views, other_views, temperature)
    return paired(views, other_views, temperature)


def info_nce(
    views: torch.Tensor, other_views: torch.Tensor, *, temperature: float = 0.2, symmetric: bool = True
) -> torch.Tensor:
    r"""Cross-entropy of finding a row's other view among the other views of all rows.

    .. math:: L = -\frac{1}{B} \sum_i \log \frac{\exp(\cos(x_i, y_i) / \tau)}{\sum_k \exp(\cos(x_i, y_k) / \tau)}

    Parameters
    ----------
    views, other_views
        Tensors x and y of shape (batch, width), ``batch >= 2``.
    temperature
        Temperature tau, ``> 0``.
    symmetric
        Average with the same loss for x and y exchanged.

    Returns
    -------
    Tensor of shape ()
        In nats, ``> 0``. Rows are each other's negatives, so it is no mean over rows.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or tau is out of range.

    References
    ----------
    van den Oord et al., arXiv 1807.03748, equation 4; symmetric form: Radford et al., CLIP, arXiv 2103.00020.
    """
    _check(views, other_views, temperature)
    similarity = _unit(views) @ _unit(other_views).T / temperature
    own = torch.arange(len(views), device=views.device)
    forth = functional.cross_entropy(similarity, own)
    return (forth + functional.cross_entropy(similarity.T, own)) / 2 if symmetric else forth


def paired(views: torch.Tensor, other_views: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return `nt_xent` of tensors that have been checked."""
    every = torch.cat([_unit(views), _unit(other_views)])
    similarity = every @ every.T / temperature
    itself = torch.eye(len(every), dtype=torch.bool, device=every.device)
    other = torch.arange(len(every), device=every.device).roll(len(views))
    return functional.cross_entropy(similarity.masked_fill(itself, -torch.inf), other)


def _unit(x: torch.Tensor) -> torch.Tensor:
    return functional.normalize(wide(x), dim=1)


def _check(views: torch.Tensor, other_views: torch.Tensor, temperature: float) -> None:
    require_positive("temperature", temperature)
    if views.ndim != 2 or views.shape != other_views.shape or len(views) < 2:
        raise EmgDistillError(
            f"views {tuple(views.shape)} and other_views {tuple(other_views.shape)} must be of one shape "
            "(batch, width) with at least two rows, which are each other's negatives"
        )
