"""Time-frequency consistency: a window and its spectrum are one thing seen twice."""

import torch

from emg_distill._errors import EmgDistillError

from ._contrastive import paired
from ._rows import require_fraction, require_positive


def time_frequency_consistency(
    time_views: torch.Tensor,
    frequency_views: torch.Tensor,
    time_projected: torch.Tensor,
    frequency_projected: torch.Tensor,
    *,
    temperature: float = 0.2,
    balance: float = 0.5,
    margin: float = 1.0,
) -> torch.Tensor:
    r"""Contrast in time, contrast in frequency, and closeness of the two.

    .. math:: L = \lambda (L_T + L_F) + (1 - \lambda) L_C, \quad
              L_T = D(h_T, \tilde h_T), \quad L_F = D(h_F, \tilde h_F), \quad
              L_C = \sum_{S \in \{D(z_T, \tilde z_F), D(\tilde z_T, z_F), D(\tilde z_T, \tilde z_F)\}}
              \left(D(z_T, z_F) - S + \delta\right)

    with D the loss `nt_xent`, h the encoders' outputs, z their projections into one space and a tilde for the augmented
    view.

    Parameters
    ----------
    time_views
        h of the window and of the augmented window, tensor of shape (batch, 2, width).
    frequency_views
        h of the spectrum and of the augmented spectrum, tensor of shape (batch, 2, width); its width may differ.
    time_projected, frequency_projected
        z of the same four, tensors of one shape (batch, 2, width).
    temperature
        Temperature tau of D, ``> 0``.
    balance
        Lambda, in ``[0, 1]``.
    margin
        Delta, ``>= 0``. There is no hinge in the source, so that delta moves the value and not the gradient.

    Returns
    -------
    Tensor of shape ()
        May be negative. Rows are each other's negatives, so it is no mean over rows.

    Raises
    ------
    EmgDistillError
        When shapes do not fit or an option is out of range.

    References
    ----------
    Zhang et al., Self-Supervised Contrastive Pre-Training For Time Series via Time-Frequency Consistency, NeurIPS 2022,
    arXiv 2206.08496, equations 1 to 4. The released code has tau 0.2, delta 1 and lambda 0.2 or 0.5, and in some of its
    versions takes D(z_T, z_F) alone for the consistency.
    """
    require_positive("temperature", temperature)
    require_fraction("balance", balance)
    if margin < 0.0:
        raise EmgDistillError(f"margin={margin} must be >= 0")
    _check(time_views, frequency_views, time_projected, frequency_projected)
    time, time_augmented = time_projected.unbind(1)
    frequency, frequency_augmented = frequency_projected.unbind(1)
    within = torch.stack([paired(v[:, 0], v[:, 1], temperature) for v in (time_views, frequency_views)]).sum()
    near = paired(time, frequency, temperature)
    far = ((time, frequency_augmented), (time_augmented, frequency), (time_augmented, frequency_augmented))
    apart = torch.stack([paired(first, second, temperature) for first, second in far])
    return balance * within + (1.0 - balance) * (near - apart + margin).sum()


def _check(*views: torch.Tensor) -> None:
    batch = len(views[0])
    fits = all(view.ndim == 3 and view.shape[:2] == (batch, 2) for view in views)
    if not fits or views[2].shape != views[3].shape or batch < 2:
        raise EmgDistillError(
            f"views {', '.join(str(tuple(view.shape)) for view in views)} must be (batch, 2, width) of at least two "
            "rows, and the two projections of one width"
        )
