"""A teacher that follows its student's weights slowly, and shows its layers: data2vec."""

import copy

import torch
from torch import nn

from emg_distill._errors import EmgDistillError
from emg_distill.objectives import feature_target


class MomentumTeacher(nn.Module):
    r"""Copy of a student whose weights are a moving average of the student's.

    .. math:: \theta' \leftarrow \tau \theta' + (1 - \tau) \theta

    It stays in evaluation mode, has no gradient, and is saved with the module that holds it.

    Parameters
    ----------
    student
        Encoder with ``blocks``, a ModuleList whose members return (batch, tokens, width). It is copied as it stands,
        so make the teacher from initialised weights and before hooks are put on the student.
    top
        Last blocks K whose outputs `target` averages, ``>= 1``.

    Raises
    ------
    EmgDistillError
        When the student has no blocks, or fewer than K.

    References
    ----------
    Baevski et al., data2vec, arXiv 2202.03555, sections 3.2 and 3.3.
    """

    def __init__(self, student: nn.Module, top: int) -> None:
        super().__init__()
        blocks = getattr(student, "blocks", None)
        if not isinstance(blocks, nn.ModuleList) or not 1 <= top <= len(blocks):
            found = len(blocks) if isinstance(blocks, nn.ModuleList) else "no"
            raise EmgDistillError(
                f"top={top}: {type(student).__name__} has {found} blocks; choose 1 to all of the blocks of an encoder"
            )
        self.model = copy.deepcopy(student).requires_grad_(requires_grad=False)
        self._outputs: list[torch.Tensor] = []
        followed = self.model.get_submodule("blocks").children()
        for block in list(followed)[-top:]:
            block.register_forward_hook(self._keep)
        self.eval()

    def train(self, mode: bool = True) -> "MomentumTeacher":  # noqa: ARG002  nn.Module's signature
        """Stay in evaluation mode, whatever the module around it does."""
        return super().train(mode=False)

    @torch.no_grad()
    def target(self, *inputs: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        """Return `feature_target` of the last blocks, (batch, tokens, width); arguments as of the student."""
        self._outputs.clear()
        self.model(*inputs, **named)
        target = feature_target(self._outputs, len(self._outputs))
        self._outputs.clear()
        return target

    @torch.no_grad()
    def update(self, student: nn.Module, momentum: float) -> None:
        """Move weights towards the student's, and take over its buffers.

        Parameters
        ----------
        student
            The module that was copied, or one of the same parameters.
        momentum
            Tau in ``[0, 1]``: 1 changes no weight, 0 copies.
        """
        for mine, theirs in zip(self.model.parameters(), student.parameters(), strict=True):
            mine.lerp_(theirs.to(mine), 1.0 - momentum)
        for kept, given in zip(self.model.buffers(), student.buffers(), strict=True):
            kept.copy_(given)

    def _keep(self, _module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        self._outputs.append(output)


def momentum_at(step: int, start: float = 0.999, end: float = 0.9999, ramp: int = 30_000) -> float:
    r"""Return the momentum of an update: linear from start to end over the ramp, then constant.

    .. math:: \tau_n = \tau_e - (\tau_e - \tau_0) \max(0, 1 - n / n_\tau)

    Parameters
    ----------
    step
        Number n of the update, counted from 0.
    start, end
        Momenta, in ``[0, 1]``.
    ramp
        Updates until `end`, ``>= 0``; 0 is constant.

    Returns
    -------
    float
        In ``[0, 1]``.

    Raises
    ------
    EmgDistillError
        When a momentum or the ramp is out of range.

    References
    ----------
    Baevski et al., data2vec, arXiv 2202.03555, section 3.2 and table 6 (speech: 0.999 to 0.9999 over 30,000 updates).
    """
    if not (0.0 <= start <= 1.0 and 0.0 <= end <= 1.0) or ramp < 0:
        raise EmgDistillError(f"start={start} and end={end} must lie in [0, 1], ramp={ramp} must be >= 0")
    left = max(0.0, 1.0 - step / ramp) if ramp else 0.0
    return end - (end - start) * left
