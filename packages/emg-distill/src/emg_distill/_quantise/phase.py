"""What the grids of a model share: the stage of the forward pass, rounding that gradients pass, other processes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .grid import Grid

Stage = Literal["trace", "observe", "run", "export"]


@dataclass
class Phase:
    """What the forward pass does at the moment, shared by all grids of a model.

    Parameters
    ----------
    stage
        ``"trace"`` finds who reads what, ``"observe"`` is the float model, ``"run"`` the integer program, ``"export"``
        the float model with its grids marked.
    follow
        Whether `Grid.write` notes extremes, from which `Grid.advance` moves the grid.
    record
        Takes the codes that every grid holds, where it is not None.
    """

    stage: Stage = "trace"
    follow: bool = False
    record: "dict[Grid, Tensor] | None" = None


class StraightThrough(torch.autograd.Function):
    """Forward a stored value in place of the real one; backward as if it were the real one, 0 where it saturated."""

    @staticmethod
    def forward(ctx: Any, real: Tensor, stored: Tensor, inside: Tensor) -> Tensor:  # noqa: ANN401  torch's context
        """Return `stored`."""
        del real
        ctx.save_for_backward(inside)
        return stored

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401  torch's context
        """Pass the gradient on where `inside`."""
        return grads[0] * ctx.saved_tensors[0], None, None


def straight_through(real: Tensor, stored: Tensor, inside: Tensor) -> Tensor:
    """Return `stored`; gradients go to `real` where `inside`."""
    result: Tensor = StraightThrough.apply(real, stored, inside)  # type: ignore[no-untyped-call]
    return result


def over_processes(seen: Tensor) -> tuple[Tensor, Tensor]:
    """Return the extremes over all processes, if there are several."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        ends = torch.stack([-seen[0], seen[1]])
        distributed.all_reduce(ends, op=distributed.ReduceOp.MAX)
        return -ends[0], ends[1]
    return seen[0], seen[1]
