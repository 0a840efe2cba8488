"""What every network asks of its input: a tensor of known shape, where the weights are and as they are."""

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from emg_models._errors import EmgModelsError

__all__ = ["require_input"]


def require_input(x: Tensor, module: nn.Module, shape: Sequence[int | None], required: str) -> None:
    """Raise unless `x` can go into `module`.

    Parameters
    ----------
    x : Tensor
        What the caller was given, whatever it is.
    module : Module
        Its first weight or buffer tells device and dtype; autocast may bring two dtypes together.
    shape : sequence of int or None
        Sizes along all axes; None for any.
    required : str
        End of the message about shape and dtype: what is required and what to do.

    Raises
    ------
    EmgModelsError
        It is no floating point tensor of this shape, or lies on another device, or has another dtype.
    """
    if not isinstance(x, Tensor):
        raise EmgModelsError(f"input of type {type(x).__name__}: a Tensor is required; use torch.from_numpy")
    sizes = zip(x.shape, shape, strict=False)
    if x.ndim != len(shape) or not x.is_floating_point() or any(need not in {None, size} for size, need in sizes):
        raise EmgModelsError(f"input of shape {tuple(x.shape)} and {x.dtype}: floating point {required}")
    own = next((each for each in chain(module.parameters(), module.buffers()) if each.is_floating_point()), None)
    if own is None:
        return
    if x.device != own.device:
        raise EmgModelsError(
            f"input on {x.device}, the model on {own.device}: one device is required; use x.to(device)"
        )
    if x.dtype != own.dtype and not _casts(x, own):
        raise EmgModelsError(
            f"input of {x.dtype}, the model in {own.dtype}: one dtype is required; use x.to({own.dtype}), or convert "
            "the model"
        )


def _casts(x: Tensor, own: Tensor) -> bool:
    """Whether autocast brings both together; it leaves float64 alone."""
    return torch.float64 not in {x.dtype, own.dtype} and not x.is_meta and torch.is_autocast_enabled(x.device.type)
