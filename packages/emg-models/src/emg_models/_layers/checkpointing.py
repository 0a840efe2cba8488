"""Less memory for training: blocks that are computed again on the way back, batches that are taken in pieces."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from emg_models._checks import require_count
from emg_models._errors import EmgModelsError

from .transformer import Block

__all__ = ["accumulate", "checkpoint_blocks"]


def checkpoint_blocks(model: nn.Module, on: bool = True) -> int:
    """Make the Transformer blocks of `model` forget their insides while training, or keep them again.

    Losses and gradients stay what they were; a step takes about a third longer.

    Parameters
    ----------
    model : nn.Module
        Any model with blocks; it is changed in place.
    on : bool
        Whether to forget.

    Returns
    -------
    int
        Blocks found, >= 1.

    Raises
    ------
    EmgModelsError
        The model has no Transformer block that can do it.
    """
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    if not blocks:
        raise EmgModelsError(
            f"{type(model).__name__} has no Transformer block to checkpoint; take smaller pieces with accumulate"
        )
    for block in blocks:
        block.checkpointing = on
    return len(blocks)


def accumulate(
    loss_of: Callable[[slice], Tensor],
    batch: int,
    piece: int,
    *,
    autocast: torch.dtype | None = None,
    device: str = "cpu",
    backward: Callable[[Tensor], object] = Tensor.backward,
) -> Tensor:
    """Go forward and back through a batch piece by piece, adding up gradients: faster where a piece fits the cache.

    Parameters
    ----------
    loss_of : callable
        Takes the rows of a piece and returns its share of the loss. The shares must add up to the loss of the batch:
        divide sums by counts of the whole batch (which masks give before the model runs), not means by pieces.
    batch, piece : int
        Rows of the batch and of a piece, >= 1; the last piece may be smaller. 2 to 4 windows of TinyMyo are best.
    autocast : torch.dtype, optional
        Autocast to this, as ``torch.bfloat16``; weights are cast once for all pieces, gradients and weights stay
        float32.
    device : str
        Type of the device that autocast is for.
    backward : callable
        What is done with each share.

    Returns
    -------
    Tensor
        Loss of the batch, a detached scalar. Gradients have been added to what ``.grad`` held.

    Raises
    ------
    EmgModelsError
        A count is no positive integer.

    Examples
    --------
    >>> model, x = torch.nn.Linear(3, 3), torch.randn(8, 3)
    >>> loss = accumulate(lambda rows: (model(x[rows]) - x[rows]).square().sum() / x.numel(), len(x), 2)
    """
    require_count("batch", batch)
    require_count("piece", piece)
    total = torch.zeros((), device=device)
    with torch.autocast(device, dtype=autocast, enabled=autocast is not None):
        for start in range(0, batch, piece):
            share = loss_of(slice(start, min(start + piece, batch)))
            backward(share)
            total += share.detach()
    return total
